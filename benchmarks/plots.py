"""What was measured, as pictures: every sample of every contender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.measure import Role, median

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measure import Benchmark, Measured

_COLOURS = {Role.OURS: "#1f6feb", Role.PEER: "#8b949e", Role.LIMIT: "#2da44e"}


def plot(benchmark: Benchmark, measured: Measured, folder: Path) -> None:
    """Draw a benchmark into `bench-NAME.png`."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure = plt.figure(layout="constrained")
    (benchmark.draw or bars)(measured, figure)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"bench-{benchmark.name}.png", dpi=110)
    plt.close(figure)


def bars(measured: Measured, figure: Any) -> None:
    """Draw a bar for the median of each contender, and a point for each of its runs."""
    rows = sorted(measured.samples.items(), key=lambda each: median(each[1]), reverse=True)
    figure.set_size_inches(8, 0.9 + 0.36 * len(rows))
    axes = figure.subplots()
    for place, (name, samples) in enumerate(rows):
        colour = _COLOURS[measured.roles[name]]
        axes.barh(place, median(samples), color=colour, alpha=0.55, height=0.6)
        axes.plot([each.seconds for each in samples], [place] * len(samples), "o", color=colour, markersize=4)
    axes.set_yticks(range(len(rows)), [_label(name, measured.roles[name]) for name, _ in rows])
    axes.set(xlabel="seconds; bars are medians, points single runs", xlim=(0, None))
    axes.grid(axis="x", alpha=0.3)


def _label(name: str, role: Role) -> str:
    return name if role is Role.OURS else f"{name} ({role})"
