"""The verbs for what a message is made of: parts, pictures, files; see conversions.py."""

from __future__ import annotations

import re

import msgspec

from aisix.mapping.grammar.kinds import (
    FAULT,
    FIELD,
    FIELDS,
    INTEGER,
    INTEGERS_BY_NAME,
    TEXT,
    TEXTS_BY_NAME,
    WORDS,
)
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs import media
from aisix.mapping.verbs.registry import Option, Options, RuleContext, verb

_encode = msgspec.json.Encoder().encode


@verb(
    "items of a list that do not say their `kind`: a text is one of kind `text`, an object with a "
    "field of `known` one of that kind, anything else is said as JSON",
    Option("kind", FIELD, "the field of an item that says what it is", "kind"),
    Option("text", FIELD, "that word of a text, and the field with it", "text"),
    Option("known", WORDS, "words that are fields of such an item too", ["text"], ()),
    example=(
        ["a", {"text": "b"}, {"x": 1}],
        {"kind": "kind", "text": "text", "known": ["text"]},
        [
            {"kind": "text", "text": "a"},
            {"kind": "text", "text": "b"},
            {"kind": "text", "text": '{"x":1}'},
        ],
    ),
    takes=list,
    gives=list,
    asks=True,
)
def kinds_named(value: Json, options: Options, call: RuleContext) -> Json:
    kind, text = options["kind"], options["text"]
    if all(type(item) is dict and item.get(kind) is not None for item in value):
        return value
    named: list[Json] = []
    for item in value:
        if type(item) is str:
            named.append({kind: text, text: item})
            continue
        word = item.get(kind) if type(item) is dict else None
        if word is None and type(item) is dict:
            word = next((word for word in options["known"] if item.get(word) is not None), None)
        if word is not None:
            named.append({**item, kind: word})
            continue
        named.append({kind: text, text: _encode(item).decode()})
        call.tell("rewritten")
    return named


@verb(
    "reads a data: URL, a link or base64 into {kind, media_type, data, text, url, name}; its kind "
    "is one of `kinds`, or `https link` (so with any scheme; `linked` is the kind its end speaks "
    "for), `blank text`, or `no media`: neither link nor data. `image` has to begin as one, `text` "
    "is read into text",
    Option("data", FIELDS, "of an object, where the payload stands, the first found", "url", ""),
    Option("name", FIELD, "of an object, where the file's name stands", "filename", ""),
    Option("label", FIELD, "of an object, where its media type may stand", "format", ""),
    Option("longest", INTEGER, "characters of a name; a longer one is cut, and told", 500, 500),
    Option("kinds", TEXTS_BY_NAME, "media type, type/* or * -> kind", {"image/*": "image"}, {}),
    Option(
        "suffixes", TEXTS_BY_NAME, "end of a file's name -> media type", {"txt": "text/plain"}, {}
    ),
    Option("largest", INTEGERS_BY_NAME, "kind -> bytes, decoded", {"image": 10485760}, {}),
    Option("too_large", FAULT, "what a larger one is refused with; else `bad`", "too_large", None),
    Option("bad", FAULT, "what no media is refused with", "bad_media", "bad_media"),
    asks=True,
)
def open_media(value: Json, options: Options, call: RuleContext) -> Json:
    return media.open_media(value, options, call.tell)


@verb(
    "of an object its parts as one text, and `apart` those of some kinds, each behind a text that"
    " says what it is: {word}, {number} of the kind, {id}",
    Option("parts", FIELD, "the field with the parts", "parts"),
    Option("id", FIELD, "the field with what {id} is", "id"),
    Option("kind", FIELD, "the field of a part that says what it is", "kind"),
    Option("text", FIELD, "that word of a text, and the field with it", "text"),
    Option("words", TEXTS_BY_NAME, "kind = the {word} of one that is set apart", {"pic": "image"}),
    Option("left", TEXT, "what stands in its place", "[{word} {number} follows]"),
    Option("said", TEXT, "what stands before it", "[{word} {number} of {id}]"),
    Option("join", TEXT, "what stands between texts", "\n", "\n"),
    example=(
        {"id": "c1", "parts": [{"kind": "text", "text": "a"}, {"kind": "pic"}]},
        {
            "parts": "parts",
            "id": "id",
            "kind": "kind",
            "text": "text",
            "words": {"pic": "image"},
            "left": "[{word} {number}]",
            "said": "[{word} of {id}]",
        },
        {
            "text": "a\n[image 1]",
            "apart": [{"kind": "text", "text": "[image of c1]"}, {"kind": "pic"}],
        },
    ),
    takes=dict,
    gives=dict,
)
def set_apart(value: Json, options: Options, call: RuleContext) -> Json:
    kind, text, words = options["kind"], options["text"], options["words"]
    texts: list[str] = []
    apart: list[Json] = []
    counts: dict[str, int] = {}
    for part in value.get(options["parts"]) or ():
        word = part.get(kind) if type(part) is dict else None
        if type(word) is not str or word not in words:
            said = part.get(text) if type(part) is dict else part
            texts.append(said if type(said) is str else _encode(said).decode())
            continue
        counts[word] = number = counts.get(word, 0) + 1
        named = {"word": words[word], "number": number, "id": value.get(options["id"])}
        texts.append(_filled(options["left"], named))
        apart += [{kind: text, text: _filled(options["said"], named)}, part]
    return {"text": options["join"].join(texts), "apart": apart}


def _filled(template: str, values: dict[str, Json]) -> str:
    """The names are ours; what is put in is not looked at again."""
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], "")), template)
