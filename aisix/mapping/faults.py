"""Errors as the caller's dialect shows them: our own faults, and the upstream's errors translated.

`CallerDialect` is `<dialect>/caller.toml`: where the gateway must look itself, how a stream is
framed, what each kind of fault looks like. `ErrorTables` is `errors.toml` of one mapping. The only
place that shapes an error body; status, type, code and words are rows of those tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from aisix.errors import Complaint, Fault
from aisix.mapping import durations, paths
from aisix.mapping.parse import Parser
from aisix.mapping.paths import Json, Path
from aisix.mapping.rules import Condition
from aisix.mapping.source import Keys

_encode = msgspec.json.Encoder().encode
Where = Callable[[Keys], str]


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error ready for the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    kind: str = ""  # for the log and the metrics
    message: str = ""
    retry: str = ""  # "here": may be tried again; "elsewhere": by another target; "": never


@dataclass(frozen=True, slots=True)
class CallerDialect:
    name: str
    data: dict[str, Json]
    alias: Path
    stream: Path
    wants_usage: Path

    @classmethod
    def parse(
        cls, name: str, data: dict[str, Json], where: Where, complaints: list[Complaint]
    ) -> CallerDialect:
        request = data.get("request", {})
        found = []
        for key in ("alias", "stream", "wants_usage"):
            try:
                found.append(paths.parse(str(request.get(key) or ".")))
            except ValueError as error:
                complaints.append(Complaint(where(("request", key)), f"request.{key}", str(error)))
                found.append(paths.parse("."))
        for kind, row in data.get("fault", {}).items():
            if not isinstance(row, dict) or not isinstance(row.get("status"), int):
                at = where(("fault", kind))
                complaints.append(
                    Complaint(at, f"fault.{kind}", "a fault needs a status (a number)")
                )
        for kind in ("bug", "bad_json", "bad_response", "interrupted"):
            if kind not in data.get("fault", {}):
                complaints.append(
                    Complaint(where(("fault",)), f"fault.{kind}", "this fault is missing")
                )
        return cls(name, data, *found)

    @property
    def sample(self) -> dict[str, Json]:
        """A minimal request; a new object each time."""
        sample = self.data.get("request", {}).get("sample", {})
        return dict(msgspec.json.decode(_encode(sample)))

    @property
    def sample_alias(self) -> str:
        return str(paths.get(self.sample, self.alias.steps) or "alias")

    @property
    def credentials(self) -> list[tuple[str, str]]:
        """(header, word before the key) where a caller's key may stand."""
        return [(name, str(word).lower()) for name, word in self.data.get("auth", {}).items()]

    @property
    def models_route(self) -> str | None:
        route: str | None = self.data.get("models", {}).get("route")
        return route

    @property
    def models_header(self) -> str | None:
        """The header by which a list in this dialect is asked for, when the URL is shared."""
        header: str | None = self.data.get("models", {}).get("header")
        return header

    def model_list(self, models: list[dict[str, Json]]) -> Json:
        """The list of aliases; each model: alias, created (Unix seconds), provider."""
        items = [self.model_item(model) for model in models]
        names = [model["alias"] for model in models]
        known = {
            "models": items,
            "first": names[0] if names else None,
            "last": names[-1] if names else None,
        }
        return _fill(self.data["models"]["list"], known)

    def model_item(self, model: dict[str, Json]) -> Json:
        return _fill(self.data["models"]["item"], model)

    @property
    def reads(self) -> set[str]:
        """The top-level fields the gateway reads itself."""
        paths_ = (self.alias, self.stream, self.wants_usage)
        return {str(path.steps[0]) for path in paths_ if path.steps}

    def fault(self, error: Fault, **values: Json) -> ErrorAnswer:
        """Our own fault as this dialect shows it."""
        rows = self.data["fault"]
        row = rows.get(error.kind) or rows["bug"]
        quoted = {**values, **error.values}
        param = row.get("param", error.param)
        if param is not None:
            quoted["param"] = error.param if error.param is not None else param
        return self.answer(
            row["status"],
            row.get("type"),
            _say(row.get("code"), quoted),
            _say(row.get("message", ""), quoted) or "",
            param,
            _headers(row.get("headers", {}), quoted),
            error.kind,
        )

    def answer(
        self,
        status: int,
        type_: str | None,
        code: str | None,
        message: str,
        param: str | None,
        headers: dict[str, str],
        kind: str = "",
    ) -> ErrorAnswer:
        known = {"message": message, "type": type_, "param": param, "code": code, "status": status}
        body = _fill(self.data["error"]["body"], known)
        return ErrorAnswer(status, headers, _encode(body), kind, message)

    def limit_headers(
        self, counts: str, most: int, left: int, reset: float, now: float
    ) -> dict[str, str]:
        """Headers about a limit on `counts`; `reset` in seconds, `now` in Unix seconds."""
        told = {
            "most": most,
            "left": left,
            "reset": durations.written(reset),
            "reset_at": durations.moment(now + reset),
        }
        return _headers(self.data.get("limits", {}).get(counts, {}), told)

    def frame(self, error: ErrorAnswer) -> bytes:
        """The error inside a stream that has begun; nothing may follow it."""
        template: str = self.data["stream"]["error_frame"]
        return template.replace("{data}", error.body.decode()).encode()


