"""How a kind of resource is declared: a table of its fields, each with all that is known of it.

    Kind(
        "teams", noun="team", plural="teams", title="Team",
        command=Command("teams", "list, create, change, delete teams"), id_prefix="team",
        fields=(
            Field("display_name", NAME, "what people call it; unique", required="required",
                  unique=True, searchable="only the one of this name"),
            Field("model_id", ID, "the model it may use", refers_to="models"),
        ),
    )

From it are made: checks and their complaints, references and what a delete takes along, the admin
API and its OpenAPI document, views and masked secrets, the section of a resources file, the command
line, the tables in the documentation. What a field table cannot say is a hook: `taken`, `check`,
`rotate`, `resource`. A kind without a class of its own is a PlainResource in a snapshot.

Must never know: which kinds there are, HTTP, SQL, argparse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import voluptuous as vol

from aisix.store.resources import Document, PlainResource, Resource, masked

Json = dict[str, Any]


class Incoming(Protocol):
    """One body on its way in, as a hook sees it."""

    id: str
    body: Document  # without nulls; a hook may change it
    now: float  # Unix seconds
    new_key: str  # the text for a key, should one be made; "": none may be made
    key: str | None  # the text of the key that was made

    @property
    def stored(self) -> Document | None:
        """What is there under this id; None: it is new."""

    def refuse(self, path: str, text: str) -> None:
        """Complain; all complaints are told together."""

    def explained(self, path: str) -> None:
        """What the field table says against this path need not be told: another complaint does."""


@dataclass(frozen=True)
class Type:
    """What a value may be.

    rule: a voluptuous validator, value in, normalised value out, Invalid when it is wrong; schema:
    the same as JSON Schema; words: the same for people; made: the stored value as a resource has
    it; fields: those of an object, or of the objects of a list.
    """

    rule: Any
    schema: Json
    words: str
    made: Callable[[Any], Any] = lambda value: value
    fields: tuple[Field, ...] = ()

    @cached_property
    def check(self) -> Callable[[Any], Any]:
        """The compiled rule; raises MultipleInvalid."""
        return vol.Schema(self.rule)

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return bool(self.schema["type"] == "array")


class Argument(NamedTuple):
    """How `create` of the command line takes a field.

    flag: "--name", or "" for one that stands without a flag; like: where the flag is not given, the
    value of the same field in the resource that this reference names; file: its value stands in a
    file, text or JSON, and `set` takes it too; given again, the values are a list.
    """

    flag: str = ""
    metavar: str = ""
    help: str = ""
    required: bool = False
    like: str = ""
    file: bool = False


class Column(NamedTuple):
    """A field's column in a list of the command line.

    absent: what it says where nothing is set; cell: makes its text from a view, where that is not
    just the field's value.
    """

    title: str
    absent: str = ""
    cell: Callable[[Document], str] | None = None


@dataclass(frozen=True)
class Field:
    """One field. `help` and `example` are for people; the rest, where it is not the default:

    required      what is said when it is missing
    empty         what a read shows while it is not set; writing that is leaving it out
    falls_back    the field whose value is shown, and used, while it is not set
    unique        no two of the kind have the same
    loosely       of a unique one: only a write sees to it; two that somebody else stored both serve
    searchable    the text of its query parameter in a list
    secret        encrypted at rest, masked in every answer; one field of a kind at most
    hides         of an object of texts: (name, text) -> whether that text is a secret too
    refers_to     the kind whose id it holds
    moves_into    a list of objects: where that is given, this field stands in each of them instead
    needless      (body) -> it goes without this field, required or not
    instead_of    only a write has it: another way to give that field. What it holds is the field's
                  value, or with `refers_to` the display_name of what that refers to, or `taken`
                  says what: it gets the write, and the object that held the value
    lenient       the rule for what somebody else has stored, where that may be more than may be
                  written here; what uses it has to see to that
    attribute     its name in the resource
    argument, column   the command line
    """

    name: str
    type: Type
    help: str
    example: Any = None
    required: str = ""
    empty: Any = None
    falls_back: str = ""
    unique: bool = False
    loosely: bool = False
    searchable: str = ""
    secret: bool = False
    hides: Callable[[str, str], bool] | None = None
    refers_to: str = ""
    moves_into: str = ""
    needless: Callable[[Document], bool] | None = None
    instead_of: str = ""
    taken: Callable[[Incoming, Any], None] | None = None
    lenient: Callable[[Any], Any] | None = None
    attribute: str = ""
    argument: Argument | None = None
    column: Column | None = None

    def lacking(self, body: Document) -> bool:
        """Whether a body that does not have it should."""
        moved = self.moves_into in body or (self.needless is not None and self.needless(body))
        return bool(self.required) and not moved

    @property
    def json(self) -> Json:
        """The field as JSON Schema."""
        return {**self.type.schema, "description": self.help}


class Command(NamedTuple):
    """The kind's words of the command line: `aisix <name>`, and its verb that deletes.

    cascade: whether that verb may take along what refers to it.
    """

    name: str
    about: str
    delete: str = "delete"
    delete_help: str = "take it away"
    cascade: bool = True


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of resource; `name` stands in URLs, files, the database and the audit.

    noun, plural    in sentences
    title           its schema in the OpenAPI document
    aliases         other names in URLs and files
    id_prefix       of the id that is made for an entry of a file that gives none
    named_by_id     such an entry has its display_name for an id, if that can be one
    lets_in         it opens the gateway for callers: one that cannot be read opens nothing
    closes          (document before, after): this change does nothing but shut somebody out
    resource        (id=, created_at=, fields...) -> what a snapshot holds
    check           (incoming, document): complains of what no single field can know
    rotate          (document, new_key, until) -> the document with a new key, where the old one
                    works on until then (RFC 3339), or with None not at all
    names           (document) -> (path, kind, display_name) of what it refers to by name
    """

    name: str
    noun: str
    plural: str
    title: str
    command: Command
    fields: tuple[Field, ...]
    id_prefix: str
    aliases: tuple[str, ...] = ()
    named_by_id: bool = True
    lets_in: bool = False
    closes: Callable[[Document, Document], bool] = lambda before, after: False
    resource: Callable[..., Resource] | None = None
    check: Callable[[Incoming, Document], None] | None = None
    rotate: Callable[[Document, str, str | None], Document] | None = None
    names: Callable[[Document], Iterator[tuple[str, str, Any]]] | None = None
    stored: dict[str, Field] = field(init=False, repr=False)
    secret: Field | None = field(init=False, repr=False)
    unique: tuple[str, ...] = field(init=False, repr=False)
    apart: tuple[str, ...] = field(init=False, repr=False)  # those of `unique` that no two may have
    refers_to: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """The lookups; ValueError for a table that contradicts itself."""
        stored = {f.name: f for f in self.fields if not f.instead_of}
        secrets = [f for f in self.fields if f.secret]
        object.__setattr__(self, "stored", stored)
        object.__setattr__(self, "secret", secrets[0] if secrets else None)
        unique = tuple(f.name for f in self.fields if f.unique)
        apart = tuple(f.name for f in self.fields if f.unique and not f.loosely)
        object.__setattr__(self, "unique", unique)
        object.__setattr__(self, "apart", apart)
        object.__setattr__(self, "refers_to", frozenset(_kinds_named(self.fields)))
        named = {n for f in self.fields for n in (f.falls_back, f.moves_into, f.instead_of)} - {""}
        if "display_name" not in stored:
            raise ValueError(f"{self.name}: a kind has a display_name")
        if len(secrets) > 1 or len({f.name for f in self.fields}) < len(self.fields):
            raise ValueError(f"{self.name}: two secrets, or a field twice")
        if not named <= stored.keys():
            raise ValueError(f"{self.name}: there is no {', '.join(named - stored.keys())}")

    @property
    def a_noun(self) -> str:
        """The noun with its article."""
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"

    def build(self, id: str, document: Document, secret: str | None, created_at: int) -> Resource:
        """What a snapshot holds of a document; `created_at` in Unix seconds."""
        if self.resource is None:
            return PlainResource(id, document, secret, created_at)
        values: Document = {}
        for name, one in self.stored.items():
            found = document.get(name, document.get(one.falls_back))
            if one.secret:
                found = secret or ""
            if found is not None:
                values[one.attribute or name] = one.type.made(found)
        return self.resource(id=id, created_at=created_at, **values)

    def view(self, document: Document, secret: str | None) -> Document:
        """What a read shows: every field in its order, unset ones as None, no secret."""
        shown: Document = {}
        for name, one in self.stored.items():
            found = document.get(name, document.get(one.falls_back))
            if one.secret:
                found = masked(secret) if secret else None
            elif found and one.hides:
                hidden = one.hides
                found = {n: masked(text) if hidden(n, text) else text for n, text in found.items()}
            elif found is None and one.empty is not None:
                found = type(one.empty)(one.empty)  # its own: the caller may change what it got
            shown[name] = found
        return shown

    def hidden(self, document: Document) -> dict[str, dict[str, str]]:
        """The texts of a document that are secrets, as {"headers": {"x-token": "..."}}."""
        found = {}
        for name, one in self.stored.items():
            hides, value = one.hides, document.get(name)
            if hides and isinstance(value, dict):
                secret = {key: text for key, text in value.items() if hides(key, text)}
                if secret:
                    found[name] = secret
        return found

    def references(self, document: Document) -> Iterator[tuple[str, str, Any]]:
        """(path, kind, id) of everything a document refers to, as in ("targets[0].key_id", ...)."""
        return _references(self.fields, document, "")

    def named(self, document: Document) -> Iterator[tuple[str, str, Any]]:
        """(path, kind, display_name) of everything a document names, as in
        ("routing.targets[0].model", ...)."""
        if self.names is not None:
            yield from self.names(document)

    def other_ways(self, name: str) -> list[str]:
        """What a write may give instead of a field."""
        return [f.name for f in self.fields if f.instead_of == name]


