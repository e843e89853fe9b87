"""Turns rows into a Markdown account, a JSON file and a picture."""

import json
import math
import platform
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.harness import REFERENCE, Row, Timing

TITLES = {
    "gemm": "Matrix product (GFLOP/s, share of the FMA peak)",
    "linear": "Linear model, mean squared error: value and gradient (GB/s of X, share of a plain read of X)",
    "eager": "Eager calls from Python",
    "compile": "Recorded gradients: a call from Python, and making one",
    "import": "Import and size",
    "train": "Training step of an MLP: inputs, width, hidden layers, batch (float32, ReLU, MSE, Adam)",
    "fleet": "Training step of one of many MLPs: inputs, width, hidden layers, batch (64 rates)",
    "examples": "Gradient of each example of a batch: inputs, width of an MLP with one hidden layer, batch",
    "science": "Derivatives that science asks for (float64)",
    "widths": "Training step of an MLP 16-w-w-1 by its width (batch 128)",
    "threads": "Training on several cores: inputs, width, hidden layers, batch (time of a step)",
}


def seconds(value: float) -> str:
    for scale, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}" if value * scale < 1000 else f"{value * scale:,.0f} {unit}"
    return f"{value * 1e9:.3g} ns"


def _cell(row: Row, name: str) -> str:
    timing = row.contestants.get(name)
    if timing is None:
        return ""
    if not timing.ok:
        return timing.status
    if row.unit == "MB":
        text = f"{timing.median:.1f} MB"
    elif row.unit == "x":
        return f"{timing.median:.2f}x {timing.detail}"
    elif row.rate and row.work is not None:
        text = f"{row.work / timing.median / 1e9:.3g}"
        limit = row.limit_seconds()
        if limit is not None:
            text += f" ({limit / timing.median:.0%})"
    else:
        text = seconds(timing.median)
    ratio = row.ratio(name)
    if ratio is None or name == REFERENCE:
        return text
    return f"{text} · " + (f"{ratio:.2f}x" if ratio >= 1 else f"**{ratio:.2f}x**")


def _names(rows: Iterable[Row]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row.contestants))
    return list(names)


def _table(rows: list[Row]) -> list[str]:
    names = _names(rows)
    # A row whose cells are times says in a column of its own what the limit would take.
    limits = any(row.limit_seconds() is not None and not row.rate for row in rows)
    head = ["case", *names, *(["at the limit"] if limits else []), "spread"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row.case, *(_cell(row, name) for name in names)]
        if limits:
            limit = row.limit_seconds()
            cells.append("" if limit is None else seconds(limit))
        cells.append(f"{row.spread():.0%}" if row.unit == "s" else "")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def line(row: Row) -> str:
    """One row for the terminal while the run goes on."""
    cells = [f"{name} {_cell(row, name)}" for name in row.contestants]
    return f"{row.suite} · {row.case}: " + " | ".join(cells).replace("**", "")


def _losses(rows: list[Row]) -> list[str]:
    lost = []
    for row in rows:
        for name in row.contestants:
            ratio = row.ratio(name)
            # Other ways of using fastgrad are beside it for comparison; they beat nobody.
            if not name.startswith(REFERENCE) and row.unit != "x" and ratio is not None and ratio < 1:
                doubt = ", less than the row's spread" if 1 / ratio - 1 < row.spread() else ""
                lost.append(f"- {row.suite}, {row.case}: {name} takes {ratio:.2f} of the time{doubt}")
    return lost


def _troubles(rows: list[Row]) -> list[str]:
    """Each reason once, with the cases it holds for."""
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        every: dict[str, Timing] = {**row.limits, **row.contestants}
        for name, timing in every.items():
            if not timing.ok:
                reasons.setdefault((name, timing.status, timing.detail), []).append(
                    f"{row.suite}, {row.case}"
                )
    return [
        f"- {name}: {status} ({detail}) in {where[0]}"
        + (f" and {len(where) - 1} more" if len(where) > 1 else "")
        for (name, status, detail), where in reasons.items()
    ]


def _head(about: dict[str, Any]) -> list[str]:
    machine, options = about["machine"], about["options"]
    cpu = f"{machine['cpu']} ({machine['family_model']}), {machine['isa']}, {machine['cores']} cores"
    turns = f"{options['repeats']} turns of about {options['turn_seconds']} s each"
    lines = [
        "# fastgrad beside its peers",
        "",
        f"- machine: {cpu}, {machine.get('memory_gb', '?')} GB; {machine['system']}",
        f"- threads: {options['threads']}; {turns}, taken in rotation; figures are medians",
    ]
    known = {name: value for name, value in about["limits"].items() if isinstance(value, float)}
    for count in sorted({int(name.rsplit("_", 1)[1]) for name in known}):
        f32, f64, read = (
            known.get(f"{n}_{count}") for n in ("fma_float32_gflops", "fma_float64_gflops", "read_256mb_gbs")
        )
        if f32 and f64 and read:
            threads = "1 thread" if count == 1 else f"{count} threads"
            peak = f"{f32:.0f} GFLOP/s float32, {f64:.0f} float64"
            lines.append(f"- limits, {threads}: {peak}; {read:.1f} GB/s read (256 MB)")
    lines.append("- versions: " + ", ".join(f"{k} {v}" for k, v in about["versions"].items() if v))
    noise = about["noise"]
    load = "" if noise["load_before"] is None else f"load average before {noise['load_before']:.2f}; "
    lines.append(f"- noise: {load}{noise['stolen']:.1%} of the processor time stolen by other guests")
    lines += [
        "",
        "`1.50x`: this peer takes 1.5 times fastgrad's time; **bold** where fastgrad is slower.",
    ]
    return lines


