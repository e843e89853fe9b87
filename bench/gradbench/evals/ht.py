"""Hand tracking: how far a posed hand is from points seen, and the Jacobian, in all directions at once."""

import itertools
from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function

FINGERS = 5


def rotations(x: Any, y: Any, z: Any) -> Any:
    """Rz(z) Ry(y) Rx(x) (..., 3, 3) of angles (...,)."""
    cx, sx, cy, sy, cz, sz = fg.cos(x), fg.sin(x), fg.cos(y), fg.sin(y), fg.cos(z), fg.sin(z)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return fg.stack([fg.stack(row, axis=-1) for row in rows], axis=-2)


def axis_rotation(r: Any) -> Any:
    """The rotation (3, 3) about the axis r by the angle |r|; below 1e-4 the identity."""
    square = fg.sum(r * r)
    turns = square >= 1e-8
    angle = fg.sqrt(fg.where(turns, square, 1.0))
    axis = r / angle
    x, y, z = axis[0], axis[1], axis[2]
    zero = 0.0 * x
    turned = fg.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    cosine, sine = fg.cos(angle), fg.sin(angle)
    rotation = axis[:, None] * axis * (1.0 - cosine) + np.eye(3) * cosine + turned * sine
    return fg.where(turns, rotation, np.eye(3))


def bone_angles(theta: Any, bones: int) -> Any:
    """The angles (3, bones) about x, z and y: of the fingers, each of which has four bones behind the wrist.

    The first of them turns about two axes, the next two about one, the last not at all.
    """
    of_fingers = theta[6:].reshape(FINGERS, 4)
    place = np.full((2, bones), 4 * FINGERS)  # of each angle in theta[6:] with a zero behind it
    for finger in range(FINGERS):
        bone, angle = 2 + 4 * finger, 4 * finger
        place[0, bone : bone + 3] = angle, angle + 2, angle + 3
        place[1, bone] = angle + 1
    angles = fg.concatenate([of_fingers.ravel(), np.zeros(1)])[place]
    return angles[0], angles[1]


def generations(parents: tuple[int, ...]) -> list[list[int]]:
    """The bones without a parent, then those whose parents are among these, and so on."""
    depth: list[int] = []
    for parent in parents:  # a parent comes before its children
        depth.append(0 if parent == -1 else depth[parent] + 1)
    return [[i for i, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]


def hand(theta: Any, model: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    """The positions (3, v) of the vertices of the posed hand, before it is moved as a whole."""
    bones = len(parents)
    x, z = bone_angles(theta, bones)
    turns = rotations(x, np.zeros(bones), z)
    relative = model["base_relatives"]
    relative = fg.concatenate([relative[:, :, :3] @ turns, relative[:, :, 3:]], axis=2)  # (bones, 4, 4)

    # A generation of bones at a time, as all bones of one depend on the one before alone.
    levels = generations(parents)
    absolute = [relative[levels[0]]]
    for before, level in itertools.pairwise(levels):
        of_parents = absolute[-1][[before.index(parents[i]) for i in level]]
        absolute.append(of_parents @ relative[level])
    order = np.argsort(np.concatenate(levels))
    transforms = (fg.concatenate(absolute)[order] @ model["inverse_base_absolutes"])[:, :3]
    if mirrored:
        transforms = transforms * np.array([-1.0, 1.0, 1.0])[:, None]
    transforms = axis_rotation(theta[:3]) @ transforms  # (bones, 3, 4)

    # Vertex v is moved by its weighted mean of the transforms: one product of matrices.
    weighted = model["weights"][:, None, :] * model["base_positions"]  # (bones, 4, v)
    moves = transforms.transpose(1, 0, 2).reshape(3, 4 * bones)
    return moves @ weighted.reshape(4 * bones, weighted.shape[2])


def errors(theta: Any, us: Any, data: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    """The differences (3, n) to vertices, or, with us (2, n), to points within triangles."""
    positions = hand(theta, data["model"], parents, mirrored)
    if us is None:
        found = positions[:, data["correspondences"]]
    else:
        a, b, c = (positions[:, corner] for corner in data["triangles"][:, data["correspondences"]])
        u, v = us[0], us[1]
        found = u * a + v * b + (1.0 - u - v) * c
    return data["points"] - theta[3:6, None] - found


def objective(theta: Any, us: Any, data: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    return errors(theta, us, data, parents, mirrored).T.ravel()


def jacobian(theta: Any, us: Any, data: Any, parents: tuple[int, ...], mirrored: bool) -> Any:
    """(3 n, 26), and with us two more columns in front, of each point by its own two numbers."""

    def along(direction: Any) -> Any:
        return fg.jvp(lambda t: errors(t, us, data, parents, mirrored), (theta,), (direction,))[1]

    columns = [fg.vmap(along)(np.eye(theta.shape[0]))]  # (26, 3, n)
    if us is not None:
        # A point does not depend on the numbers of others, so that those of all points are changed at once.
        directions = fg.broadcast_to(np.eye(2)[:, :, None], (2, *us.shape))
        found = lambda us: errors(theta, us, data, parents, mirrored)
        columns.insert(0, fg.stack([fg.jvp(found, (us,), (along_us,))[1] for along_us in directions]))
    by_column = fg.concatenate(columns)
    return by_column.transpose(2, 1, 0).reshape(-1, by_column.shape[0])


def prepare(given: Any) -> tuple[Any, ...]:
    data, model = given["data"], given["data"]["model"]
    parents = tuple(int(parent) for parent in model["parents"])
    names = ("base_relatives", "inverse_base_absolutes", "base_positions", "weights")
    us = np.array(given["us"], float).T.copy() if given["us"] else None
    arrays: dict[str, Any] = {
        "model": {name: np.array(model[name], float) for name in names},
        "points": np.array(data["points"], float).T.copy(),
        "correspondences": np.array(data["correspondences"], np.int64),
        "triangles": np.array(model["triangles"], np.int64).T.copy(),
    }
    for name in ("base_positions", "weights"):  # (4, v), (bones, v)
        arrays["model"][name] = arrays["model"][name].T.copy()
    return np.array(given["theta"], float), us, arrays, parents, bool(model["is_mirrored"])


FUNCTIONS = {
    "objective": Function(fg.compile(objective), prepare, np.ndarray.tolist),
    "jacobian": Function(fg.compile(jacobian), prepare, np.ndarray.tolist),
}