def _kinds_named(table: tuple[Field, ...]) -> Iterator[str]:
    for one in table:
        yield from _kinds_named(one.type.fields)
        if one.refers_to:
            yield one.refers_to


def _references(
    table: tuple[Field, ...], document: Document, at: str
) -> Iterator[tuple[str, str, Any]]:
    for one in table:
        value = document.get(one.name)
        if value is None or one.instead_of or one.moves_into in document:
            continue
        if one.type.fields:
            for path, below in objects_of(one, value):
                yield from _references(one.type.fields, below, f"{at}{path}.")
        elif one.refers_to:
            ids = value if one.type.is_list else [value]
            for place, id in enumerate(ids):
                yield f"{at}{one.name}{f'[{place}]' if one.type.is_list else ''}", one.refers_to, id


def objects_of(one: Field, value: Any) -> list[tuple[str, Document]]:
    """(path, object) of every object a value is or holds; what is none is left out."""
    found = enumerate(value) if isinstance(value, list) else [("", value)]
    return [
        (one.name if place == "" else f"{one.name}[{place}]", below)
        for place, below in found
        if isinstance(below, dict)
    ]


def always_required(table: tuple[Field, ...]) -> list[str]:
    """The fields of every body: there is no other way to give them, and no other place."""
    others = {one.instead_of for one in table} | {
        f.name for f in table if f.needless or f.moves_into
    }
    return [f.name for f in table if f.required and f.name not in others]


def nullable(schema: Json) -> Json:
    """The schema, or null: which is the same as leaving the field out."""
    more: Json = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    if "anyOf" in schema:
        more["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, **more, "type": [*types, "null"]}
