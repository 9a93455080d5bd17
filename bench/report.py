"""Rows from rounds, the table on the terminal, and bench/results/<suite>.json."""

import json
import statistics
from dataclasses import dataclass

from harness import ROOT, say

RESULTS = ROOT / "bench/results"


@dataclass(frozen=True)
class Metric:
    """A row. `bar` is for the ratio to the best peer; without peers, or if it is `absolute`, for
    weir's figure itself."""
    name: str
    unit: str
    bar: float | None = None
    part: str = ""  # which of a measurement's figures it takes
    against: tuple[str, ...] | None = None  # the peers that the ratio is to; None: all
    absolute: bool = False


def row(metric, rounds):
    """`rounds`: a {program: figure} each, weir among them. Less is better, always.

    The ratio is taken within each round and to each peer; the best peer is the one with the highest
    median. The spread is the largest distance of one round from the median.
    """
    median = {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}
    weir = median.pop("weir")
    judged = [figures["weir"] for figures in rounds]
    best = ratio = None
    if median:
        ratios = {peer: [figures["weir"] / figures[peer] for figures in rounds]
                  for peer in metric.against or median}
        best = max(ratios, key=lambda peer: statistics.median(ratios[peer]))
        ratio = statistics.median(ratios[best])
        if not metric.absolute:
            judged = ratios[best]
    middle = statistics.median(judged)
    spread = max(abs(value - middle) for value in judged)
    return {
        "metric": metric.name,
        "unit": metric.unit,
        "weir": significant(weir),
        "peers": {name: significant(figure) for name, figure in median.items()},
        "best": best,
        "ratio": None if ratio is None else round(ratio, 3),
        "spread": significant(spread),
        "bar": metric.bar,
        "absolute": metric.absolute,
        "holds": None if metric.bar is None else middle <= metric.bar,
    }


def significant(value):
    return float(f"{value:.4g}")


def print_table(rows):
    peers = list(dict.fromkeys(name for entry in rows for name in entry["peers"]))
    titles = ["metric", "unit", "weir", *peers, "ratio", "spread", "bar", "holds"]
    lines = [titles]
    for entry in rows:
        lines.append([entry["metric"], entry["unit"], number(entry["weir"]),
                      *(number(entry["peers"].get(peer)) for peer in peers),
                      number(entry["ratio"]), number(entry["spread"]), bar_of(entry),
                      {None: "-", True: "yes", False: "NO"}[entry["holds"]]])
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        name, *cells = line
        print(name.ljust(widths[0]),
              *(cell.rjust(width) for cell, width in zip(cells, widths[1:])), sep="  ")


def bar_of(entry):
    """As in tables: with its unit where the ratio beside it is not what it is for."""
    return number(entry["bar"]) + (f' {entry["unit"]}' if entry.get("absolute") else "")


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def write(suite, rows, meta):
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{suite}.json"
    result = {"benchmark": suite, **meta}
    result["rows"] = rows
    file.write_text(json.dumps(result, indent=2) + "\n")
    say(f"written: {file.relative_to(ROOT)}")
