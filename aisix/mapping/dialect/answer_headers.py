"""Headers of the caller's answer: those of the upstream's that go on, and those a row writes.

`[headers]` and `[ratelimit_headers]` of errors.toml name what goes on; `headers` of an `[upstream]`
row are rules over what that row sees. What is no header's text (a line break, a list, more than
LONGEST) is as if it were absent: an upstream's words make no header by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from aisix.errors import CallerError
from aisix.mapping.dialect import durations
from aisix.mapping.interpret import rules
from aisix.mapping.interpret.view import View
from aisix.mapping.parse.rules import Parser
from aisix.mapping.parse.structure import HEADER_NAME, found
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.syntax.budget import Spent
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import Rule

LARGEST = 10**18  # a number in one
LONGEST = 500  # characters of a header that a row writes
# What says how the answer itself is sent, or is the gateway's own to say.
OWN = re.compile(
    r"(?i)connection|content-.*|date|keep-alive|proxy-.*|server|set-cookie|te|trailer"
    r"|transfer-encoding|upgrade|x-aisix-.*|x-request-id"
)

Reads = Callable[[str, float], str | None]
READS: dict[str, Reads] = {
    "time_left": durations.left,  # a point in time becomes the time left
    # What is neither a number nor a date is left out.
    "wait": lambda text, now: durations.wait(text),
}
Written = tuple[tuple[str, Rule], ...]  # (header, its rule)


@dataclass(frozen=True, slots=True)
class Passed:
    """A header of the upstream's that goes on."""

    name: str  # the caller's
    sources: tuple[str, ...]  # the upstream's, first found wins
    reads: Reads | None  # its text at some time; None leaves it out


def passed(parser: Parser, data: dict[str, Json], group: str) -> tuple[Passed, ...]:
    """`[headers]` or `[ratelimit_headers]`."""
    shown = []
    for name, row in data.get(group, {}).items():
        at = ("errors", group, name)
        row = parser.unit(row, at, "passed_header")
        sources = parser.words(row.get("from", []), (*at, "from"))
        if not sources:
            parser.complain(at, "needs from = the upstream's header")
        shown.append(Passed(name, sources, READS.get(row.get("as", ""))))
    return tuple(shown)


def written(parser: Parser, row: dict[str, Json], at: Keys) -> Written:
    """The `headers` of an [upstream] row."""
    made: list[tuple[str, Rule]] = []
    for name, value in row.get("headers", {}).items():
        here = (*at, "headers", name)
        if not HEADER_NAME.fullmatch(name):
            parser.complain(here, "is no name of a header")
        elif OWN.fullmatch(name):
            parser.complain(here, "says how the answer is sent: the gateway's own to say")
        elif name.lower() in dict(made):
            parser.complain(here, "is there twice: case makes no other header")
        if isinstance(value, list) or (isinstance(value, dict) and not parser.is_rule(value)):
            parser.complain(here, f"expected a text, a number or a rule, found {found(value)}")
            continue
        rule = parser.rule(value, here)
        if rule.kind == "value" and value is not False and header_text(rule.value) is None:
            parser.complain(here, f"no header can hold {found(rule.value)}: {_WANTED}")
        made.append((name.lower(), rule))
    return tuple(made)


_WANTED = f"a number, or up to {LONGEST} printable ASCII characters"


def laid_over(headers: dict[str, str], rows: Written, view: View) -> dict[str, str]:
    """The headers with those a row writes; `false` takes one away, what finds nothing leaves it."""
    if not rows:
        return headers
    out = dict(headers)
    for name, rule in rows:
        try:
            value = rules.run(rule, view)
        except (CallerError, Spent, TypeError, ValueError, AttributeError):
            continue  # of whatever the upstream says, nothing may stand in the error's way
        text = header_text(value)
        if value is False or text is not None:
            out = {key: old for key, old in out.items() if key.lower() != name}
        if text is not None:
            out[name] = text
    return out


def header_text(value: Json) -> str | None:
    """A value as a header's text; None for what cannot be one."""
    if type(value) in (int, float) and -LARGEST < value < LARGEST:
        text = str(value)
    elif type(value) is str:
        text = value.strip()
    else:
        return None
    return text if text.isascii() and text.isprintable() and 0 < len(text) <= LONGEST else None
