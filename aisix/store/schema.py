"""Which documents are acceptable: one voluptuous schema per kind, every fault told at once.

    check("models", body)  ->  the normalised document, or Refused("invalid", [Complaint, ...])

A complaint's path is the writer's own ("rate_limit.rpm", "allowed_models[2]"). A field set to null
is a field not set. What depends on other resources or on the clock is checked in `writes.py`.

Must never know: the store's content, HTTP, a provider's wire format. It never quotes a value: the
value may be a secret in the wrong place.
"""

from __future__ import annotations

import difflib
from typing import Any

import voluptuous as vol

from aisix.errors import Complaint
from aisix.store import fields as f
from aisix.store.base import Refused
from aisix.store.resources import Document

_LIMITS = dict.fromkeys(("rps", "rpm", "rph", "rpd", "tpm", "tpd", "concurrency"), f.count)
_COST = dict.fromkeys(
    ("input_per_1k", "output_per_1k", "cache_read_per_1k", "cache_write_per_1k"), f.money
)
_TLS = {"verify": f.flag, "ca_file": f.path, "client_cert": f.path, "client_key": f.path}

# Fields by kind; a field in REQUIRED must be there.
FIELDS: dict[str, dict[str, Any]] = {
    "provider_keys": {
        "display_name": f.name,
        "provider": f.slug,
        "adapter": f.slug,
        "secret": f.secret,
        "api_base": f.api_base,
        "anthropic_version": f.version,
        "headers": f.headers,
        "tls": _TLS,
    },
    "models": {
        "display_name": f.pattern,
        "provider": f.slug,
        "model_name": f.pattern,
        "provider_key_id": f.reference,
        "strict": f.flag,
        "mapping": f.slug,
        "options": f.options,
        "traits": f.slugs,
        "timeout": f.milliseconds,
        "stream_timeout": f.milliseconds,
        "retries": f.retries,
        "rate_limit": _LIMITS,
        "cost": _COST,
    },
    "apikeys": {
        "key_hash": f.key_hash,
        "display_name": f.name,
        "allowed_models": f.patterns,
        "expires_at": f.moment,
        "disabled": f.flag,
        "rate_limit": _LIMITS,
    },
}

REQUIRED: dict[str, dict[str, str]] = {
    "provider_keys": {
        "display_name": "required",
        "provider": "required",
        "secret": "required: the provider's credential",
    },
    "models": {
        "display_name": "required: the name callers put in `model`",
        "provider": "required",
        "model_name": "required: the provider's name for the model",
        "provider_key_id": "required: the id of a provider key (or `provider_key`: its name)",
    },
    "apikeys": {
        "key_hash": "required: the SHA-256 of the key in lowercase hex "
        "(printf '%s' \"$KEY\" | shasum -a 256), or `generate`: true",
        "allowed_models": 'required: names or globs; ["*"] allows every model, [] none',
    },
}

# Other names a writer may use, and fields that only a write has: allowed in a body, never stored.
ALSO: dict[str, tuple[str, ...]] = {
    "provider_keys": ("api_key",),
    "models": ("provider_key",),
    "apikeys": ("generate",),
}


def check(kind: str, body: Document) -> Document:
    """The document in its stored form: nulls gone, values normalised, fields in a fixed order."""
    complaints, good = faults(kind, body)
    if complaints:
        raise Refused("invalid", complaints)
    return good


def faults(kind: str, body: Document) -> tuple[list[Complaint], Document]:
    """Everything wrong with the body, sorted by path, and the fields that are right."""
    body = without_nulls(body)
    complaints = [
        Complaint("", name, text) for name, text in REQUIRED[kind].items() if name not in body
    ]
    good: Document = {}
    for name, rule in FIELDS[kind].items():
        if name not in body:
            continue
        try:
            good[name] = vol.Schema(rule)(body[name])
        except vol.MultipleInvalid as error:
            complaints += [_complaint(name, rule, e) for e in error.errors]
    known = (*FIELDS[kind], *ALSO[kind])
    complaints += [unknown(key, known) for key in body if key not in FIELDS[kind]]
    return sorted(complaints, key=lambda c: c.path), good


def unknown(key: str, known: tuple[str, ...], path: str = "") -> Complaint:
    """An unknown field, with the known one that looks most like it."""
    short = key if len(key) <= 60 else key[:60] + "..."
    near = difflib.get_close_matches(short, known, 1)
    hint = f'did you mean "{near[0]}"?' if near else "known: " + ", ".join(known)
    return Complaint("", f"{path}.{short}" if path else short, f"unknown field ({hint})")


def without_nulls(body: Document) -> Document:
    """The body without the fields that are null, at the top and one level down."""
    return {
        key: {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
        for key, value in body.items()
        if value is not None
    }


def _complaint(name: str, rule: Any, error: vol.Invalid) -> Complaint:
    if error.error_message == "extra keys not allowed":
        return unknown(str(error.path[-1]), tuple(rule), name)
    path = name
    for step in error.path:
        path += f"[{step}]" if isinstance(step, int) else f".{str(step)[:60]}"
    text = error.error_message
    return Complaint("", path, "must be an object" if text == "expected a dictionary" else text)
