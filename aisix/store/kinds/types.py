"""The types of fields: each once, as a check, as JSON Schema and in words.

Must never know: which kind has a field of it, other resources, the clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import voluptuous as vol

from aisix.store.kinds import checks
from aisix.store.kinds.declare import Field, Json, Type, always_required, nullable
from aisix.store.resources import Document, seconds

MOST_STATUSES = 500  # in a list of them


def text(rule: Callable[[Any], Any], words: str = "text", **more: Any) -> Type:
    """Text that is not empty; `more` is JSON Schema."""
    return Type(rule, {"type": "string", "minLength": 1, **more}, words)


def whole(most: int, least: int = 0) -> Type:
    """A whole number."""

    def rule(value: Any) -> int:
        return checks.whole(value, least, most)

    return Type(rule, {"type": "integer", "minimum": least, "maximum": most}, "whole number")


def statuses(least: int) -> Type:
    """A list of HTTP's statuses from `least` on; a resource has it as a tuple."""

    def rule(value: Any) -> list[int]:
        is_list = isinstance(value, list) and len(value) <= MOST_STATUSES
        if not is_list or not all(type(one) is int and least <= one <= 599 for one in value):
            raise vol.Invalid(f"must be a list of statuses, {least} to 599")
        return list(value)

    item = {"type": "integer", "minimum": least, "maximum": 599}
    schema = {"type": "array", "items": item, "maxItems": MOST_STATUSES}
    return Type(rule, schema, "list of statuses", made=tuple)


def one_of(names: tuple[str, ...]) -> Type:
    """One of a few words."""

    def rule(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise vol.Invalid(f"must be one of {', '.join(names)}")
        return value

    return Type(rule, {"type": "string", "enum": list(names)}, ", ".join(names))


def items(of: Type, most: int, words: str) -> Type:
    """A list without repetitions; a resource has it as a tuple."""

    def rule(value: Any) -> list[Any]:
        return checks.items(value, of.rule, most)

    schema = {"type": "array", "items": of.schema, "maxItems": most}
    return Type(rule, schema, words, made=tuple)


def table(fields: tuple[Field, ...], made: Callable[[Document], Any]) -> Type:
    """An object with these fields and no other."""
    return Type(rules_of(fields), schema_of(fields), "object", made, fields)


def tables(
    fields: tuple[Field, ...], most: int, plural: str, made: Callable[[Document], Any]
) -> Type:
    """A list of 1 to `most` objects with these fields, in the order it was written."""
    check = vol.Schema(rules_of(fields))

    def rule(value: Any) -> list[Document]:
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise vol.Invalid(f"must be a list of 1 to {most} {plural}")
        good: list[Document] = []
        wrong = checks.Faults()
        for place, item in enumerate(value):
            with wrong.below(place):
                good.append(check(checks.without_nulls(item) if isinstance(item, dict) else item))
        wrong.tell()
        return good

    item = {**schema_of(fields), "required": always_required(fields), "description": "one of them"}
    schema = {"type": "array", "minItems": 1, "maxItems": most, "items": item}
    return Type(rule, schema, "list of objects", lambda v: tuple(made(one) for one in v), fields)


def rules_of(fields: tuple[Field, ...]) -> dict[Any, Any]:
    """The voluptuous rules of an object with these fields."""
    return {
        vol.Required(one.name, msg=one.required) if one.required else one.name: one.type.rule
        for one in fields
        if not one.instead_of
    }


def schema_of(fields: tuple[Field, ...]) -> Json:
    """The JSON Schema of an object with these fields."""
    return {
        "type": "object",
        "properties": {one.name: nullable(one.json) for one in fields},
        "additionalProperties": False,
    }


NAME = text(checks.name, maxLength=checks.MAX_NAME)
PATTERN = text(checks.pattern, "text, one `*` in it", maxLength=checks.MAX_NAME)
SLUG = text(checks.slug, "lower-case name", pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
ID = text(checks.name, "id", maxLength=checks.MAX_NAME)
SECRET = text(checks.secret, maxLength=checks.MAX_SECRET)
API_BASE = text(checks.api_base, "URL", pattern="^https?:", maxLength=2048)
VERSION = text(checks.version, "version", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
PATH = text(checks.path, "absolute path", pattern="^/", maxLength=4096)
KEY_HASH = text(checks.key_hash, "64 hex digits", pattern="^[0-9a-f]{64}$")
CERTIFICATES = text(checks.certificates, "certificates in PEM", maxLength=checks.MAX_PEM)
FLAG = Type(checks.flag, {"type": "boolean"}, "true or false")
COUNT = whole(checks.MAX_COUNT)
MILLISECONDS = whole(checks.DAY_MS)
MONEY = Type(checks.money, {"type": "number", "minimum": 0, "maximum": 10**9}, "number")
MOMENT = Type(checks.moment, {"type": "string", "format": "date-time"}, "time", made=seconds)
NAMES = items(NAME, checks.MAX_ITEMS, "list of texts")
PATTERNS = items(PATTERN, checks.MAX_ITEMS, "list of texts")
CIDRS = items(text(checks.network, "network"), checks.MAX_ITEMS, "list of networks")
TAGS = items(NAME, 50, "list of texts")
SLUGS = items(SLUG, 50, "list of names")
HEADERS = Type(
    checks.headers,
    {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 50},
    "object",
    made=lambda value: tuple(value.items()),
)
ADAPTERS = Type(
    checks.adapters,
    {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 20},
    "object",
)
OPTIONS = Type(
    checks.options,
    {
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                {"type": ["boolean", "number", "string"]},
                {"type": "array", "items": {"type": "string"}},
            ]
        },
        "maxProperties": 100,
    },
    "object",
)
OVERLAY = Type(
    checks.overlay,
    {
        "type": ["string", "object", "array"],
        "minLength": 1,
        "maxLength": checks.MAX_OVERLAY,
        "items": {"type": ["string", "object"]},
        "minItems": 1,
        "maxItems": checks.MAX_OVERLAYS,
    },
    "TOML text, object, or a list of them",
    made=lambda value: tuple(
        one if isinstance(one, str) else json.dumps(one)
        for one in (value if isinstance(value, list) else [value])
    ),
)
