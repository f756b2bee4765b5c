"""Both forms of tables side by side: where they differ it is a bug of aisix, not of the tables.

    bug = differ(case, mapping)          # None: the compiled form gives what the rules give
    str(bug); bug.told()                 # in a few lines; everything, for a report
    by_rules([(bug.mapping, bug.parts)]) # {mapping: parts}: what is not to be compiled until then

The rules are what is meant, so they serve. A stream has to give the same in every cut, too.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

import msgspec

from aisix import __version__
from aisix.errors import CallerError, OperatorError
from aisix.mapping.exchange import Exchange
from aisix.mapping.mappings import Mapping
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify import cases
from aisix.mapping.verify.cases import Case
from aisix.mapping.verify.differences import differences, frame_differences, frames
from aisix.mapping.verify.kept import Kept, engine, hashed

PARTS = ("request", "plain", "stream")
REPORT = "please report it where you have aisix from, with all that --json says of it"
MOST_LINES = 6  # of differences that are shown
LONGEST = 400  # characters of one of them
LARGEST = 1 << 16  # characters of an output or a file of the case in a report

Outcome = dict[str, Json]  # by part of PARTS; a stream as text


@dataclass(frozen=True, slots=True)
class FormsDiffer:
    """A reproduction: this case, these tables, what came of each form."""

    mapping: str
    tables: str  # digest
    case: str
    parts: tuple[str, ...]  # of PARTS; none: only a stream in pieces, whatever the form
    where: tuple[str, ...]  # path, what the rules give, what else came
    compiled: Outcome = field(repr=False)
    by_rules: Outcome = field(repr=False)
    files: dict[str, str] = field(repr=False)  # of the case; its case.toml as JSON

    def __str__(self) -> str:
        what = f"compiled {' and '.join(self.parts)}" if self.parts else "stream in pieces"
        then = "; it is run rule by rule" if self.parts else ""
        head = f"bug in aisix {__version__}: the {what} of {self.mapping} is not what the rules"
        lines = [f"{head} give{then}", f"case {self.case}; expected: by the rules", *self.where]
        return "\n    ".join([*lines[: MOST_LINES + 2], REPORT])

    def told(self) -> dict[str, Json]:
        """All that is needed to see it again."""
        return {
            "text": str(self),
            "mapping": self.mapping,
            "case": self.case,
            "parts": list(self.parts),
            "differences": list(self.where),
            "compiled": _short(self.compiled),
            "by_rules": _short(self.by_rules),
            "case_files": self.files,
            "versions": {
                "aisix": __version__,
                "engine": engine(),
                "tables": self.tables,
                "python": platform.python_version(),
            },
        }


Tried = tuple[list[str], FormsDiffer | None]  # what breaks, and how the forms differ


def by_rules(found: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
    """Of (mapping, parts) that differ: all the parts to be run rule by rule, by mapping."""
    out: dict[str, set[str]] = {}
    for name, parts in found:
        out.setdefault(name, set()).update(parts)
    return {name: sorted(parts) for name, parts in out.items() if parts}


def keep(kept: Kept, digest: str, found: dict[str, list[str]]) -> None:
    """For a gateway that begins with these tables and does not check them first."""
    if found:
        known = by_rules([*known_to_differ(kept, digest).items(), *found.items()])
        kept.put(_kept_as(digest), msgspec.json.encode(known))


def known_to_differ(kept: Kept, digest: str) -> dict[str, list[str]]:
    """What was kept of tables with this digest, by this very engine."""
    data = kept.get(_kept_as(digest))
    try:
        return msgspec.json.decode(data or b"{}", type=dict[str, list[str]])
    except msgspec.DecodeError:
        return {}


def _kept_as(digest: str) -> str:
    return "differ-" + hashed(engine(), digest)


def differ(case: Case, mapping: Mapping) -> FormsDiffer | None:
    """OperatorError and whatever a table that cannot be run raises come as they are."""
    fast, broke = _outcome(replace(case, compiled=True), mapping)
    slow, _ = _outcome(replace(case, compiled=False), mapping)
    parts = [part for part in PARTS if fast.get(part) != slow.get(part) or part in broke]
    if "request" in parts and "request" not in broke:
        parts = ["request"]  # the others follow it
    where = [broke[part] for part in parts if part in broke]
    for part in parts:
        where += _differences(part, slow.get(part), fast.get(part))
    if not parts and (cut := _in_pieces(case, mapping, slow)):
        where = cut
    if not where:
        return None
    return FormsDiffer(
        mapping.name,
        mapping.digest,
        case.name,
        tuple(parts),
        tuple(line[:LONGEST] for line in where),
        fast,
        slow,
        {
            "case.toml": msgspec.json.encode(case.about).decode(),
            **{name: _text(data) for name, data in case.files.items()},
        },
    )


def both_forms_agree(case: Case, mapping: Mapping) -> Tried:
    """Whatever comes out, nothing may break: (what breaks, how the forms differ)."""
    return _tried(lambda: differ(case, mapping))


def breaks(case: Case, mapping: Mapping) -> list[str]:
    """The same rule by rule alone: what breaks."""
    return _tried(lambda: _outcome(replace(case, compiled=False), mapping) and None)[0]


def _tried(run: Callable[[], FormsDiffer | None]) -> Tried:
    try:
        return [], run()
    except OperatorError as error:
        return [str(error)], None
    except Exception as error:  # a table that asks a verb for what it cannot do
        return [cases.broke(error)], None


# ---------------------------------------------------------------- what comes of one form
def _outcome(case: Case, mapping: Mapping) -> tuple[Outcome, dict[str, str]]:
    """Everything a caller or the upstream would see; the parts whose form broke, and how."""
    out: Outcome = {}
    broke: dict[str, str] = {}
    talk = cases.exchange(case, mapping)
    try:
        sent = talk.request(case.request(mapping.caller), cases.caller_headers(case))
        made: dict[str, Json] = {"body": _text(sent.body)}
        made |= {"headers": dict(sent.headers), "warnings": talk.warnings}
        if (here := talk.answered_here()) is not None:
            made["answer"] = _text(here.body)
        out["request"] = made
    except CallerError as error:
        out["request"] = {"refused": _text(talk.fault(error).body)}
    _note(talk, broke)
    if "refused" in out["request"]:
        return out, broke
    # KeyError: the tables ask for a further round, and the case has none.
    with contextlib.suppress(CallerError, KeyError):
        if cases.is_answered(case):
            answer, talk = cases.answered(case, mapping, [])
            out["plain"] = {
                "status": answer.status,
                "headers": dict(answer.headers),
                "body": _text(answer.body),
                "warnings": talk.warnings,
                "tokens": dict(talk.tokens),
            }
            _note(talk, broke)
    with contextlib.suppress(CallerError, KeyError):
        if (whole := case.files.get("upstream-stream.sse")) is not None:
            talks: list[Exchange] = []
            out["stream"] = _text(cases.stream(case, mapping, [whole], talks=talks))
            _note(talks[0], broke)
    return out, broke


def _note(talk: Exchange, broke: dict[str, str]) -> None:
    for part, _, bug in talk.take_fallbacks():
        if bug is not None:
            broke.setdefault(part, f"{part}: the compiled form {cases.broke(bug)}")


def _in_pieces(case: Case, mapping: Mapping, whole: Outcome) -> list[str]:
    """What differs when the stream comes in pieces, by either form."""
    if "stream" not in whole:
        return []
    expected = whole["stream"].encode()
    for compiled in (True, False):
        form = replace(case, compiled=compiled)
        cut = cases.cuttings(case.files["upstream-stream.sse"])
        for number, pieces in islice(enumerate(cut), 1, None):  # the first is the whole
            found = cases.stream(form, mapping, pieces)
            if frames(found) != frames(expected):
                how = "byte by byte" if number == 1 else f"cut at random, round {number}"
                return [f"stream fed {how}", *frame_differences(expected, found)]
    return []


def _differences(part: str, rules: Json, compiled: Json) -> list[str]:
    if part == "stream" and isinstance(rules, str) and isinstance(compiled, str):
        wanted, got = frames(rules.encode()), frames(compiled.encode())
        pairs = enumerate(zip(wanted, got, strict=False))
        found = [t for n, (a, b) in pairs for t in differences([*a], [*b], f"frame {n}")]
        if len(wanted) != len(got):
            found.append(f"expected {len(wanted)} frames, found {len(got)}")
    else:
        found = differences(_opened(rules), _opened(compiled))
    return [f"{part}: {text}" for text in found or ["the order of keys, or a number's form"]]


def _opened(outcome: Json) -> Json:
    """With bodies that are JSON as what they say."""
    if not isinstance(outcome, dict):
        return outcome
    return {name: _parsed(value) for name, value in outcome.items()}


def _parsed(value: Json) -> Json:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _short(outcome: Outcome) -> dict[str, str]:
    said = {
        part: value if isinstance(value, str) else _text(msgspec.json.encode(value))
        for part, value in outcome.items()
    }
    return {part: text[:LARGEST] for part, text in said.items()}
