"""A run's JSON as text, as a picture, and as the page docs/benchmarks.md.

    python -m bench.report FILE.json [--page]     # --page writes docs/benchmarks.md and its picture

Ratios are ours over theirs, taken round by round; what is shown is their median, and their spread.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).resolve().parent.parent
OURS = "aisix"

# (what, scenario, opponent, must, after): CPU of aisix over the opponent's
GOALS = (
    ("CPU per request, small, 16", "JSON small, 16", "LiteLLM", 1 / 40, 1 / 65),
    ("CPU per request, tools, 16", "JSON tools, 16", "LiteLLM", 1 / 35, 1 / 55),
    ("CPU per request, small, 16", "JSON small, 16", "ferrogw", 1.8, 1.0),
    ("CPU per request, tools, 16", "JSON tools, 16", "ferrogw", 1.5, 1.0),
    ("CPU per request, small, 1", "JSON small, 1", "ferrogw", 3.0, 2.0),
    ("CPU per request, tools, 1", "JSON tools, 1", "ferrogw", 3.0, 2.0),
    ("CPU per request, small, 16", "JSON small, 16", "floor (tornado)", 0.8, 0.5),
    ("CPU per request, tools, 16", "JSON tools, 16", "floor (tornado)", 0.8, 0.5),
    ("CPU per chunk, burst", "burst, 16", "LiteLLM", 1 / 100, 1 / 180),
    ("CPU per chunk, burst", "burst, 16", "ferrogw", 1 / 3, 1 / 4.5),
    ("CPU per chunk, 64 paced", "paced, 64", "ferrogw", 1.6, 1.0),
)


def median(values: list[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None


def cells(result: dict[str, Any], scenario: str, peer: str, figure: str) -> list[float | None]:
    return [
        None if cell.get("wrong") or not cell.get("requests") else cell.get(figure)
        for cell in result["figures"][scenario].get(peer, [])
    ]


def ratios(result: dict[str, Any], scenario: str, peer: str, figure: str = "cpu_us") -> list[float]:
    """Ours over theirs, round by round."""
    ours = cells(result, scenario, OURS, figure)
    theirs = cells(result, scenario, peer, figure)
    return [a / b for a, b in zip(ours, theirs, strict=False) if a and b]


def peers_of(result: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(peer for row in result["figures"].values() for peer in row))


def as_ratio(value: float) -> str:
    return f"1/{1 / value:.0f}" if value < 0.1 else f"{value:.2f}"


def goals(result: dict[str, Any]) -> list[list[str]]:
    rows = []
    for what, scenario, peer, must, after in GOALS:
        found = ratios(result, scenario, peer)
        shown, spread, met = "not measured", "", ""
        if found:
            value = statistics.median(found)
            shown = as_ratio(value)
            spread = f"{as_ratio(min(found))} .. {as_ratio(max(found))}"
            met = "after" if value <= after else "must" if value <= must else "no"
        rows.append([what, peer, shown, spread, as_ratio(must), as_ratio(after), met])
    added = first_chunk(result)
    if added:
        rows.append(["added time to first chunk", "LiteLLM", *added])
    return rows


def first_chunk(result: dict[str, Any]) -> list[str] | None:
    """What each adds to the direct call's time to the first chunk; ours over LiteLLM's."""
    scenario = "first chunk, 1"
    rows = [cells(result, scenario, peer, "first_p50_ms") for peer in ("direct", OURS, "LiteLLM")]
    found = [
        (ours - direct) / (theirs - direct)
        for direct, ours, theirs in zip(*rows, strict=False)
        if direct and ours and theirs
    ]
    if not found:
        return None
    value = statistics.median(found)
    met = "after" if value <= 1 / 20 else "must" if value <= 1 / 12 else "no"
    spread = f"{as_ratio(min(found))} .. {as_ratio(max(found))}"
    return [as_ratio(value), spread, "1/12", "1/20", met]


GOAL_HEADERS = ["figure", "over", "ratio", "spread", "must", "after", "met"]


def table(result: dict[str, Any], figure: str) -> list[list[Any]]:
    peers = peers_of(result)
    return [
        [scenario, *(show(median(cells(result, scenario, peer, figure))) for peer in peers)]
        for scenario in result["figures"]
    ]


def show(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def sections(result: dict[str, Any]) -> list[tuple[str, list[str], list[list[Any]]]]:
    peers = peers_of(result)
    out: list[tuple[str, list[str], list[list[Any]]]] = [
        ("Ratios: CPU of aisix over the peer's", GOAL_HEADERS, goals(result)),
        ("CPU, µs per request (streams: per chunk)", ["", *peers], table(result, "cpu_us")),
        ("Per second (streams: chunks)", ["", *peers], table(result, "per_second")),
        ("Whole answer, p50 ms", ["", *peers], table(result, "p50_ms")),
        ("First words, p50 ms", ["", *peers], table(result, "first_p50_ms")),
    ]
    if result["extras"]:
        names = list(dict.fromkeys(name for row in result["extras"].values() for name in row))
        rows = [
            [peer, *(row.get(name, "-") for name in names)]
            for peer, row in result["extras"].items()
        ]
        out.append(("Start, memory, callers who leave", ["", *names], rows))
    return out


def wrong(result: dict[str, Any]) -> list[str]:
    """What did not answer rightly, with a sample: never hidden in an average."""
    out = [f"{peer}: not measured, {why}" for peer, why in result["skipped"].items()]
    for scenario, row in result["figures"].items():
        for peer, found in row.items():
            count = sum(cell["wrong"] for cell in found)
            if count:
                sample = next((s for cell in found for s in cell["samples"]), "")
                out.append(f"{peer}, {scenario}: {count} wrong answers, e.g. {sample[:120]}")
    return out


def about(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"Taken {result['taken']} on {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['system']}, Python {machine['python']}; medians of {result['rounds']} "
        f"interleaved rounds of {result['seconds']} s a cell."
    )


def text(result: dict[str, Any], form: str = "simple") -> str:
    parts = [about(result)]
    for title, headers, rows in sections(result):
        head = f"## {title}" if form == "github" else title
        said = tabulate(rows, headers, tablefmt=form, disable_numparse=True)
        parts.append(f"{head}\n\n{said}")
    said_wrong = wrong(result)
    if said_wrong:
        head = "## Not measured, or wrong" if form == "github" else "Not measured, or wrong"
        parts.append(head + "\n\n" + "\n".join(f"- {line}" for line in said_wrong))
    return "\n\n".join(parts)


# ---------------------------------------------------------------- the picture
def picture(result: dict[str, Any]) -> str:
    """CPU per request and chunk as bars on a logarithmic scale, one group a scenario; SVG."""
    import math

    peers = [peer for peer in peers_of(result) if peer != "direct"]
    colours = ("#0b6e4f", "#9aa5b1", "#c3cad2", "#3d7edb", "#d1495b", "#e0a030", "#7a5195")
    bar, gap, left, width = 12, 14, 190, 900
    rows = table(result, "cpu_us")
    names = ["direct", *peers] if "direct" in peers_of(result) else peers
    height = 70 + len(rows) * (bar * len(peers) + gap) + 20
    scale = (width - left - 90) / math.log10(100000)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<text x="10" y="18" font-size="14">CPU, µs per request or chunk (logarithmic; less is '
        "better)</text>",
    ]
    x = 10
    for number, peer in enumerate(peers):
        out.append(f'<rect x="{x}" y="30" width="10" height="10" fill="{colours[number % 7]}"/>')
        out.append(f'<text x="{x + 14}" y="39">{peer}</text>')
        x += 34 + 7 * len(peer)
    y = 60
    for row in rows:
        values = dict(zip(names, row[1:], strict=False))
        middle = y + bar * len(peers) / 2 + 4
        out.append(f'<text x="{left - 8}" y="{middle}" text-anchor="end">{row[0]}</text>')
        for number, peer in enumerate(peers):
            said = values.get(peer, "-")
            if said != "-":
                value = float(said.replace(",", ""))
                length = max(1.0, scale * math.log10(max(1.0, value)))
                out.append(
                    f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" '
                    f'fill="{colours[number % 7]}"/>'
                    f'<text x="{left + length + 4:.1f}" y="{y + bar - 3}">{said}</text>'
                )
            y += bar
        y += gap
    return "\n".join([*out, "</svg>"]) + "\n"


def page(result: dict[str, Any]) -> str:
    return (
        "# Benchmarks\n\n"
        "<!-- Made by `python -m bench.report FILE.json --page`; do not edit. -->\n\n"
        "How to read these figures, and how not to quote them: "
        "[bench/README.md](../bench/README.md).\n\n![CPU per request and chunk](benchmarks.svg)\n\n"
        + text(result, "github")
        + "\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--page", action="store_true")
    given = parser.parse_args()
    run = json.loads(given.file.read_text())
    if given.page:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs" / "benchmarks.md").write_text(page(run))
        (ROOT / "docs" / "benchmarks.svg").write_text(picture(run))
    else:
        print(text(run))
