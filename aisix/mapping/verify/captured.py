"""A captured exchange as a file: `aisix capture` writes it, explain, test and new-case read it.

    found = read(data, "one.json")        a CapturedExchange; ValueError says what is wrong
    found.case(dialect)                   the same as a golden case
    differences_of(found, mapping)        what today's tables make otherwise

An exchange has one request and one answer of the caller's and, between them, attempts upstream: the
last counts, with those before it that were earlier rounds of the same (paused) turn.

Must never know: a running gateway.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.mapping.mappings import Mapping
from aisix.mapping.parse.inline import Inline, read_inline
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.accepting import actual, pretty
from aisix.mapping.verify.cases import Case
from aisix.mapping.verify.differences import differences, frame_differences, frames
from aisix.mapping.verify.redaction import by_line, mapped, plain

VERSION = 1
REQUEST_ID, NEW_ID = "req_0", "msg_0"  # what a case has in the place of random ones


class CapturedMessage(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A request or an answer. `body`: JSON; `text`: what is no JSON, such as the bytes of a stream;
    `left_out`: why neither is there."""

    headers: dict[str, str] = {}
    body: Json | msgspec.UnsetType = msgspec.UNSET
    text: str = ""
    status: int = 0
    left_out: str = ""

    @classmethod
    def of(cls, data: bytes, headers: dict[str, str], status: int = 0) -> CapturedMessage:
        try:
            return cls(headers, msgspec.json.decode(data), status=status)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return cls(headers, text=data.decode("utf-8", "replace"), status=status)

    @property
    def data(self) -> bytes:
        return self.text.encode() if self.body is msgspec.UNSET else msgspec.json.encode(self.body)

    @property
    def streamed(self) -> bool:
        """Whether it is a stream: no JSON, and not an error's page."""
        return bool(self.text) and self.status < 300 and "data:" in self.text


class CapturedAttempt(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One request upstream. `tables`: names and digests; `error`: why there is no whole answer."""

    model: str
    tables: str
    url: str
    request: CapturedMessage
    answer: CapturedMessage | None = None
    error: str = ""


class CapturedTarget(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """What translated it. `overlay`: the tables the alias carries itself, as texts."""

    mapping: str
    model: str
    version: str = ""
    options: dict[str, Json] = {}
    traits: list[str] = []
    overlay: list[str] = []
    strict: bool = False


class CapturedExchange(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """`now`: Unix seconds; `made`: ids the gateway made; `left`: the caller went away before the
    end."""

    aisix_capture: int
    alias: str
    at: str
    now: int
    target: CapturedTarget
    request: CapturedMessage
    request_id: str = ""
    redacted: bool = False
    attempts: list[CapturedAttempt] = []
    answer: CapturedMessage | None = None
    made: list[str] = []
    left: bool = False

    # ------------------------------------------------------------------ what it holds
    @property
    def rounds(self) -> list[CapturedAttempt]:
        """The attempts that count: the last, and earlier rounds of its turn."""
        found: list[CapturedAttempt] = []
        for one in self.attempts:
            before = found[-1] if found else None
            if before is not None and (
                before.model != one.model
                or before.tables != one.tables
                or before.request.data == one.request.data
                or before.answer is None
                or before.answer.status >= 300
            ):
                found.clear()
            found.append(one)
        return found

    @property
    def overlays(self) -> tuple[Inline, ...]:
        return read_inline(self.target.overlay, f"alias {self.alias}")

    def case(self, caller: CallerDialect, folder: Path = Path()) -> Case:
        """A golden case with all it holds; ValueError when a part was left out of the file."""
        about: dict[str, Json] = {"model": self.target.model, "alias": self._alias(caller)}
        about |= {"version": self.target.version} if self.target.version else {}
        about |= {"options": self.target.options} if self.target.options else {}
        about |= {"traits": self.target.traits} if self.target.traits else {}
        about |= {"strict": True} if self.target.strict else {}
        about |= {"overlay": self.target.overlay} if self.target.overlay else {}
        if self.request.headers:
            about["caller_headers"] = self.request.headers
        files = {"caller-request.json": pretty(_whole(self.request, "the caller's request"))}
        for number, one in enumerate(self.rounds, 1):
            last = f"-{number}" if number > 1 else ""
            files[f"upstream-request{last}.json"] = pretty(_whole(one.request, "the request"))
            if one.answer is None:
                continue
            said, data = one.answer, _whole(one.answer, "the upstream's answer")
            if said.streamed:
                files[f"upstream-stream{last}.sse"] = data
            elif said.body is msgspec.UNSET and number == 1:
                files["upstream-response.txt"] = data
            else:
                files[f"upstream-response{last}.json"] = pretty(data)
            if number == 1 and not said.streamed:
                about |= {"upstream_status": said.status} if said.status != 200 else {}
                about |= {"upstream_headers": said.headers} if said.headers else {}
        return Case(folder.name, folder, about, files)

    def _alias(self, caller: CallerDialect) -> str:
        found = paths.get(self.request.body, caller.alias.steps)
        return found if type(found) is str else self.alias


def read(data: bytes, name: str) -> CapturedExchange:
    """ValueError with the place in it that is wrong."""
    try:
        found = msgspec.json.decode(data, type=CapturedExchange)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"{name}: no captured exchange: {error}") from None
    if found.aisix_capture != VERSION:
        text = f"of another aisix (form {found.aisix_capture}; this one reads {VERSION})"
        raise ValueError(f"{name}: {text}")
    return found


def _whole(message: CapturedMessage, what: str) -> bytes:
    if message.left_out:
        raise ValueError(f"{what} is not in the file: {message.left_out}")
    return message.data


# ---------------------------------------------------------------- today's tables
def differences_of(found: CapturedExchange, mapping: Mapping) -> list[str]:
    """What the tables of now make of it otherwise than those of then; ValueError, OperatorError.

    Where it is redacted, texts are compared by length and kind.
    """
    case = found.case(mapping.caller)
    case.about["now"] = found.now
    made = actual(case, mapping)
    before = {n: d for n, d in case.files.items() if n == "upstream-request.json"}
    answer = found.answer
    whole = answer is not None and not answer.left_out and not found.left
    if answer is not None and whole:
        data = _as_in_a_case(found, answer.data)
        before |= {name: data for name in made if name.startswith("caller-")}
    wrong: list[str] = []
    for name in sorted(made.keys() & before.keys() | {n for n in made if n == "caller-error.json"}):
        then, now = before.get(name, b"null"), made[name]
        if name.endswith(".sse"):
            if found.redacted:
                then, now = (by_line(one, _plain, plain) for one in (then, now))
            told = frame_differences(then, now) if frames(then) != frames(now) else []
        else:
            one, other = msgspec.json.decode(then), msgspec.json.decode(now)
            if found.redacted:
                one, other = _plain(one), _plain(other)
            told = differences(one, other)
        wrong += [f"{name}: {text}" for text in told]
    return wrong


def _as_in_a_case(found: CapturedExchange, data: bytes) -> bytes:
    for one in found.made:
        data = data.replace(one.encode(), NEW_ID.encode())
    return (
        data.replace(found.request_id.encode(), REQUEST_ID.encode()) if found.request_id else data
    )


def _plain(value: Json) -> Json:
    return mapped(value, plain)
