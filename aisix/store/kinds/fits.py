"""Whether a stored document has the form its field table says, by type alone.

A document was checked when it was written; this is for one that was damaged since, so that it is
known before a request meets it. Rules are not asked: they may have become stricter since then.

Must never know: which kinds there are.
"""

from __future__ import annotations

from typing import Any

from aisix.store.kinds.declare import Json, Kind

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def misfit(kind: Kind, document: Any, secret: str | None) -> str | None:
    """What is wrong with it, by the name of the field and never its value; None: it fits."""
    if type(document) is not dict:
        return "its document is no object"
    for name, field in kind.stored.items():
        value = secret if field.secret else document.get(name)
        if value is None:
            if field.lacking(document):
                return f"{name}: is missing"
        elif not _fits(field.type.schema, value):
            return f"{name}: is not {field.type.words}"
    return None


def _fits(schema: Json, value: Any) -> bool:
    """The few words of JSON Schema that tell types."""
    if "anyOf" in schema:
        return any(_fits(one, value) for one in schema["anyOf"])
    wanted = schema["type"]
    names = (wanted,) if type(wanted) is str else wanted
    if not any(type(value) in _TYPES[name] for name in names):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if type(value) is list:
        return all(_fits(schema["items"], one) for one in value)
    if type(value) is dict:
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        if any(value.get(name) is None for name in schema.get("required", ())):
            return False
        return all(
            _fits(known[name], one)
            if name in known
            else others is not False and (type(others) is not dict or _fits(others, one))
            for name, one in value.items()
        )
    return True
