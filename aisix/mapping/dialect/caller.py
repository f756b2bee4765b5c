"""A caller's dialect: where the gateway must look itself, and what its own faults look like.

`CallerDialect` is `<dialect>/caller.toml`. How a stream is framed, which fields the gateway reads,
the list of models, and a row for each kind of fault: status, type, code and words. Errors of the
upstream are `upstream_errors.py`'s; it shapes them here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from aisix.errors import Complaint, Fault
from aisix.mapping.dialect import counts
from aisix.mapping.dialect.limit_headers import LimitHeaders
from aisix.mapping.parse.meant import near
from aisix.mapping.parse.structure import EXPECTED, found
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json, Path

_encode = msgspec.json.Encoder().encode
Where = Callable[[Keys], str]
STATUS = "a number from 400 to 599"
LONGEST_VALUE, LONGEST_ROUTES = 200, 2000  # characters of what a message quotes; ours are all told
ALIAS_IN_BASE = "{alias}"
_BASE = re.compile(r"(/[\w.~-]+)*/([\w.~-]+|\{alias\})(/[\w.~-]+)*")
_VARIANT_KEYS: dict[str, type] = {
    "status": int,
    "type": str,
    "code": str,
    "message": str,
    "headers": dict,
}
_FAULT_KEYS = {**_VARIANT_KEYS, "param": str, "by": str, "of": dict}


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error ready for the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    kind: str = ""  # for the log and the metrics
    message: str = ""
    retry: str = ""  # "here": may be tried again; "elsewhere": by another target; "": never
    stands_for: int = 0  # of an error inside an answer: the status it says it has; 0: it says none
    known: dict[str, Json] = field(default_factory=dict, repr=False)  # what the body is made of


@dataclass(frozen=True, slots=True)
class CallerDialect:
    name: str
    data: dict[str, Json]
    alias: Path
    stream: Path
    wants_usage: Path
    id_header: str = "x-request-id"  # the header with the gateway's own id of a request
    shows_id: bool = False  # in an error's body too
    credentials: tuple[tuple[str, str], ...] = ()  # (header, word before a caller's key)
    counts: tuple[counts.Counted, ...] = ()  # what a request may hold too much of
    limits: Mapping[str, LimitHeaders] = field(default_factory=dict)  # by what is counted
    headers: tuple[tuple[str, str], ...] = ()  # of an answer that is no error: name, template
    request_id: str = ""  # the gateway's own id of one request, where an error body shows it

    @classmethod
    def parse(
        cls, name: str, data: dict[str, Json], where: Where, complaints: list[Complaint]
    ) -> CallerDialect:
        request = data.get("request", {})
        places = []
        for key in ("alias", "stream", "wants_usage"):
            try:
                places.append(paths.parse(str(request.get(key) or ".")))
            except ValueError as error:
                complaints.append(Complaint(where(("request", key)), f"request.{key}", str(error)))
                places.append(paths.parse("."))
        counted: tuple[counts.Counted, ...] = ()
        try:
            counted = counts.parse(request.get("counts", {}))
        except ValueError as error:
            complaints.append(Complaint(where(("request", "counts")), "request.counts", str(error)))
        for kind, row in data.get("fault", {}).items():
            for key, text in _wrong_fault(row):
                at = where(("fault", kind, key) if key else ("fault", kind))
                path = f"fault.{kind}.{key}" if key else f"fault.{kind}"
                complaints.append(Complaint(at, path, text))
        for kind in ("bug", "bad_json", "bad_response", "interrupted"):
            if kind not in data.get("fault", {}):
                complaints.append(
                    Complaint(where(("fault",)), f"fault.{kind}", "this fault is missing")
                )
        for number, base in enumerate(data.get("bases", ())):
            if not _BASE.fullmatch(base):
                text = f"expected a path such as /a/b or /a/{ALIAS_IN_BASE}, found {found(base)}"
                complaints.append(Complaint(where(("bases",)), f"bases[{number}]", text))
        if "pass" in data and len(places[0].steps) != 1:
            text = "[pass] needs an `alias` at the top of a request: a field's name"
            complaints.append(Complaint(where(("request", "alias")), "request.alias", text))
        if "count" in data and "estimate" not in data:
            text = "there is no [estimate] to count by"
            complaints.append(Complaint(where(("count",)), "count", text))
        alias, stream, wants_usage = places
        shape = data.get("error", {})
        return cls(
            name,
            data,
            alias,
            stream,
            wants_usage,
            id_header=str(shape.get("request_id", "x-request-id")),
            shows_id=bool("$request_id" in shape.get("body", {}).values()),
            counts=counted,
            limits={kind: LimitHeaders(row) for kind, row in data.get("limits", {}).items() if row},
            headers=tuple(data.get("headers", {}).items()),
            credentials=tuple((k, str(word).lower()) for k, word in data.get("auth", {}).items()),
        )

    def of(self, request_id: str) -> CallerDialect:
        """The dialect for one request."""
        return replace(self, request_id=request_id) if self.shows_id else self

    @property
    def estimate(self) -> dict[str, Json] | None:
        """How a request's tokens are estimated."""
        how: dict[str, Json] | None = self.data.get("estimate")
        return how

    @property
    def count(self) -> dict[str, Json] | None:
        """Where a caller asks how many tokens a request would take."""
        how: dict[str, Json] | None = self.data.get("count")
        return how

    @property
    def refused(self) -> dict[str, dict[str, Json]]:
        """Routes that are not served, and what stands behind them, by name."""
        rows: dict[str, dict[str, Json]] = self.data.get("refuse", {})
        return rows

    @property
    def passes(self) -> dict[str, dict[str, Json]]:
        """Routes whose requests go upstream as they are, by name."""
        rows: dict[str, dict[str, Json]] = self.data.get("pass", {})
        return rows

    def counted(self, tokens: int) -> Json:
        """The answer to who asked for the count."""
        return _fill(self.data["count"]["answer"], {"count": tokens})

    @property
    def sample(self) -> dict[str, Json]:
        """A minimal request; a new object each time."""
        sample = self.data.get("request", {}).get("sample", {})
        return dict(msgspec.json.decode(_encode(sample)))

    def check(self, alias: str, prompt: str, tokens: int) -> dict[str, Json] | None:
        """A request that asks a model whether it is well; None: the dialect has none."""
        template = self.data.get("request", {}).get("check")
        if template is None:
            return None
        body: dict[str, Json] = _fill(template, {"prompt": prompt, "tokens": tokens})
        paths.put(body, self.alias.steps, alias)
        return body

    @property
    def sample_alias(self) -> str:
        return str(paths.get(self.sample, self.alias.steps) or "alias")

    @property
    def bases(self) -> tuple[str, ...]:
        """What may stand before its routes instead of their version."""
        return tuple(self.data.get("bases", ()))

    @property
    def models_route(self) -> str | None:
        route: str | None = self.data.get("models", {}).get("route")
        return route

    @property
    def models_header(self) -> str | None:
        """The header by which a list in this dialect is asked for, when the URL is shared."""
        header: str | None = self.data.get("models", {}).get("header")
        return header

    @property
    def pages(self) -> dict[str, Json] | None:
        """How a caller asks for a part of the list."""
        how: dict[str, Json] | None = self.data.get("models", {}).get("pages")
        return how

    def model_list(self, models: list[dict[str, Json]], more: bool = False) -> Json:
        """The list of aliases, or a part; each model: alias, created (Unix seconds), provider."""
        items = [self.model_item(model) for model in models]
        names = [model["alias"] for model in models]
        known = {
            "models": items,
            "first": names[0] if names else None,
            "last": names[-1] if names else None,
            "more": more,
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
        if "of" in row:
            row = {**row, **row["of"].get(str(error.values.get(row["by"])), {})}
        quoted = {**values, **error.values}
        param = row.get("param", error.param)
        if param is not None:
            quoted["param"] = error.param if error.param is not None else param
        return self.answer(
            row["status"],
            row.get("type") or None,
            _say(row.get("code"), quoted) or None,
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
        known: dict[str, Json] = {
            "message": message,
            "type": type_,
            "param": param,
            "code": code,
            "status": status,
        }
        known["request_id"] = self.request_id
        known |= {f"header.{name}": value for name, value in headers.items()}
        shape = self.data["error"]
        body = _fill(shape["body"], known, shape.get("leave_out", False))
        return ErrorAnswer(status, headers, _encode(body), kind, message, known=known)

    def told(self, warnings: str) -> bytes:
        """What a stream says of its losses before its end: a comment, which SDKs pass over."""
        template: str = self.data["stream"].get("told", "")
        return template.replace("{warnings}", warnings).encode()

    def frame(self, error: ErrorAnswer) -> bytes:
        """The error inside a stream that has begun; nothing may follow it."""
        template: str = self.data["stream"]["error_frame"]
        return template.replace("{data}", error.body.decode()).encode()


def is_status(value: Json) -> bool:
    return type(value) is int and 400 <= value <= 599


def _wrong_fault(row: Json) -> Iterator[tuple[str, str]]:
    """(the key, what is wrong with it) of one [fault]."""
    if not isinstance(row, dict) or "status" not in row:
        yield "", "a fault needs a status (a number)"
    if not isinstance(row, dict):
        return
    yield from _wrong_keys(row, _FAULT_KEYS)
    if ("of" in row) != ("by" in row):
        yield "", "`of` and `by` go together: `by` names what `of` is told apart by"
    variants = row.get("of", {})
    for name, variant in variants.items() if isinstance(variants, dict) else ():
        if not isinstance(variant, dict):
            yield "of", f"expected a table at {name}, found {found(variant)}"
            continue
        for key, text in _wrong_keys(variant, _VARIANT_KEYS):
            yield "of", f"{name}.{key}: {text}"


def _wrong_keys(row: dict[str, Json], known: dict[str, type]) -> Iterator[tuple[str, str]]:
    for key, value in row.items():
        kind = known.get(key)
        if kind is None:
            yield key, f"unknown key{near(key, known)}"
        elif not isinstance(value, kind):
            yield key, f"expected {EXPECTED[kind]}, found {found(value)}"
        elif key == "status" and not is_status(value):
            yield key, f"expected {STATUS}, found {found(value)}"
        elif key == "headers" and not all(isinstance(text, str) for text in row[key].values()):
            yield key, "expected text for each header"


def _fill(node: Json, known: dict[str, Json], leave_out: bool = False) -> Json:
    """`leave_out`: a field whose value is unknown is no field, instead of a null."""
    if isinstance(node, dict):
        return {
            key: _fill(value, known, leave_out)
            for key, value in node.items()
            if not _lacks(value, known, leave_out)
        }
    if isinstance(node, list):
        return [_fill(item, known, leave_out) for item in node]
    if isinstance(node, str) and node.startswith("$"):
        return known.get(node[1:])
    return node


def _lacks(node: Json, known: dict[str, Json], leave_out: bool) -> bool:
    """Whether it is a header that this error has not, or may be left out as any other value."""
    if not (isinstance(node, str) and node.startswith("$")):
        return False
    if leave_out and known.get(node[1:]) is None:
        return True
    return node.startswith("$header.") and node[1:] not in known


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
        longest = LONGEST_ROUTES if match.group(1) == "routes" else LONGEST_VALUE
        return shown if len(shown) <= longest else shown[:longest] + "..."

    return re.sub(r"\{(\w+)\}", show, text)
