"""A plot of the same figures: a panel for each load, a bar for each peer, ours in its own colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from chat.peers import OURS
from chat.report import Column, Results

mpl.use("Agg")

PANELS = (
    Column("A call alone: p50, µs", "alone", "p50_us"),
    Column("64 calls in flight: CPU per call, µs", "64", "cpu_us"),
    Column("64 calls in flight: calls/s, more is better", "64", "rate"),
    Column("256 calls in flight: calls/s, more is better", "256", "rate"),
    Column("32 streams, a delta every 5 ms: CPU per delta, µs", "paced", "cpu_us", "{:,.1f}"),
    Column("One stream without pauses: CPU per delta, µs", "flood", "cpu_us", "{:,.1f}"),
)
INK, MUTED, WHOLE, PARTLY, OTHER = "#22262b", "#6b7280", "#b4552d", "#e0a98f", "#aab4c0"


def draw(results: Results, peers: Sequence[str], file: Path) -> None:
    """Write the plot."""
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 9, "text.color": INK, "axes.titlesize": 10, "axes.titleweight": "bold"})
    figure, axes = pyplot.subplots(3, 2, figsize=(11, 3 * (0.75 + 0.26 * len(peers))), layout="constrained")
    for axis, panel in zip(axes.flat, PANELS, strict=True):
        _panel(axis, panel, results, peers)
    figure.suptitle("The cost of a client of chat models", x=0.01, ha="left", fontsize=13, weight="bold")
    machine = f"{os.cpu_count()} cores, Python {sys.version_info.major}.{sys.version_info.minor}"
    words = f"Medians, one upstream on loopback, logarithmic scales; less is better unless noted. {machine}."
    figure.supxlabel(words, x=0.01, ha="left", color=MUTED, fontsize=9)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)


def _colour(peer: str) -> str:
    """Return a strong colour for the gateway and a paler one for its variants."""
    return WHOLE if peer == OURS else PARTLY if peer.startswith(OURS) else OTHER


def _panel(axis: Any, panel: Column, results: Results, peers: Sequence[str]) -> None:
    values = {peer: results.median(peer, panel.mode, panel.what) for peer in peers}
    shown = {peer: value for peer, value in values.items() if value is not None}
    axis.set_title(panel.title, loc="left")
    axis.set_xscale("log")
    bars = axis.barh(list(shown), list(shown.values()), color=[_colour(peer) for peer in shown], height=0.72)
    axis.bar_label(bars, [panel.form.format(value) for value in shown.values()], padding=3, color=INK)
    if shown:
        # Room for the labels beside the bars.
        axis.set_xlim(min(shown.values()) / 3, max(shown.values()) * 4)
    axis.invert_yaxis()
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_visible(False)
    axis.spines[["top", "right", "bottom", "left"]].set_visible(False)
