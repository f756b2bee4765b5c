"""The first words of paths that begin with "$": what is found there, where they may be asked."""

from __future__ import annotations

from dataclasses import dataclass

REQUEST, ANSWER = "request", "answer"


@dataclass(frozen=True, slots=True)
class Root:
    """`$NAME` at the beginning of a path."""

    name: str
    about: str
    example: str
    files: tuple[str, ...] = (REQUEST, ANSWER)
    sections: tuple[str, ...] = ()  # only in these; none: in all of the file
    named: bool = True  # a name follows: $let.NAME; else it is one value, with nothing below


_WRITTEN = ("field", "shape", "adjust", "header")  # before those nothing is
_ENVELOPES = ("envelope", "choice")
_ENDS = (*_ENVELOPES, "chunk", "shape")  # of chunks that the end emits
_GIVEN = ("chunk", "block_kind", "event")
ROOTS = {
    root.name: root
    for root in (
        Root("body", "the caller's request", "$body.limit", (REQUEST,)),
        Root("let", "what a [let] found", "$let.turns", (REQUEST,)),
        Root("out", "what is written so far", "$out.limit", (REQUEST,), _WRITTEN),
        Root("header", "a caller's header, no credential's", "$header.x-mode", (REQUEST,)),
        Root("version", "the version of the mapping", "$version", (REQUEST,), named=False),
        Root("my", "a name inside this shape", "$my.id", sections=("shape",)),
        Root("index", "the number of this item", "$index", sections=("shape",), named=False),
        Root("state", "a register", "$state.parts"),
        Root("model", "a fact of the model's row in models.toml", "$model.most"),
        Root("option", "an option of the alias", "$option.mode"),
        Root("alias", "the name the caller asked for", "$alias", named=False),
        Root("upstream_model", "the model the alias stands for", "$upstream_model", named=False),
        Root("null", "null, written as such", "$null", named=False),
        Root("values", "a table or list of values.toml", "$values.names", sections=("convert",)),
        Root("request", "what the request's `remember` names", "$request.turns", (ANSWER,)),
        Root("block", "a register of the open block", "$block.id", (ANSWER,)),
        Root("given", "what the row gives its chunks", "$given.text", (ANSWER,), _GIVEN),
        Root(
            "error", "the error that ends a stream", "$error.message", (ANSWER,), ("chunk", "shape")
        ),
        Root("usage", "the counters so far", "$usage", (ANSWER,)),
        Root("now", "the time, in seconds since 1970", "$now", named=False),
        Root("new_id", "a new identifier", "$new_id", (ANSWER,), named=False),
        Root(
            "wants_usage",
            "whether the caller asked for counters",
            "$wants_usage",
            (ANSWER,),
            named=False,
        ),
        Root("part", "what `part` found", "$part.text", (ANSWER,)),
        Root("delta", "the fields of a chunk", "$delta", (ANSWER,), _ENVELOPES),
        Root("finish", "the word at the end", "$finish", (ANSWER,), _ENDS, named=False),
        Root("message", "the whole message", "$message", (ANSWER,), _ENVELOPES),
        Root("counted", "the counters for the caller", "$counted", (ANSWER,), _ENDS),
        Root("folded", "what chunks became together", "$folded.text", (ANSWER,), ("message",)),
    )
}
REGISTERS = ("state", "block")
# What is asked for by a name below it alone: rules write into some, which would hold themselves;
# the others are no one's value as a whole, and the headers hold the caller's key.
WHOLE = ("out", "let", "header", "model", "option", *REGISTERS)
# Headers in which HTTP has a credential. With those that a dialect's [auth] names no table may ask
# for them: what a rule finds goes upstream, and a caller's key of this gateway is good for nothing
# there, and for everything here.
CREDENTIALS = frozenset(("authorization", "proxy-authorization", "cookie"))


def is_lookup(text: str) -> bool:
    """Whether a text can be meant for nothing but a lookup.

    >>> is_lookup("$now"), is_lookup("$let.a"), is_lookup("$let"), is_lookup("$5"), is_lookup("now")
    (True, True, False, False, False)
    """
    name, dot, below = text.removeprefix("$").partition(".")
    root = ROOTS.get(name) if text.startswith("$") else None
    return root is not None and root.named == bool(dot) == bool(below)
