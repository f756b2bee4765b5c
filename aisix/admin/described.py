"""What each field of the admin API means and which JSON it is: for the OpenAPI document.

`FIELDS` of the store's schema says which fields there are; a test says that each is described here
and nothing else is.

Must never know: HTTP.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from aisix.store.resources import ROUTINGS, Cost

Schema = dict[str, Any]


def _text(help: str, **more: Any) -> Schema:
    return {"type": "string", "minLength": 1, **more, "description": help}


def _whole(help: str, most: int, **more: Any) -> Schema:
    return {"type": "integer", "minimum": 0, "maximum": most, **more, "description": help}


def _object(help: str, fields: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": {name: nullable(field) for name, field in fields.items()},
        "additionalProperties": False,
        "description": help,
    }


def nullable(field: Schema) -> Schema:
    """The field, or null: which is the same as leaving it out."""
    if "type" in field:
        more = {"enum": [*field["enum"], None]} if "enum" in field else {}
        return {**field, **more, "type": [field["type"], "null"]}
    return field


def _ms(help: str) -> Schema:
    return _whole(f"{help}; milliseconds, 0: no limit, null: the gateway's setting", 86_400_000)


_SLUG = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_OPTIONS: Schema = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [
            {"type": ["boolean", "number", "string"]},
            {"type": "array", "items": {"type": "string"}},
        ]
    },
    "description": "options of the mapping: `aisix mappings show` lists them",
}
_TRAITS: Schema = {
    "type": "array",
    "items": {"type": "string", "pattern": _SLUG},
    "maxItems": 50,
    "description": "overlays of the mapping, by name",
}
_MAPPING = _text("a variant of the mapping, by name", pattern=_SLUG)
_COUNT = 10**15
_LIMITS = _object(
    "what may pass; null: no limit, 0: nothing",
    {
        "rps": _whole("requests per second", _COUNT),
        "rpm": _whole("requests per minute", _COUNT),
        "rph": _whole("requests per hour", _COUNT),
        "rpd": _whole("requests per day", _COUNT),
        "tpm": _whole("tokens per minute", _COUNT),
        "tpd": _whole("tokens per day", _COUNT),
        "concurrency": _whole("requests under way at one time", _COUNT),
    },
)


def _money(help: str) -> Schema:
    return {"type": "number", "minimum": 0, "maximum": 10**9, "description": help}


_COST = _object(
    "money per 1000 tokens, in the operator's currency",
    {
        field.name: _money(field.name.removesuffix("_per_1k").replace("_", " ") + " tokens")
        for field in fields(Cost)
    },
)
_TLS = _object(
    "how the upstream's certificate is checked",
    {
        "verify": {"type": "boolean", "description": "false: not at all; for tests only"},
        "ca_file": _text("path of the certificates to trust", pattern="^/"),
        "client_cert": _text("path of our own certificate", pattern="^/"),
        "client_key": _text("path of its key", pattern="^/"),
    },
)
_KEY_REF = _text("the id of a provider key", maxLength=255)
_MODEL_NAME = _text("the provider's name for the model; one `*` takes what the alias's `*` held")
_TARGETS: Schema = {
    "type": "array",
    "minItems": 1,
    "maxItems": 32,
    "description": "several upstream models for one alias; then `model_name` and "
    "`provider_key_id` stand in each of them",
    "items": {
        **_object(
            "one of them",
            {
                "provider_key_id": _KEY_REF,
                "provider_key": _text("a provider key by its display_name (only written)"),
                "model_name": _MODEL_NAME,
                "weight": _whole("its share of the traffic", 1000),
                "options": _OPTIONS,
                "traits": _TRAITS,
                "mapping": _MAPPING,
            },
        ),
        "required": ["model_name"],
    },
}
_HASH = _text("the SHA-256 of the key in lowercase hex", pattern="^[0-9a-f]{64}$")
_MOMENT = {
    "type": "string",
    "format": "date-time",
    "description": "RFC 3339 with its zone (Unix seconds may be written)",
}

DESCRIBED: dict[str, dict[str, Schema]] = {
    "provider_keys": {
        "display_name": _text("what people call it; unique", maxLength=255),
        "provider": _text("the company", pattern=_SLUG),
        "adapter": _text(
            "the dialect its API speaks, which picks the mapping; default: `provider`",
            pattern=_SLUG,
        ),
        "secret": _text("the credential; a read shows a masked hint, never more", maxLength=8192),
        "api_base": _text(
            "URL of the upstream's host; null: the mapping's own", pattern="^https?:"
        ),
        "anthropic_version": _text("the API version to ask for; null: the mapping's default"),
        "headers": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "maxProperties": 50,
            "description": "extra headers, by an allow-list; never a credential",
        },
        "tls": _TLS,
    },
    "models": {
        "display_name": _text(
            "the alias callers put in `model`; unique. One `*` stands for any text: exact names "
            "win, then the most literal text",
            maxLength=255,
        ),
        "provider": _text("the company, shown to callers", pattern=_SLUG),
        "model_name": _MODEL_NAME,
        "provider_key_id": _KEY_REF,
        "strict": {"type": "boolean", "description": "refuse what would only be told of"},
        "mapping": _MAPPING,
        "options": _OPTIONS,
        "traits": _TRAITS,
        "timeout": _ms("a whole answer"),
        "stream_timeout": _ms("the longest silence of a stream"),
        "stream_total_timeout": _ms("a stream from start to end"),
        "first_byte_timeout": _ms("until an answer begins"),
        "connect_timeout": _ms("name lookup, TCP and TLS together"),
        "retries": _whole("further attempts; null: the gateway's setting", 10),
        "targets": _TARGETS,
        "routing": {
            "type": "string",
            "enum": list(ROUTINGS),
            "description": f"which of the `targets` is asked; default: {ROUTINGS[0]}",
        },
        "rate_limit": _LIMITS,
        "cost": _COST,
    },
    "apikeys": {
        "display_name": _text("what people call it; unique", maxLength=255),
        "key_hash": _HASH,
        "allowed_models": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": 1000,
            "description": "aliases, or patterns with one `*`; [] allows nothing",
        },
        "expires_at": {**_MOMENT, "description": "from when on it opens nothing; null: never"},
        "disabled": {"type": "boolean", "description": "it opens nothing for now"},
        "previous": {
            "type": "object",
            "required": ["key_hash", "expires_at"],
            "additionalProperties": False,
            "properties": {"key_hash": _HASH, "expires_at": _MOMENT},
            "description": "made by a rotation with a grace: the hash before it, and until when "
            "that one still opens; null ends the grace",
        },
        "rate_limit": _LIMITS,
    },
}

# Fields only a write has.
ONLY_WRITTEN: dict[str, dict[str, Schema]] = {
    "provider_keys": {"api_key": _text("another name of `secret`")},
    "models": {"provider_key": _text("a provider key by its display_name")},
    "apikeys": {
        "generate": {
            "type": "boolean",
            "description": "true: make a key; its text is in this answer and nowhere else",
        }
    },
}
