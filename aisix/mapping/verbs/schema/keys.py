"""Property keys a provider refuses: renamed on the way there, restored on the way back.

A key becomes the same name in every request, whatever stands beside it; only the keys right below
the root of a schema, and of the arguments it is about, are renamed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.schema.keywords import CHOICES, Schema, names

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_INSIDE = re.compile(r'[\\"]')
_SIGNS = (re.compile(r'["{}\[\]]'), re.compile(r'["{}\[\],]'))  # elsewhere, right in the root
_BESIDE = (*CHOICES, "allOf", "not", "if", "then", "else", "dependentSchemas")


def renamed(keys: Iterable[str], others: re.Pattern[str], longest: int) -> dict[str, str]:
    """The name of each key that may not stay; `others` finds a character no key may have."""
    keys = [*keys]
    long = len(max(keys, key=len, default="")) > longest
    if not (long or "" in keys or others.search("".join(keys))):
        return {}
    taken = {*keys}
    made: dict[str, str] = {}
    for key in keys:
        if key and len(key) <= longest and not others.search(key):
            continue
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        for digits in range(8, 64):
            end = f"_{digest[:digits]}"
            name = others.sub("_", key)[: longest - len(end)] + end
            if name not in taken:
                break
        taken.add(name)
        made[key] = name
    return made


def with_names(schema: Schema, name_of: dict[str, str]) -> Schema:
    """A schema whose root has its properties under these names."""
    out = dict(schema)
    for word in ("properties", "dependentRequired", "dependentSchemas"):
        held = out.get(word)
        if type(held) is dict:
            out[word] = {name_of.get(key, key): value for key, value in held.items()}
    if type(out.get("required")) is list:
        out["required"] = [name_of.get(key, key) for key in names(out["required"])]
    if type(out.get("dependentRequired")) is dict:
        out["dependentRequired"] = {
            key: [name_of.get(one, one) for one in names(need)]
            for key, need in out["dependentRequired"].items()
        }
    for word in _BESIDE:  # they speak of the same object
        held = out.get(word)
        if word == "dependentSchemas" and type(held) is dict:
            out[word] = {key: _beside(part, name_of) for key, part in held.items()}
        elif type(held) is list:
            out[word] = [_beside(part, name_of) for part in held]
        elif type(held) is dict:
            out[word] = _beside(held, name_of)
    return out


def _beside(part: Json, name_of: dict[str, str]) -> Json:
    return with_names(part, name_of) if type(part) is dict else part


def with_keys(value: Json, name_of: dict[str, str]) -> Json:
    """An object with its keys under other names; any other value as it is."""
    if type(value) is not dict or name_of.keys().isdisjoint(value):
        return value
    return {name_of.get(key, key): below for key, below in value.items()}


def restored(text: str, name_of: dict[str, str], reading: dict[str, Any]) -> str:
    """The next piece of an object's JSON text, with keys of its root under other names.

    `reading` is {} before the first piece and kept by the caller between two; a key that is cut
    waits in it for the next piece.
    """
    depth: int = reading.get("depth", 0)
    key: bool = reading.get("key", False)  # a text at this place is a key of the root
    quoted: bool = reading.get("quoted", False)
    escaped: bool = reading.get("escaped", False)
    held: list[str] | None = reading.get("held")  # a key so far, in pieces
    out: list[str] = []
    at = 0  # what is before has been looked at
    while at < len(text):
        if escaped:
            end, sign, escaped = at + 1, "", False
        else:
            found = (_INSIDE if quoted else _SIGNS[depth == 1]).search(text, at)
            end, sign = (len(text), "") if found is None else (found.end(), found[0])
        if key and not quoted and sign == '"':
            out.append(text[at : end - 1])
            held, quoted, at = ['"'], True, end
            continue
        (out if held is None else held).append(text[at:end])
        at = end
        if quoted:
            escaped = sign == "\\"
            if sign == '"':
                quoted = False
                if held is not None:
                    out.append(_other("".join(held), name_of))
                    held, key = None, False
        elif sign == '"':
            quoted = True
        elif sign in ("{", "["):
            depth += 1
            key = depth == 1 and sign == "{"
        elif sign in ("}", "]"):
            depth -= 1
            key = False
        elif sign == ",":
            key = True
    reading.update(depth=depth, key=key, quoted=quoted, escaped=escaped, held=held)
    return "".join(out)


def _other(quoted: str, name_of: dict[str, str]) -> str:
    try:
        name = name_of.get(_decode(quoted))
    except (msgspec.DecodeError, UnicodeError):
        return quoted
    return quoted if name is None else _encode(name).decode()
