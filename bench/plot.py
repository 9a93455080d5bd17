"""docs/performance.md's tables and docs/performance/<suite>.svg, from bench/results."""

import json
import re
from html import escape

from report import RESULTS, ROOT, bar_of, number

PAGE = ROOT / "docs/performance.md"
PLOTS = ROOT / "docs/performance"
COLOURS = {"weir": "#1f6feb", "nginx": "#9aa4ae", "haproxy": "#6b7580", "envoy": "#c3cad1",
           "direct": "#e5e9ed"}
LEFT, WIDTH, BAR, GAP = 210, 520, 9, 12  # pixels: names, scale, a bar, between rows
MOST = 3.0  # times the best peer, at the right end; longer bars are cut, and say how long they are


def update():
    """All suites that have results."""
    text = PAGE.read_text()
    for file in sorted(RESULTS.glob("*.json")):
        result = json.loads(file.read_text())
        suite = file.stem
        with_peers = [row for row in result["rows"] if row["peers"].keys() - {"direct"}]
        if with_peers:
            PLOTS.mkdir(exist_ok=True)
            (PLOTS / f"{suite}.svg").write_text(plot(with_peers))
        begin, end = f"<!-- {suite} -->\n", f"<!-- end of {suite} -->"
        text = re.sub(re.escape(begin) + ".*?" + re.escape(end),
                      lambda _, new=begin + table(result) + end: new, text, flags=re.S)
    PAGE.write_text(text)


def table(result):
    rows = result["rows"]
    peers = list(dict.fromkeys(name for row in rows for name in row.get("peers", {})))
    titles = ["metric", "unit", "weir", *peers, *(["ratio"] if peers else [])]
    titles += ["spread", "bar", "holds"]
    lines = [titles, ["---"] * len(titles)]
    for row in rows:
        cells = [row["metric"], row["unit"], number(row["weir"])]
        cells += [number(row["peers"].get(peer)) for peer in peers]
        cells += [number(row["ratio"])] if peers else []
        holds = {None: "", True: "yes", False: "**no**"}[row["holds"]]
        lines.append([*cells, "±" + number(row["spread"]), bar_of(row), holds])
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    about = f"{versions}; {machine['cores']} × {machine['cpu']}, Linux {machine['kernel']}"
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + f"\n\n{about}.\n"


def plot(rows):
    """Each row's figures over that of its best peer, as bars; a mark shows the row's bar."""
    parts = []
    y = 30
    for row in rows:
        figures = {"weir": row["weir"], **row["peers"]}
        best = row["peers"][row["best"]]
        top = y
        for name, figure in figures.items():
            share = figure / best
            width = min(share, MOST) / MOST * WIDTH
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 1}" '
                         f'fill="{COLOURS[name]}"><title>{name}: {number(figure)} '
                         f'{row["unit"]}</title></rect>')
            if name == "weir" or share > MOST:
                said = f'{number(figure)} {row["unit"]}'
                said += "" if name == "weir" else f", {share:.1f}×"
                x = LEFT + max(width, WIDTH / MOST) + 4  # right of the marks
                parts.append(f'<text x="{x:.1f}" y="{y + BAR - 1}">{said}</text>')
            y += BAR
        parts.append(f'<text x="{LEFT - 8}" y="{top + BAR + 4}" text-anchor="end">'
                     f'{escape(row["metric"])}</text>')
        if row["bar"] is not None:
            share = row["bar"] / best if row.get("absolute") else row["bar"]
            x = LEFT + min(share, MOST) / MOST * WIDTH
            parts.append(f'<path d="M{x:.1f} {top - 2}V{y + 1}" stroke="#d1242f" '
                         'stroke-width="1.5"/>')
        y += GAP
    x = LEFT + WIDTH / MOST
    shown = [(name, colour) for name, colour in COLOURS.items()
             if any(name == "weir" or name in row["peers"] for row in rows)]
    legend = "".join(f'<rect x="{LEFT + 90 * i}" y="8" width="10" height="10" fill="{colour}"/>'
                     f'<text x="{LEFT + 90 * i + 14}" y="17">{name}</text>'
                     for i, (name, colour) in enumerate(shown))
    x_of_bar = LEFT + 90 * len(shown)
    legend += (f'<path d="M{x_of_bar} 8v10" stroke="#d1242f" stroke-width="1.5"/>'
               f'<text x="{x_of_bar + 6}" y="17">weir\'s bar</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 110} {y}" '
            'font-family="sans-serif" font-size="11" fill="#24292f">\n'
            f'<rect width="100%" height="100%" fill="#fff"/>\n{legend}\n'
            f'<path d="M{x:.1f} 24V{y - GAP + 4}" stroke="#24292f" stroke-dasharray="2 3"/>\n'
            + "\n".join(parts) + "\n</svg>\n")