def markdown(rows: list[Row], about: dict[str, Any]) -> str:
    lines = _head(about)
    for suite in dict.fromkeys(row.suite for row in rows):
        lines += ["", f"## {TITLES.get(suite, suite)}", ""]
        lines += _table([row for row in rows if row.suite == suite])
    for title, entries in (("Where fastgrad is slower", _losses(rows)), ("Not measured", _troubles(rows))):
        if entries:
            lines += ["", f"## {title}", "", *entries]
    return "\n".join(lines) + "\n"


def _as_json(row: Row) -> dict[str, Any]:
    def timing(t: Timing) -> dict[str, Any]:
        extra = {"median": t.median, "minimum": t.minimum} if t.ok else {}
        return {**asdict(t), **extra}

    return {
        "suite": row.suite,
        "case": row.case,
        "unit": row.unit,
        "work": row.work,
        "rate": row.rate,
        "x": row.x,
        "limit_seconds": row.limit_seconds(),
        "contestants": {name: {**timing(t), "ratio": row.ratio(name)} for name, t in row.contestants.items()},
        "limits": {name: timing(t) for name, t in row.limits.items()},
    }


def _picture(suite: str, rows: list[Row], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    curve = [row for row in rows if row.x is not None]
    rows = [row for row in rows if row.unit != "x" and any(t.ok for t in row.contestants.values())]
    figure, axes = plt.subplots(figsize=(9, 5 if curve else 1.5 + 0.28 * len(rows)), layout="constrained")
    if curve:
        _draw_curve(axes, curve)
    else:
        _draw_ratios(axes, rows)
    axes.set_title(TITLES.get(suite, suite).partition(" (")[0], fontsize=10)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_curve(axes: Any, rows: list[Row]) -> None:
    """Microseconds of each contestant over x."""
    rows = sorted(rows, key=lambda row: row.x or 0)
    for name in _names(rows):
        timings = [(row.x, t) for row in rows if (t := row.contestants.get(name)) and t.ok]
        x, y = [x for x, _ in timings], [t.median * 1e6 for _, t in timings]
        axes.plot(x, y, ".-", label=name, linewidth=1)
    axes.set_yscale("log")
    axes.grid(which="both", alpha=0.2)
    axes.set_xlabel(rows[0].case.rpartition(" ")[0])
    axes.set_ylabel("us")


def _draw_ratios(axes: Any, rows: list[Row]) -> None:
    """A dot for each contestant: its time over fastgrad's, or the fastest one's where fastgrad is absent."""
    from matplotlib.ticker import LogFormatter

    bases = []
    for row in rows:
        own = row.contestants.get(REFERENCE)
        bases.append(
            own.median if own and own.ok else min(t.median for t in row.contestants.values() if t.ok)
        )
    for name in _names(rows):
        timings = [row.contestants.get(name) for row in rows]
        ratios = [t.median / base if t and t.ok else math.nan for t, base in zip(timings, bases, strict=True)]
        axes.plot(ratios, range(len(rows)), "o", label=name, alpha=0.8)
    axes.set_yticks(range(len(rows)), [row.case for row in rows])
    axes.invert_yaxis()
    axes.axvline(1, color="0.5", linewidth=1)
    axes.set_xscale("log")
    for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        ticks(LogFormatter(minor_thresholds=(2, 0.5)))
    axes.grid(axis="x", which="both", alpha=0.2)
    axes.set_xlabel("time relative to fastgrad (to the fastest where fastgrad is absent); right of 1: slower")


def write(rows: list[Row], about: dict[str, Any], folder: Path) -> list[Path]:
    """Write bench.md, bench.json and, where matplotlib is installed, a picture for each suite."""
    folder.mkdir(parents=True, exist_ok=True)
    text, data = folder / "bench.md", folder / "bench.json"
    text.write_text(markdown(rows, about), encoding="utf-8")
    document = {**about, "node": platform.node(), "rows": [_as_json(row) for row in rows]}
    data.write_text(json.dumps(document, indent=1), encoding="utf-8")
    written = [text, data]
    try:
        for suite in dict.fromkeys(row.suite for row in rows if any(t.ok for t in row.contestants.values())):
            path = folder / f"{suite}.png"
            _picture(suite, [row for row in rows if row.suite == suite], path)
            written.append(path)
    except ImportError:
        pass
    return written
