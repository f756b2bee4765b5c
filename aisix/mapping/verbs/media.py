"""Pictures and files as callers send them: data: URLs, links, bare base64.

Knows media types, magic bytes and base64; never which block of which provider they become. The
value table of kinds ("image/png" -> "image") is an option, so that a new type is a line of a table.
"""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse

from aisix.mapping.syntax.paths import Json
from aisix.mapping.verbs.refused import Refused

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),(.*)", re.S | re.I)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BARE = re.compile(r"[A-Za-z0-9+/_=%\s-]+\Z")
_SPACE = re.compile(r"\s+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*")


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
    if _SPACE.search(text):
        text = _SPACE.sub("", text)
    if "%" in text:
        text = urllib.parse.unquote(text)
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    if not text or not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        raise Refused(bad)
    return text + "=" * (-len(text) % 4)


def open_media(value: Json, options: dict[str, Json]) -> dict[str, Json]:
    """{kind, media_type, data | text | url, name} of a picture or file; Refused.

    `options` as the verb `open_media` declares them, all that have a default among them.
    """
    at = options["data"] if type(value) is dict else ""
    name = value.get(options["name"]) if type(value) is dict else None
    payload = value.get(at) if type(value) is dict else value
    bad = options["bad"]
    if payload is None:
        raise Refused("missing", at)
    if type(payload) is not str:
        raise Refused(bad, at)
    payload = payload.strip()
    found: dict[str, Json] = {"name": name if type(name) is str and name else None}
    link = _SCHEME.match(payload)
    if link and link.group(1).lower() != "data":
        scheme = link.group(1).lower()
        return {**found, "kind": f"{scheme} link", "url": scheme + payload[link.end(1) :]}
    try:
        _open_payload(found, payload, options, bad)
    except Refused as refused:
        raise Refused(refused.kind, at, **refused.values) from None
    return found


def _open_payload(found: dict[str, Json], payload: str, options: dict[str, Json], bad: str) -> None:
    match = _DATA_URL.match(payload)
    encoded = True
    label = ""
    if match:
        label = match.group(1).strip().lower()
        encoded = any(p.strip().lower() == "base64" for p in match.group(2).split(";"))
        payload = match.group(3)
    elif payload[:5].lower() == "data:":
        raise Refused(bad)
    kinds = options["kinds"]
    if _kind(kinds, label) == kinds.get("*", "") and found["name"] and "." in found["name"]:
        suffix = found["name"].rsplit(".", 1)[1].lower()  # a label that says nothing to us
        label = options["suffixes"].get(suffix, label)
    if not match and not _BARE.match(payload):
        found["kind"] = "no media"  # neither a link nor data
        return
    if encoded:
        data = clean_base64(payload, bad)
    else:
        raw = urllib.parse.unquote_to_bytes(payload)
        data = base64.b64encode(raw).decode()
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
        try:
            found["text"] = base64.b64decode(data).decode("utf-8-sig")
        except (UnicodeDecodeError, binascii.Error):
            raise Refused(bad) from None


def _kind(kinds: dict[str, Json], media_type: str) -> str:
    kind: str = (
        kinds.get(media_type) or kinds.get(media_type.split("/")[0] + "/*") or kinds.get("*", "")
    )
    return kind
