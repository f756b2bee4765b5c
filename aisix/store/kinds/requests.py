"""What a provider key adds to each of its requests: headers, fields of the body.

The words are the original AISIX's; its `request.*` comes here.

Must never know: a request, which fields an upstream has.
"""

from __future__ import annotations

import json
import re
from typing import Any

import voluptuous as vol

from aisix.movein.headers import credential, default, forwarded
from aisix.store.kinds import checks
from aisix.store.kinds.credentials import likely
from aisix.store.kinds.declare import Field, Type
from aisix.store.resources import ParamConstraint

may_add, may_forward = default, forwarded
MOST = 50
MOST_BODY = 32_768  # bytes of all fields that are added
FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
HEADER = re.compile(r"[a-z0-9!#$%&'+.^_`|~-]{1,100}")
GLOB = re.compile(r"[a-z0-9!#$%&'+.^_`|~*-]{1,100}")


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise vol.Invalid(f"must be an object of {what}, not {checks.said(value)}")
    if len(value) > MOST:
        raise vol.Invalid(f"may hold {MOST} of them")
    return value


def _headers(value: Any) -> dict[str, str]:
    kept: dict[str, str] = {}
    wrong = checks.Faults()
    for name, content in _object(value, "header names and values").items():
        with wrong.below(name[:60]):
            lower = name.lower()
            if not HEADER.fullmatch(lower):
                raise vol.Invalid("is not a header name")
            if credential(lower):
                raise vol.Invalid("may not carry a credential: its place is `secret`")
            if not default(lower):
                raise vol.Invalid("is not a header that may be added: it frames the message")
            kept[lower] = checks.header_value(content)
    wrong.tell()
    return dict(sorted(kept.items()))


def _lenient(value: Any) -> dict[str, str]:
    """What is none of ours is there and never sent: `may_add` leaves it out."""
    found = _object(value, "header names and values")
    if not all(isinstance(text, str) and len(text) <= 8192 for text in found.values()):
        raise vol.Invalid("must be an object of header names and values")
    return dict(sorted((name.lower()[:100], text) for name, text in found.items()))


def _globs(value: Any) -> list[str]:
    return checks.items(value, _glob, MOST)


def _glob(value: Any) -> str:
    found = checks.text(value).lower()
    if not GLOB.fullmatch(found) or found.count("*") > 1:
        raise vol.Invalid("must be a header name, in which one `*` may stand for any text")
    return found


def _body_fields(value: Any) -> dict[str, Any]:
    found = _object(value, "fields and values")
    wrong = checks.Faults()
    for name in found:
        with wrong.below(name[:60]):
            _field(name)
    wrong.tell()
    if len(json.dumps(found)) > MOST_BODY:
        raise vol.Invalid(f"must be at most {MOST_BODY} bytes")
    return dict(sorted(found.items()))


def _field(name: Any) -> str:
    if not isinstance(name, str) or not FIELD.fullmatch(name):
        raise vol.Invalid("is not a field's name")
    return name


def _renames(value: Any) -> dict[str, str]:
    found = _object(value, "fields and their names upstream")
    wrong = checks.Faults()
    for name, to in found.items():
        with wrong.below(name[:60]):
            _field(name)
            _field(to)
    wrong.tell()
    return dict(sorted(found.items()))


def _constraints(value: Any) -> dict[str, dict[str, float]]:
    kept: dict[str, dict[str, float]] = {}
    wrong = checks.Faults()
    for name, bounds in _object(value, "fields and their bounds").items():
        with wrong.below(name[:60]):
            _field(name)
            kept[name] = _bounds(bounds)
    wrong.tell()
    return dict(sorted(kept.items()))


def _bounds(value: Any) -> dict[str, float]:
    right = "must be an object of `min` and `max`, numbers"
    if not isinstance(value, dict) or not value.keys() <= {"min", "max"}:
        raise vol.Invalid(right)
    found = {name: bound for name, bound in value.items() if bound is not None}
    if not all(type(bound) in (int, float) and abs(bound) < 10**9 for bound in found.values()):
        raise vol.Invalid(right)
    if found.get("min", -(10**9)) > found.get("max", 10**9):
        raise vol.Invalid("min is above max")
    return found


def _constrained(value: dict[str, dict[str, float]]) -> tuple[ParamConstraint, ...]:
    return tuple(
        ParamConstraint(name, one.get("min"), one.get("max")) for name, one in value.items()
    )


TEXTS = {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": MOST}
ANYTHING = {"type": ["string", "number", "boolean", "object", "array", "null"]}
BOUNDS = {
    "type": "object",
    "properties": {name: {"type": ["number", "null"]} for name in ("min", "max")},
    "additionalProperties": False,
}

REQUEST_FIELDS = (
    Field(
        "default_headers",
        Type(_headers, TEXTS, "object", made=lambda value: tuple(value.items())),
        "headers of every request to it: any but credentials and those that frame a message. In a "
        "value ${request.id}, ${request.api_key.id|name|team_id|user_id}, ${model.id|name} and "
        "${provider_key.id|name} are filled in; where one is empty, its header is left out",
        example={"x-tenant": "${request.api_key.team_id}"},
        empty={},
        hides=likely,
        lenient=_lenient,
    ),
    Field(
        "forward_client_headers",
        Type(
            _globs,
            {"type": "array", "items": {"type": "string"}, "maxItems": MOST},
            "list of names",
            made=tuple,
        ),
        "headers of callers that are sent on, by name; one `*` stands for any text. Never a "
        "credential, nor what is about a connection",
        example=["x-trace-*"],
        empty=[],
    ),
    Field(
        "default_body_fields",
        Type(
            _body_fields,
            {"type": "object", "additionalProperties": ANYTHING, "maxProperties": MOST},
            "object",
        ),
        "fields that its requests get where they have none of that name",
        example={"safe": True},
        empty={},
        hides=lambda name, value: isinstance(value, str) and likely(name, value),
    ),
    Field(
        "param_renames",
        Type(_renames, TEXTS, "object", lambda value: tuple(value.items())),
        "fields at the top of its requests by another name",
        example={"limit": "most"},
        empty={},
    ),
    Field(
        "param_constraints",
        Type(
            _constraints,
            {"type": "object", "additionalProperties": BOUNDS, "maxProperties": MOST},
            "object",
            made=_constrained,
        ),
        "numbers at the top of its requests that are put between a `min` and a `max`",
        example={"heat": {"min": 0, "max": 1}},
        empty={},
    ),
)
