"""The page that Prometheus reads.

    page(scoreboard, {("aisix_workers", "ready"): 2.0})

Every worker counts in its own slot of the scoreboard; whichever is asked for the page adds all
slots up: one scrape shows the whole gateway.

Must never know: what is counted, and when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from aisix.telemetry.families import BY_NAME, FAMILIES, Family
from aisix.workers.scoreboard import Scoreboard

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

KEPT = 1 << 14  # labels with their values

Key = tuple[str, ...]
Totals = dict[Key, list[float]]
Join = Callable[[list[float], list[float]], list[float]]


def added(one: list[float], other: list[float]) -> list[float]:
    return [a + b for a, b in zip(one, other, strict=True)]


def totals(scoreboard: Scoreboard, how: Callable[[Key, int], tuple[bool, Join] | None]) -> Totals:
    """Every series over all slots. `how(key, cells)`: whether it is only of who lives, and how two
    of them become one; None: it is of another kind of page."""
    found: Totals = {}
    for slot in scoreboard.slots:
        alive = slot.alive
        for key, values in slot.series():
            told = how(key, len(values))
            if told is None or (told[0] and not alive):
                continue
            old = found.get(key)
            found[key] = values if old is None else told[1](old, values)
    return found


def of_family(key: Key, width: int) -> tuple[bool, Join] | None:
    """For `totals`: a series of FAMILIES."""
    family = BY_NAME.get(key[0])
    return None if family is None else (family.kind == "gauge", added)


def page(scoreboard: Scoreboard, made: Mapping[Key, float] | None = None) -> bytes:
    """The text; `made` holds what is known only now, by (name, *labels)."""
    return text_of(lines_of(FAMILIES, totals(scoreboard, of_family), made or {}))


def lines_of(
    families: Iterable[Family], counted: Mapping[Key, list[float]], made: Mapping[Key, float]
) -> Iterator[str]:
    """Those of some families; KeyError for what was `made` of none of FAMILIES."""
    total = {**counted}
    for key, value in made.items():
        total[BY_NAME[key[0]].name, *key[1:]] = [value]
    by_name: dict[str, list[tuple[Key, list[float]]]] = {}
    for key, values in sorted(total.items()):
        by_name.setdefault(key[0], []).append((key[1:], values))
    for family in families:
        yield from head_of(family)
        for labels, values in by_name.get(family.name, ()):
            yield from samples_of(family, labels, values)


def text_of(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def head_of(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.help}"
    yield f"# TYPE {family.name} {family.kind}"


def samples_of(family: Family, labels: Sequence[str], values: Sequence[float]) -> Iterator[str]:
    """The lines of one series. values: of a histogram how many by bounds, above all, the sum; of a
    summary the sum and how many."""
    pairs = [_pair(name, value) for name, value in zip(family.labels, labels, strict=True)]
    name = family.name
    if family.kind == "summary":
        yield sample(f"{name}_sum", pairs, values[0])
        yield sample(f"{name}_count", pairs, values[1])
    elif family.kind == "histogram":
        count = 0.0
        for bound, value in zip((*map(str, family.bounds), "+Inf"), values, strict=False):
            count += value
            yield sample(f"{name}_bucket", [*pairs, f'le="{bound}"'], count)
        yield sample(f"{name}_count", pairs, count)
        yield sample(f"{name}_sum", pairs, values[-1])
    else:
        yield sample(name, pairs, values[0])


def sample(name: str, pairs: Sequence[str], value: float) -> str:
    shown = repr(int(value)) if value == int(value) else repr(value)
    return f"{name}{{{','.join(pairs)}}} {shown}" if pairs else f"{name} {shown}"


@lru_cache(KEPT)
def _pair(name: str, value: str) -> str:
    """A label as it stands on the page; most are there thousands of times."""
    return f'{name}="{_escaped(value)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
