"""Bundle adjustment: errors of points seen by cameras, and their Jacobian as a sparse matrix by rows."""

from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function


def cross(a: Any, b: Any) -> Any:
    return [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]


def dot(a: Any, b: Any) -> Any:
    return sum(s * t for s, t in zip(a, b, strict=True))


def rotated(v: Any, r: Any) -> Any:
    """Turn v about the axis r by the angle |r|: Rodrigues' formula, and its first terms where r is zero."""
    square = dot(r, r)
    turns = square > 0.0
    angle = fg.sqrt(fg.where(turns, square, 1.0))
    axis = [s / angle for s in r]
    cosine, sine = fg.cos(angle), fg.sin(angle)
    along = dot(axis, v) * (1.0 - cosine)
    return [
        fg.where(turns, s * cosine + c * sine + a * along, s + small)
        for s, c, a, small in zip(v, cross(axis, v), axis, cross(r, v), strict=True)
    ]


def errors(camera: Any, point: Any, weight: Any, seen: Any) -> Any:
    """Of p observations at once: 11 numbers of cameras, 3 of points, weights, what was seen, each (p,)."""
    r, centre, focal, middle, distortion = camera[:3], camera[3:6], camera[6], camera[7:9], camera[9:]
    x, y, z = rotated([s - c for s, c in zip(point, centre, strict=True)], r)
    x, y = x / z, y / z
    square = x * x + y * y
    scale = focal * (1.0 + square * (distortion[0] + square * distortion[1]))
    return tuple(weight * (scale * s + middle[i] - seen[i]) for i, s in enumerate((x, y)))  # each (p,)


def weight_error(weight: Any) -> Any:
    return 1.0 - weight * weight


def at_observations(cameras: Any, points: Any, weight: Any) -> Any:
    """The numbers of the camera and of the point of each observation, each (p,): they take turns."""
    i = np.arange(weight.shape[0])
    of_camera = fg.take(cameras, i % cameras.shape[1], axis=1)
    of_point = fg.take(points, i % points.shape[1], axis=1)
    return [of_camera[j] for j in range(11)], [of_point[j] for j in range(3)]


def objective(cameras: Any, points: Any, weight: Any, seen: Any) -> Any:
    camera, point = at_observations(cameras, points, weight)
    return fg.stack(errors(camera, point, weight, seen), axis=1), weight_error(weight)


def values(cameras: Any, points: Any, weight: Any, seen: Any) -> Any:
    """The entries of the Jacobian (31 p,): the errors by camera, point and weight, then the weight errors."""
    at = (*at_observations(cameras, points, weight), weight)
    (first, _), pullback = fg.vjp(lambda *at: errors(*at, seen), *at)
    # An observation's errors depend on its own numbers alone: a sweep for the first, one for the second.
    ones, zeros = fg.ones_like(first), fg.zeros_like(first)
    rows = []
    for seeds in ((ones, zeros), (zeros, ones)):
        by_camera, by_point, by_weight = pullback(seeds)
        rows += [*by_camera, *by_point, by_weight]
    of_weight = fg.elementwise_grad(weight_error)(weight)
    return fg.concatenate([fg.stack(rows).T.ravel(), of_weight])


VALUES = fg.compile(values)


def jacobian(cameras: Any, points: Any, weight: Any, seen: Any) -> Any:
    """In compressed rows: where each row begins, the columns and the values of the entries."""
    n, m, p = cameras.shape[1], points.shape[1], weight.shape[0]
    i = np.arange(p, dtype=np.int32)
    columns = np.empty(31 * p, np.int32)
    of_errors = columns[: 30 * p].reshape(p, 2, 15)
    of_errors[:, :, :11] = (11 * (i % n))[:, None, None] + np.arange(11, dtype=np.int32)
    of_errors[:, :, 11:14] = (11 * n + 3 * (i % m))[:, None, None] + np.arange(3, dtype=np.int32)
    of_errors[:, :, 14] = (11 * n + 3 * m + i)[:, None]
    columns[30 * p :] = 11 * n + 3 * m + i
    rows = np.empty(3 * p + 1, np.int32)
    rows[: 2 * p] = 15 * np.arange(2 * p, dtype=np.int32)
    rows[2 * p :] = np.arange(30 * p, 31 * p + 1, dtype=np.int32)
    return rows, columns, VALUES(cameras, points, weight, seen)


def prepare(given: Any) -> tuple[Any, ...]:
    n, m, p = (int(given[name]) for name in "nmp")

    def many(numbers: Any, count: int) -> Any:
        return np.repeat(np.array(numbers, float)[:, None], count, axis=1)

    return (
        many(given["cam"], n),
        many(given["x"], m),
        np.full(p, float(given["w"])),
        many(given["feat"], p),
    )


def finish_objective(result: Any) -> Any:
    reprojection, weight = result
    count = len(weight)
    return {
        "reproj_error": {"elements": reprojection[0].tolist(), "repeated": count},
        "w_err": {"element": float(weight[0]), "repeated": count},
    }


def finish_jacobian(result: Any) -> Any:
    """The first 30 numbers of each array and its last one."""
    return {
        name: [*part[:30].tolist(), part[-1].item()]
        for name, part in zip(("rows", "cols", "vals"), result, strict=True)
    }


FUNCTIONS = {
    "objective": Function(fg.compile(objective), prepare, finish_objective),
    "jacobian": Function(jacobian, prepare, finish_jacobian),
}