def _fill(node: Json, known: dict[str, Json]) -> Json:
    if isinstance(node, dict):
        return {key: _fill(value, known) for key, value in node.items()}
    if isinstance(node, str) and node.startswith("$"):
        return known.get(node[1:])
    return node


def _headers(row: dict[str, str], values: dict[str, Json]) -> dict[str, str]:
    """The headers of a fault; one that quotes what this fault does not have is left out."""
    return {
        name: _say(text, values) or ""
        for name, text in row.items()
        if all(values.get(quoted) is not None for quoted in re.findall(r"\{(\w+)\}", text))
    }


def _say(text: str | None, values: dict[str, Json]) -> str | None:
    """`text` with {name} filled in; long or odd values are shortened, never a traceback."""
    if text is None or "{" not in text:
        return text

    def show(match: re.Match[str]) -> str:
        value = values.get(match.group(1))
        if value is None:
            return "this value" if match.group(1) == "value" else match.group(1)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        shown = value if isinstance(value, str) else _encode(value).decode()
        if match.group(1) == "value" and isinstance(value, str):
            shown = f"'{value}'"
        return shown if len(shown) <= 200 else shown[:200] + "..."

    return re.sub(r"\{(\w+)\}", show, text)


# ---------------------------------------------------------------- upstream errors
@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    guard: Condition | None
    data: dict[str, Json]


@dataclass(frozen=True, slots=True)
class _Param:
    match: re.Pattern[str]
    params: tuple[str, ...]
    list: str
    say: bool  # the complaint names the caller's field instead of the upstream's


@dataclass(frozen=True, slots=True)
class _Header:
    name: str  # the caller's
    sources: tuple[str, ...]  # the upstream's, first found wins
    left: bool  # a point in time becomes the time left
    limits: bool  # only for aliases that show limits


