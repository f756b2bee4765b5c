"""Pictures and files as callers send them: data: URLs, links, bare base64.

Knows media types, magic bytes and base64; never which block of which provider they become. The
value table of kinds ("image/png" -> "image") is an option, so that a new type is a line of a table.
"""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Callable

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs import charsets
from aisix.mapping.verbs.refused import Refused

Tell = Callable[[str], None]

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),(.*)", re.S | re.I)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BARE = re.compile(r"[A-Za-z0-9+/_=%\s-]+\Z")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MOST_ESCAPES = 1_000_000  # "%41": more in one file are no file
_PATH = re.compile(r"[a-z]+://[^/?#]*(/[^?#]*)", re.I)


def sniff(head: bytes) -> str:
    """The media type the first bytes speak for, or ""."""
    if head.startswith(b"\x89PNG"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a", b"GIF8")):
        return "image/gif"
    if head.startswith(b"RIFF") and (len(head) < 12 or head[8:12] == b"WEBP"):
        return "image/webp"
    if head.startswith(b"%PDF"):
        return "application/pdf"
    return ""


def clean_base64(text: str, bad: str) -> str:
    """Standard alphabet, no white space, right padding; refused when it is no base64 at all."""
    plain = text.rstrip("=")
    if not _is_base64(plain):
        text = "".join(text.split())
        if "%" in text:
            text = urllib.parse.unquote(_few_escapes(text, bad))
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")
        if not _is_base64(plain):
            raise Refused(bad)
    if not plain or len(plain) % 4 == 1:
        raise Refused(bad)
    return plain + "=" * (-len(plain) % 4)


def _is_base64(text: str) -> bool:
    """Of the standard alphabet alone; a pattern would take ten times as long for a picture."""
    return text.isascii() and not text.encode().translate(None, _BASE64)


def _few_escapes(text: str, bad: str) -> str:
    if text.count("%") > _MOST_ESCAPES:
        raise Refused(bad)
    return text


def open_media(value: Json, options: dict[str, Json], tell: Tell) -> dict[str, Json]:
    """{kind, media_type, data | text | url, name} of a picture or file; Refused.

    A link's kind is "https link" and the like, `linked` the kind its path (or name) speaks for, or
    "". A text without any words is of kind "blank text". `options` as the verb `open_media`
    declares them, all that have a default among them.
    """
    item = value if type(value) is dict else {}
    fields = options["data"] if type(options["data"]) is list else [options["data"]]
    at = next((field for field in fields if item.get(field) is not None), fields[0]) if item else ""
    payload = item.get(at) if type(value) is dict else value
    bad = options["bad"]
    if payload is None:
        raise Refused("missing", at or fields[0])
    if type(payload) is not str:
        raise Refused(bad, at)
    payload = payload.strip()
    label = item.get(options["label"])
    label = label.partition(";")[0].strip().lower() if type(label) is str else ""
    name = item.get(options["name"])
    found: dict[str, Json] = {"name": _fit(name, options, tell)}
    link = _SCHEME.match(payload)
    if link and link.group(1).lower() != "data":
        scheme = link.group(1).lower()
        url = scheme + payload[link.end(1) :]
        linked = _kind_of_link(url, label, name, options)
        return {**found, "kind": f"{scheme} link", "url": url, "linked": linked}
    try:
        _open_payload(found, payload, label or _suffix(name, options), options, tell)
    except Refused as refused:
        raise Refused(refused.kind, at, **refused.values) from None
    return found


def _fit(name: Json, options: dict[str, Json], tell: Tell) -> str | None:
    """The file's name as it is shown: not blank, and not too long."""
    if type(name) is not str or not name or name.isspace():
        return None
    if len(name) <= options["longest"]:
        return name
    tell("clamped")
    return name[: options["longest"]]


def _suffix(name: Json, options: dict[str, Json]) -> str:
    """The media type the end of a name speaks for, or ""."""
    if type(name) is not str or "." not in name:
        return ""
    suffix: str = options["suffixes"].get(name.rsplit(".", 1)[1].strip().lower(), "")
    return suffix


def _kind_of_link(url: str, label: str, name: Json, options: dict[str, Json]) -> str:
    path = _PATH.match(url)
    in_path = _suffix(path[1].rsplit("/", 1)[1], options) if path else ""
    media_type = label or _suffix(name, options) or in_path
    return _kind(options["kinds"], media_type) if media_type else ""


def _open_payload(
    found: dict[str, Json], payload: str, given: str, options: dict[str, Json], tell: Tell
) -> None:
    match = _DATA_URL.match(payload)
    bad: str = options["bad"]
    encoded, label, charset = True, "", ""
    if match:
        label = match.group(1).strip().lower()
        parameters = [p.strip() for p in match.group(2).split(";")]
        encoded = any(p.lower() == "base64" for p in parameters)
        charset = next((p[8:] for p in parameters if p.lower().startswith("charset=")), "")
        payload = match.group(3)
    elif payload[:5].lower() == "data:":
        raise Refused(bad)
    kinds = options["kinds"]
    if _kind(kinds, label) == kinds.get("*", ""):  # a label that says nothing to us
        label = given or label
    if _kind(kinds, label) == "text" and not payload.strip():
        found.update(kind="blank text", media_type=label)
        return
    if not match and not _is_base64(payload) and not _BARE.match(payload):
        found["kind"] = "no media"  # neither a link nor data
        return
    if encoded:
        data = clean_base64(payload, bad)
    else:
        raw = urllib.parse.unquote_to_bytes(_few_escapes(payload, bad))
        data = base64.b64encode(raw).decode()
        charset = charset if payload.isascii() else ""  # as the JSON wrote it, then
    head = base64.b64decode(data[:32])
    media_type = sniff(head) or ("image/jpeg" if label == "image/jpg" else label)
    kind = _kind(kinds, media_type)
    limit = options["largest"].get(kind)
    if limit and len(data) * 3 // 4 > limit:
        raise Refused(options.get("too_large", bad), limit=limit)
    if kind == "image" and not sniff(head) and not (label and encoded):
        raise Refused(bad)
    found.update(kind=kind, media_type=media_type, data=data)
    if kind == "text":
        text, guessed = charsets.decoded(base64.b64decode(data), charset)
        if text is None:
            raise Refused(bad)
        if guessed:
            tell("rewritten")
        found["text"] = text
        if not text or text.isspace():
            found["kind"] = "blank text"


def _kind(kinds: dict[str, Json], media_type: str) -> str:
    kind: str = (
        kinds.get(media_type) or kinds.get(media_type.split("/")[0] + "/*") or kinds.get("*", "")
    )
    return kind
