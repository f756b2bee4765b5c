"""The types of the official SDKs, rebuilt so that they really refuse what they do not name.

Used as they are, the parameter types accept almost anything: iterables are checked only when
somebody iterates, typed dicts ignore keys they do not know, unions also admit the open *answer*
models, and numbers in strings are quietly converted. `closed()` rebuilds a typed dict without those
four holes. Answer models are parsed strictly and then searched for keys that are no fields.
"""

from __future__ import annotations

import collections.abc
import io
import json
import os
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import pydantic
import typing_extensions as te

_LEFT_OUT = object()  # a union member that has no place in a JSON body
_MOST = 6  # complaints per body; a wrong union member alone yields dozens


def closed(kind: Any, also: Mapping[str, Any] | None = None) -> Any:
    """A strict copy of a parameter type; `also` adds optional fields at the top."""
    return _Closing().of(kind, also or {})


class _Closing:
    """One rebuild; remembers the typed dicts it has already made, since they repeat and nest."""

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def of(self, kind: Any, also: Mapping[str, Any] | None = None) -> Any:
        if te.is_typeddict(kind):
            if kind not in self._made:
                self._made[kind] = self._typed_dict(kind, also or {})
            return self._made[kind]
        origin, args = te.get_origin(kind), te.get_args(kind)
        if origin is te.Annotated:
            return self.of(args[0])
        if origin in (typing.Union, types.UnionType):
            members = [m for m in map(self.of, args) if m is not _LEFT_OUT]
            return typing.Union[tuple(members)] if members else _LEFT_OUT  # noqa: UP007
        if origin in (collections.abc.Iterable, collections.abc.Sequence, list):
            return list[self.of(args[0])] if args else list  # type: ignore[misc]
        if origin is dict:
            return dict  # schemas and tool inputs: whatever object the caller likes
        if origin is typing.IO or kind in (typing.IO, os.PathLike, io.IOBase):
            return _LEFT_OUT
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            return _LEFT_OUT
        return kind

    def _typed_dict(self, kind: Any, also: Mapping[str, Any]) -> Any:
        fields: dict[str, Any] = {}
        for name, (hint, needed) in _fields(kind).items():
            wrapper = te.Required if needed else te.NotRequired
            fields[name] = wrapper[self.of(hint)]  # type: ignore[index]
        fields.update({name: te.NotRequired[hint] for name, hint in also.items()})
        made = te.TypedDict(f"Closed{kind.__name__}", fields)  # type: ignore[misc]
        is_open = (getattr(kind, "__pydantic_config__", None) or {}).get("extra") == "allow"
        made.__pydantic_config__ = pydantic.ConfigDict(  # type: ignore[attr-defined]
            extra="allow" if is_open else "forbid", strict=True
        )
        return made


def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Every field with its type and whether it must be there.

    Postponed annotations hide `Required[...]` from the class, and a total child would claim its
    parents' optional fields as required; so each class of the family is asked for itself.
    """
    found: dict[str, tuple[Any, bool]] = {}
    for base in getattr(kind, "__orig_bases__", ()):
        base = te.get_origin(base) or base
        if te.is_typeddict(base):
            found.update(_fields(base))
    for name, hint in te.get_type_hints(kind, include_extras=True).items():
        if name in found:
            continue
        needed = bool(kind.__total__)
        if te.get_origin(hint) in (te.Required, te.NotRequired):
            needed = te.get_origin(hint) is te.Required
            hint = te.get_args(hint)[0]
        found[name] = (hint, needed)
    return found


def type_errors(adapter: pydantic.TypeAdapter[Any], value: Any) -> list[str]:
    """What a strict parameter type says about a value."""
    try:
        adapter.validate_python(value)
    except pydantic.ValidationError as error:
        return _told(error)
    return []


_adapters: dict[int, tuple[Any, pydantic.TypeAdapter[Any]]] = {}


def _adapter(kind: Any) -> pydantic.TypeAdapter[Any]:
    """Made once for each type: making one takes longer than using it a hundred times."""
    if id(kind) not in _adapters:
        _adapters[id(kind)] = kind, pydantic.TypeAdapter(kind)  # the type is kept, so is its id
    return _adapters[id(kind)][1]


def answer_errors(
    kind: Any, value: Any, extension: Callable[[str, str], bool] = lambda model, key: False
) -> list[str]:
    """What an SDK answer model says about a value, and keys it has no field for.

    extension(model name, key) tells which unknown keys are meant to be there.
    """
    try:  # as JSON text: strict mode then still takes dates written as strings
        made = _adapter(kind).validate_json(json.dumps(value), strict=True)
    except pydantic.ValidationError as error:
        return _told(error)
    except ValueError as error:
        return [f"json: {error}"]
    return list(_unknown_keys(made, "", extension))


def _unknown_keys(
    made: Any, at: str, extension: Callable[[str, str], bool]
) -> collections.abc.Iterator[str]:
    if isinstance(made, pydantic.BaseModel):
        model = type(made)
        for key in made.model_extra or {}:
            if not extension(model.__name__, key):
                yield f"type: {at}{key}: {model.__name__} has no such field"
        for key in model.model_fields:
            yield from _unknown_keys(getattr(made, key, None), f"{at}{key}.", extension)
    elif isinstance(made, list):
        for index, item in enumerate(made):
            yield from _unknown_keys(item, f"{at}{index}.", extension)
    elif isinstance(made, dict):
        for key, item in made.items():
            yield from _unknown_keys(item, f"{at}{key}.", extension)


def _told(error: pydantic.ValidationError) -> list[str]:
    def at(parts: tuple[int | str, ...]) -> str:
        # Union members and rebuilt types show up in the path; only real keys help the reader.
        named = (str(p) for p in parts if not (isinstance(p, str) and ("[" in p or "Closed" in p)))
        return ".".join(named)

    return [f"type: {at(e['loc'])}: {e['msg']}" for e in error.errors()[:_MOST]]
