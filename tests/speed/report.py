"""The bench's results as a table and a plot."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.speed.measure import Cost, ratios

Series = list[tuple[float, Cost]]  # millions of rows, and what they cost
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
WIDTH, BAR, LABEL = 720, 22, 330
BLUE, GREY, INK = "#3b6ea5", "#b8bfc6", "#24292f"


def write_report(
    rows: int,
    costs: Mapping[str, Sequence[Cost]],
    base: str,
    fits: Mapping[str, Cost],
    series: Series,
    folder: Path | None,
) -> None:
    """Print the results, or put them into a folder's bench.md, and a plot beside it."""
    text = "\n".join([*_copies(rows, costs, base), "", *_fits(fits), *_series(series)])
    if folder is None:
        sys.stdout.write(f"{text}\n")
        return
    page = folder / "bench.md"
    before, rest = page.read_text("utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")
    (folder / "bench.svg").write_text(plot(ratios(costs, base)), "utf-8")


def _copies(rows: int, costs: Mapping[str, Sequence[Cost]], base: str) -> list[str]:
    rounds = len(costs[base])
    found = [
        f"{rows:,} rows, {rounds} rounds, medians; load of the machine when it ended"
        f" {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores.",
        "",
        "| | CPU s: client + server | seconds | CPU, times raw | time, times raw | most MB |",
        "|---|---|---|---|---|---|",
    ]
    times = ratios(costs, base)
    for name, own in costs.items():
        client, server, wall = (
            statistics.median(getattr(c, part) for c in own)
            for part in ("client", "server", "wall")
        )
        cpu, time = times[name]
        memory = max(c.memory for c in own) / 1e6
        found.append(
            f"| {name} | {client:.1f} + {server:.1f} | {wall:.1f} | {cpu:.2f} | {time:.2f}"
            f" | {memory:.0f} |"
        )
    return found


def _fits(fits: Mapping[str, Cost]) -> list[str]:
    if not fits:
        return []
    told = [f"{c.cpu:.0f} CPU seconds (`{quality}`)" for quality, c in fits.items()]
    return [f"Fitting took {' and '.join(told)}; once, however many copies are made."]


def _series(series: Series) -> list[str]:
    if not series:
        return []
    lines = [
        f"| {millions:g} | {c.cpu:.1f} | {c.wall:.1f} | {c.cpu / millions:.1f}"
        f" | {c.memory / 1e6:.0f} |"
        for millions, c in series
    ]
    head = "| million rows | CPU s | seconds | CPU s a million | most MB |"
    return ["", head, "|---|---|---|---|---|", *lines]


def plot(times: Mapping[str, tuple[float, float]]) -> str:
    """Draw processor time and time of each way as bars, the raw copy as 1."""
    most = max(max(pair) for pair in times.values())
    room = WIDTH - LABEL - 60
    height = 30 + len(times) * (2 * BAR + 18)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' font-family="sans-serif" font-size="13" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (name, pair) in enumerate(times.items()):
        top = 20 + number * (2 * BAR + 18)
        label = name.replace("\\|", "|")
        parts.append(f'<text x="12" y="{top + BAR + 4}">{label}</text>')
        for row, (value, colour, unit) in enumerate(
            zip(pair, (BLUE, GREY), ("CPU", "time"), strict=True)
        ):
            y, long = top + row * BAR, max(1.0, value / most * room)
            parts.append(
                f'<rect x="{LABEL}" y="{y}" width="{long:.1f}" height="{BAR - 3}" fill="{colour}"/>'
            )
            at = LABEL + long + 6
            parts.append(f'<text x="{at:.1f}" y="{y + 15}">{value:.2f} {unit}</text>')
    one = LABEL + room / most
    parts.append(
        f'<line x1="{one:.1f}" x2="{one:.1f}" y1="10" y2="{height - 8}" stroke="{INK}"'
        ' stroke-dasharray="3 3"/>'
    )
    return "\n".join([*parts, "</svg>", ""])
