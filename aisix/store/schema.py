"""Which documents are acceptable: one voluptuous schema per kind, every fault told at once.

    check("models", body)  ->  the normalised document, or Refused("invalid", [Complaint, ...])

A complaint's path is the writer's own ("rate_limit.rpm", "allowed_models[2]"). A field set to null
is a field not set. What depends on other resources or on the clock is checked in `writes.py`.

Must never know: the store's content, HTTP, a provider's wire format. It never quotes a value: the
value may be a secret in the wrong place.
"""

from __future__ import annotations

import difflib
from dataclasses import fields
from typing import Any

import voluptuous as vol

from aisix.errors import Complaint
from aisix.store import fields as f
from aisix.store.base import ChangeRefused
from aisix.store.resources import Cost, Document, RateLimit

_LIMITS = dict.fromkeys(RateLimit._fields, f.count)
_COST = {field.name: f.money for field in fields(Cost)}
_TLS = {"verify": f.flag, "ca_file": f.path, "client_cert": f.path, "client_key": f.path}

_TARGET = {
    vol.Required("provider_key_id"): f.reference,
    vol.Required("model_name"): f.pattern,
    "weight": f.weight,
    "options": f.options,
    "traits": f.slugs,
    "mapping": f.slug,
}
MOST_TARGETS = 32


def _targets(value: Any) -> list[Document]:
    """Several upstream models for one alias, in the order they are preferred."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_TARGETS:
        raise vol.Invalid(f"must be a list of 1 to {MOST_TARGETS} targets")
    good: list[Document] = []
    wrong: list[vol.Invalid] = []
    for place, target in enumerate(value):
        try:
            kept = without_nulls(target) if isinstance(target, dict) else target
            good.append(vol.Schema(_TARGET)(kept))
        except vol.MultipleInvalid as error:
            error.prepend([place])
            wrong += error.errors
    if wrong:
        raise vol.MultipleInvalid(wrong)
    return good


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
        "stream_total_timeout": f.milliseconds,
        "first_byte_timeout": f.milliseconds,
        "connect_timeout": f.milliseconds,
        "retries": f.retries,
        "targets": _targets,
        "routing": f.routing,
        "rate_limit": _LIMITS,
        "cost": _COST,
    },
    "apikeys": {
        "key_hash": f.key_hash,
        "display_name": f.name,
        "allowed_models": f.patterns,
        "expires_at": f.moment,
        "disabled": f.flag,
        "previous": f.previous,
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

# Values that say the same as leaving the field out; so a read can be written back as it is.
NOTHING: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("headers", "tls", "options", "rate_limit", "cost"), ({},)),
    **dict.fromkeys(("strict", "disabled"), (False,)),
    "traits": ([],),
}

# What stands in each target instead, when there are `targets`.
IN_TARGETS = ("model_name", "provider_key_id")

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
        raise ChangeRefused("invalid", complaints)
    return good


def faults(kind: str, body: Document) -> tuple[list[Complaint], Document]:
    """Everything wrong with the body, sorted by path, and the fields that are right."""
    body = without_nulls(body)
    several = kind == "models" and "targets" in body
    complaints = [
        Complaint("", name, text)
        for name, text in REQUIRED[kind].items()
        if name not in body and not (several and name in IN_TARGETS)
    ]
    if several:
        complaints += [
            Complaint("", name, "stands in each of the `targets`: leave it out here")
            for name in IN_TARGETS
            if name in body
        ]
    elif kind == "models" and "routing" in body:
        complaints.append(Complaint("", "routing", "chooses among `targets`, and there are none"))
    good: Document = {}
    for name, rule in FIELDS[kind].items():
        if name not in body:
            continue
        try:
            kept = vol.Schema(rule)(body[name])
            if kept not in NOTHING.get(name, ()):
                good[name] = kept
        except vol.MultipleInvalid as error:
            complaints += [_complaint(name, rule, e) for e in error.errors]
    known = (*FIELDS[kind], *ALSO[kind])
    complaints += [unknown(key, known) for key in body if key not in FIELDS[kind]]
    return sorted(complaints, key=lambda c: c.path), good


def unknown(key: str, known: tuple[str, ...], path: str = "") -> Complaint:
    """An unknown field, with the known one that looks most like it."""
    short = (key if len(key) <= 60 else key[:60] + "...") or '""'
    near = [name for name in known if sorted(name) == sorted(key)]  # letters that changed places
    near = near or difflib.get_close_matches(short, known, 1)
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
    path = name
    *above, last = error.path or [None]
    for step in above:
        path += _step(step)
    if error.error_message == "extra keys not allowed":
        fields = _TARGET if rule is _targets else rule
        return unknown(str(last), tuple(str(key) for key in fields), path)
    if last is not None:
        path += _step(last)
    text = error.error_message
    if text == "required key not provided":
        text = "required in each target"
    return Complaint("", path, "must be an object" if text == "expected a dictionary" else text)


def _step(step: Any) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{str(step)[:60]}"
