"""The pictures of the report: SVG and PNG, for light and for dark pages."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from report import OURS, by_case, ratios

if TYPE_CHECKING:
    from pathlib import Path

THEMES = {
    "light": {"text": "#1f2328", "ours": "#0969da", "other": "#afb8c1", "grid": "#d8dee4"},
    "dark": {"text": "#e6edf3", "ours": "#58a6ff", "other": "#6e7681", "grid": "#30363d"},
}
BARS = {
    # name: title, work, beginning of the case, figure, logarithmic
    "burst": ("CPU µs per event, burst of typed items", "burst", "item, 1 ", "us", True),
    "chunk": ("CPU µs per event, burst of chat chunks", "burst", "chunk, 1 ", "us", True),
    "capacity": (
        "Streams of 20 events/s on one core, p99 < 50 ms late",
        "capacity",
        "",
        "streams",
        False,
    ),
    "idle": ("KiB per idle stream", "idle", "", "kib", False),
}


def bars(axes: Any, cells: dict[str, Any], key: str, theme: dict[str, str], *, log: bool) -> None:
    """One bar for each contender, the best on top."""
    figures = {n: statistics.median(r[key] for r in rs.values()) for n, rs in cells.items()}
    names = sorted(figures, key=figures.__getitem__, reverse=key != "streams")
    colours = [theme["ours"] if name.startswith(OURS) else theme["other"] for name in names]
    drawn = axes.barh(names, [figures[name] for name in names], color=colours)
    labels = [f"{figures[n]:,.2f}" if figures[n] < 10 else f"{figures[n]:,.0f}" for n in names]
    axes.bar_label(drawn, labels, padding=4, color=theme["text"])
    axes.margins(x=0.15)
    if log:
        axes.set_xscale("log")


def lateness(axes: Any, cells: dict[str, Any], theme: dict[str, str]) -> None:
    """How late which share of the events is."""
    for name, rounds in cells.items():
        curve = [(q, max(v, 1)) for q, v in rounds[min(rounds)]["curve"] if q < 0.9999]
        if name == "raw ASGI" or len(curve) < 3:
            continue
        style = {"linewidth": 2.5, "color": theme["ours"]} if name == OURS else {"linewidth": 1.2}
        axes.plot([v / 1000 for _, v in curve], [1 - q for q, _ in curve], label=name, **style)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("ms late, or more")
    axes.set_ylabel("share of the events")
    axes.legend(frameon=False, labelcolor=theme["text"])


def growth(axes: Any, cases: dict[str, Any], theme: dict[str, str], unit: str) -> None:
    """Cost of an event by what its case counts, in this unit."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for case, cells in cases.items():
        if not case.endswith(unit):
            continue
        for name, rounds in cells.items():
            figure = statistics.median(record["us"] for record in rounds.values())
            curves.setdefault(name, []).append((int(case.split()[0].replace(",", "")), figure))
    for name, points in curves.items():
        style = {"linewidth": 2.5, "color": theme["ours"]} if name == OURS else {"linewidth": 1.2}
        axes.plot(*zip(*points, strict=True), marker="o", label=name, **style)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(unit)
    axes.set_ylabel("CPU µs per event")
    axes.legend(frameon=False, labelcolor=theme["text"])


def encoding(axes: Any, cases: dict[str, Any], theme: dict[str, str]) -> None:
    """How many times our time the first rival of each case takes."""
    figures: dict[str, float] = {}
    for case, cells in cases.items():
        rival = next((name for name in cells if name != OURS), None)
        if rival is not None:
            figures[f"{case}\nbeside {rival}"] = statistics.median(ratios(cells, rival, "ns"))
    names = sorted(figures, key=figures.__getitem__)
    colours = [theme["ours"] if figures[name] > 1 else theme["other"] for name in names]
    drawn = axes.barh(names, [figures[name] for name in names], color=colours)
    axes.bar_label(drawn, [f"{figures[n]:.3g}x" for n in names], padding=4, color=theme["text"])
    axes.set_xscale("log")
    axes.axvline(1, color=theme["text"], linewidth=0.8)
    axes.margins(x=0.15, y=0.01)
    axes.tick_params(axis="y", labelsize=8)


def chosen(result: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """What there are results for: title, and what paints it, by name."""
    found: dict[str, tuple[str, Any]] = {}
    for name, (title, work, begins, key, log) in BARS.items():
        for case, cells in by_case(result, work).items():
            if case.startswith(begins) and name not in found:
                found[name] = (
                    title,
                    lambda axes, theme, c=cells, k=key, g=log: bars(axes, c, k, theme, log=g),
                )
    if paced := by_case(result, "paced"):
        case, cells = max(paced.items(), key=lambda item: int(item[0].split()[0]))
        found["lateness"] = (f"Lateness, {case}", lambda axes, theme: lateness(axes, cells, theme))
    if encoded := by_case(result, "encode"):
        found["encode"] = (
            "Encoding: the rival's time as a multiple of ours",
            lambda axes, theme: encoding(axes, encoded, theme),
        )
    for name, work, unit in [
        ("sizes", "sizes", "bytes"),
        ("streams", "growth", "streams at once"),
        ("lengths", "growth", "events a stream"),
    ]:
        if cases := by_case(result, work):
            found[name] = (
                f"CPU of an event by {unit}",
                lambda axes, theme, c=cases, u=unit: growth(axes, c, theme, u),
            )
    return found


def draw(result: dict[str, Any], folder: Path) -> dict[str, str]:
    """Draw what there are results for; return the titles by name."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = chosen(result)
    for name, (title, paint) in drawn.items():
        for kind, theme in THEMES.items():
            colours = dict.fromkeys(["text.color", "axes.labelcolor", "xtick.color", "ytick.color"])
            settings = {**dict.fromkeys(colours, theme["text"]), "axes.edgecolor": theme["grid"]}
            with mpl.rc_context({**settings, "svg.hashsalt": "eventwire", "font.size": 11}):
                size = (8, 12) if name == "encode" else (8, 4.2)
                figure, axes = plt.subplots(figsize=size, layout="constrained")
                paint(axes, theme)
                axes.set_title(title, loc="left")
                axes.grid(axis="x", color=theme["grid"], linewidth=0.6)
                axes.set_axisbelow(True)
                axes.spines[["top", "right"]].set_visible(False)
                for form in ("svg", "png"):
                    path = folder / f"{name}-{kind}.{form}"
                    metadata = {"Date": None} if form == "svg" else None
                    figure.savefig(path, transparent=True, dpi=150, metadata=metadata)
                plt.close(figure)
    return {name: title for name, (title, _) in drawn.items()}