@dataclass(frozen=True, slots=True)
class ErrorTables:
    rows: tuple[_Row, ...] = ()
    params: tuple[_Param, ...] = ()
    passed: tuple[_Header, ...] = ()
    data: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: dict[str, Json], where: Where, complaints: list[Complaint]) -> ErrorTables:
        parser = Parser({"errors": data}, where)
        known = ("upstream", "status", "body", "param", "rename", "headers", "ratelimit_headers")
        parser.keys(data, ("errors",), known)
        rows = []
        for name, row in data.get("upstream", {}).items():
            at = ("errors", "upstream", name)
            keys = ("when", "unless", "match", "status", "type", "code", "param", "message")
            parser.keys(row, at, (*keys, "longest", "otherwise", "should_retry", "retry"))
            if row.get("retry") not in (None, "here", "elsewhere"):
                parser.complain((*at, "retry"), 'expected "here" or "elsewhere"')
            if not isinstance(row.get("status"), int) and row.get("status") != "$status":
                parser.complain((*at, "status"), 'expected a number, or "$status"')
            rows.append(_Row(name, parser.condition(row, at), row))
        params = []
        for name, row in data.get("param", {}).items():
            at = ("errors", "param", name)
            parser.keys(row, at, ("match", "param", "list", "say"))
            regex = parser.regex(row.get("match"), (*at, "match"))
            if regex:
                given = parser.words(row.get("param", []), (*at, "param"))
                say = row.get("say") is True
                params.append(_Param(regex, given, row.get("list", ""), say))
        passed = []
        for group in ("headers", "ratelimit_headers"):
            for name, row in data.get(group, {}).items():
                at = ("errors", group, name)
                row = row if isinstance(row, dict) else {"from": row}
                parser.keys(row, at, ("from", "as"))
                sources = parser.words(row.get("from", []), (*at, "from"))
                if row.get("as") not in (None, "time_left"):
                    parser.unknown((*at, "as"), "unknown word", str(row["as"]), ("time_left",))
                limits = group == "ratelimit_headers"
                passed.append(_Header(name, sources, "as" in row, limits))
        complaints += parser.complaints
        return cls(tuple(rows), tuple(params), tuple(passed), data)

    def translate(
        self,
        status: int | None,
        headers: dict[str, str],
        body: Json,
        caller: CallerDialect,
        alias: str,
        asked: dict[str, Json],
        origin: Callable[[str, int, int | None], str | None],
        passed: dict[str, str],
    ) -> ErrorAnswer:
        """The upstream's error (status None: inside a stream) as the caller's dialect shows it."""
        row, status = self._row(status, headers, body)
        message = self._said(body, "message")
        message = message if isinstance(message, str) else ""
        data: dict[str, Json] = row.data if row else {"status": 502, "message": ""}
        text = data.get("message", "")
        too_long = len(message) > data.get("longest", 4000)
        if "{message}" in text and (not message or too_long):
            text = data.get("otherwise", "The model provider refused the request.")
        param = data.get("param")
        if param == "$named":
            param, message = self.named(message, asked, origin)
        message = self.renamed(message)
        said = text.replace("{message}", message).replace("{alias}", alias)
        out = dict(passed)
        if data.get("should_retry") is False:
            out["x-should-retry"] = "false"
        wanted = data["status"] if isinstance(data["status"], int) else status
        kind_name = f"upstream.{row.name}" if row else "upstream"
        shown = caller.answer(
            wanted, data.get("type"), data.get("code"), said, param, out, kind_name
        )
        return replace(shown, retry=data.get("retry", ""))

    def retry(self, status: int | None, headers: dict[str, str], body: Json) -> str:
        """Whether such an answer may be asked for again; see ErrorAnswer.retry."""
        row, _ = self._row(status, headers, body)
        return str(row.data.get("retry", "")) if row else ""

    def _row(
        self, status: int | None, headers: dict[str, str], body: Json
    ) -> tuple[_Row | None, int]:
        """The row that holds, and the status (None: the one that the error's type stands for)."""
        from aisix.mapping.scope import Facts, Scope
        from aisix.mapping.view import View, holds

        if status is None:
            statuses = self.data.get("status", {})
            kind = self._said(body, "type")
            known = statuses.get(kind) if type(kind) is str else None
            status = int(known if known is not None else statuses.get("*", 500))
        seen = {**(body if isinstance(body, dict) else {}), "status": status, "headers": headers}
        view = View(Scope(Facts("", "", "", {}, {}), {}), seen)
        return next((r for r in self.rows if holds(r.guard, view)), None), status

    def _said(self, body: Json, what: str) -> Json:
        return paths.get(body, paths.parse(self.data.get("body", {}).get(what, ".")).steps)

    def named(
        self,
        message: str,
        asked: dict[str, Json],
        origin: Callable[[str, int, int | None], str | None],
    ) -> tuple[str | None, str]:
        """(the caller's field an upstream complaint is about, the complaint naming it so)."""
        for row in self.params:
            found = row.match.search(message)
            if not found:
                continue
            groups = found.groups()
            names = []
            for name in row.params:
                if name == "$origin":
                    part = groups[1] if len(groups) > 1 else None
                    path = origin(row.list, int(groups[0]), int(part) if part else None)
                    names += [path] if path else []
                else:
                    names.append(_groups(name, found))
            if not names:
                return row.list or None, message
            sent = [name for name in names if asked.get(name) is not None]
            param = (sent or names)[0]
            if row.say:
                message = message[: found.start()] + param + message[found.end() :]
            return param, message
        return None, message

    def renamed(self, message: str) -> str:
        for old, new in self.data.get("rename", {}).items():
            message = message.replace(old, new)
        return message

    def headers(self, headers: dict[str, str], limits: bool, now: float) -> dict[str, str]:
        """The upstream's response headers a caller may see, by the caller's names."""
        out = {}
        for row in self.passed:
            if row.limits and not limits:
                continue
            for name in row.sources:
                if name in headers:
                    value = headers[name]
                    found = durations.left(value, now) if row.left else value
                    if found is not None:
                        out[row.name] = found
                    break
        return out


def _groups(text: str, found: re.Match[str]) -> str:
    return re.sub(r"\{(\d)\}", lambda m: found.group(int(m.group(1))) or "", text)
