"""What a value may be: functions that answer with the normalised value or raise Invalid.

Each is a voluptuous validator: value in, value out, `Invalid` with what would be right. A message
never quotes the value, which may be a secret in the wrong place.

Must never know: which resource a field belongs to, other resources, the clock.
"""

from __future__ import annotations

import fnmatch
import json
import math
import re
import ssl
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from voluptuous import Invalid, MultipleInvalid

from aisix.store.kinds.credentials import by_form, by_name
from aisix.store.resources import MASK, ROUTINGS, Document, network_of, timestamp

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MAX_NAME = 255
MAX_SECRET = 8192
MAX_PEM = 256 << 10
MAX_ITEMS = 1000
MAX_COUNT = 10**15
MAX_OVERLAYS, MAX_OVERLAY = 8, 32_768  # of one alias: how many, and bytes of all
DAY_MS = 86_400_000

# Paths of a pasted api_base that say no more than the host alone: people copy the address of one
# operation where the address of the host is meant. Any other path says where the API is.
PASTED = ("/v1/chat/completions", "/v1/messages", "/v1")

# Nothing that libcurl would read otherwise than we do: no `%41`, no second `@`.
HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._-]+)?\]")

# Extra headers an operator may add. Never those that frame the message or say who we are.
HEADERS_ALLOWED = (
    "x-*",
    "cf-*",
    "helicone-*",
    "*-beta",
    "*-organization",
    "*-project",
    "*-workspace-id",
    "*-user-profile-id",
    "user-agent",
    "traceparent",
    "tracestate",
    "baggage",
)
HEADER_REFUSED = ("x-forwarded-*", "x-http-method-override", "x-accel-*")


class Faults:
    """What is wrong below a field: all of it is told, each with its step."""

    def __init__(self) -> None:
        self._found: list[Invalid] = []

    @contextmanager
    def below(self, step: Hashable) -> Iterator[None]:
        """What is raised inside is kept, with this step before its path."""
        try:
            yield
        except Invalid as error:
            error.prepend([step])
            self._found += error.errors if isinstance(error, MultipleInvalid) else [error]

    def tell(self) -> None:
        """Raise all that was kept, as one MultipleInvalid."""
        if self._found:
            raise MultipleInvalid(self._found)


def without_nulls(body: Document) -> Document:
    """The body without the fields that are null, at the top and one level down."""
    return {
        key: {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
        for key, value in body.items()
        if value is not None
    }


def text(value: object) -> str:
    """Text of at least one character."""
    if not isinstance(value, str):
        raise Invalid(f"must be a string, not {said(value)}")
    if not value:
        raise Invalid("must not be empty")
    return value


def name(value: object) -> str:
    """A name people read: printable, no white space around it."""
    value = text(value)
    if len(value) > MAX_NAME:
        raise Invalid(f"must be at most {MAX_NAME} characters long")
    if not value.isprintable() or value != value.strip():
        raise Invalid("must be printable text without white space around it")
    return value


def pattern(value: object) -> str:
    """A name in which one `*` may stand for any text."""
    value = name(value)
    if value.count("*") > 1:
        raise Invalid("may hold one `*`")
    return value


def slug(value: object) -> str:
    """A name for programs: a provider, an adapter, a mapping."""
    value = text(value)
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", value):
        raise Invalid("must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit first")
    return value


def secret(value: object) -> str:
    """A credential: it goes into a header, so it is printable ASCII without spaces around it."""
    value = text(value)
    if value.startswith(MASK):
        raise Invalid("is the masked hint that a read shows, not a secret")
    if len(value) > MAX_SECRET:
        raise Invalid(f"must be at most {MAX_SECRET} characters long")
    if value != value.strip():
        raise Invalid("has white space at its beginning or end")
    if not (value.isascii() and value.isprintable()):
        raise Invalid("must be printable ASCII")
    return value


def api_base(value: object) -> str:
    """The host an upstream answers at, with a path and a query if it has them.

    >>> api_base("https://api.example.com/v1/messages"), api_base("http://h:1/team/a/v1/")
    ('https://api.example.com', 'http://h:1/team/a/v1')
    """
    value = text(value)
    right = "must be the upstream's host, such as https://api.example.com"
    if len(value) > 2048 or not value.isascii() or not value.isprintable() or " " in value:
        raise Invalid(right)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise Invalid(right) from None
    if parts.scheme not in ("http", "https"):
        raise Invalid(f"{right} (only http and https)")
    if "@" in parts.netloc:
        raise Invalid(f"{right} (without a user or password: the credential's place is `secret`)")
    if "#" in value:
        raise Invalid(f"{right} (without `#`)")
    asked = parse_qsl(parts.query, True)
    if any(_secret_in_query(name.lower(), text) for name, text in asked) or by_form(parts.path):
        raise Invalid(f"{right} (without a credential: its place is `secret`)")
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    if not HOST.fullmatch(host.removesuffix(":")) or "\\" in value or port == 0:
        raise Invalid(right)
    path = parts.path.rstrip("/")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc.lower()}{'' if path in PASTED else path}{query}"


def _secret_in_query(name: str, text: str) -> bool:
    return by_name(name) or name == "code" or by_form(text)


def certificates(value: object) -> str:
    """PEM with at least one certificate that can be used."""
    value = text(value)
    if len(value) > MAX_PEM:
        raise Invalid(f"must be at most {MAX_PEM} characters long")
    right = "must be certificates in PEM, as text"
    if "-----BEGIN CERTIFICATE-----" not in value or "PRIVATE KEY" in value:
        raise Invalid(right)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=value)
    except (ssl.SSLError, ValueError):
        raise Invalid(right) from None
    return value


def network(value: object) -> str:
    """A network in CIDR."""
    value = text(value)
    if network_of(value) is None:
        raise Invalid("must be a network in CIDR, such as 10.0.0.0/8 or 2001:db8::/32")
    return value


def version(value: object) -> str:
    """The version of an API."""
    value = text(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise Invalid("must be a version, such as a date: 2023-06-01")
    return value


def headers(value: Any) -> dict[str, str]:
    """Extra headers by the allow-list; names in lower case, in alphabetical order."""
    if not isinstance(value, dict):
        raise Invalid(f"must be an object of header names and values, not {said(value)}")
    if len(value) > 50:
        raise Invalid("may hold 50 headers")
    kept: dict[str, str] = {}
    wrong = Faults()
    for key, content in value.items():
        with wrong.below(key[:60]):
            kept[_header_name(key)] = header_value(content)
    wrong.tell()
    return dict(sorted(kept.items()))


def _header_name(key: str) -> str:
    lower = key.lower()
    if not re.fullmatch(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}", lower):
        raise Invalid("is not a header name")
    if _like(lower, HEADER_REFUSED) or not _like(lower, HEADERS_ALLOWED):
        if by_name(lower):
            raise Invalid("may not carry a credential: its place is `secret`")
        allowed = ", ".join(HEADERS_ALLOWED)
        raise Invalid(f"is not a header that may be added (allowed: {allowed})")
    return lower


def header_value(content: Any) -> str:
    if not isinstance(content, str) or not content.isascii() or not content.isprintable():
        raise Invalid("must be printable ASCII")
    if len(content) > 4096:
        raise Invalid("must be at most 4096 characters long")
    if content.startswith(MASK):
        raise Invalid("is the masked hint that a read shows, not a value")
    return content.strip()


def _like(lower: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(lower, glob) for glob in globs)


def path(value: object) -> str:
    """The absolute path of a file, which need not be there."""
    value = text(value)
    if not value.startswith("/") or len(value) > 4096 or not value.isprintable():
        raise Invalid("must be the absolute path of a file")
    return value


def flag(value: object) -> bool:
    """true or false, not something like it."""
    if not isinstance(value, bool):
        raise Invalid(f"must be true or false, not {said(value)}")
    return value


def whole(value: Any, least: int, most: int) -> int:
    """A whole number from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"must be a whole number, not {said(value)}")
    if not least <= value <= most:
        raise Invalid(f"must be from {least} to {most}")
    return value


def money(value: Any) -> float:
    """An amount in the operator's currency, from 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"must be a number, not {said(value)}")
    if not 0 <= value <= 10**9 or not math.isfinite(value):
        raise Invalid("must be from 0 to 1000000000")
    return value


def key_hash(value: Any) -> str:
    """A SHA-256 in lowercase hex."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise Invalid(
            "must be the SHA-256 of the key, 64 lowercase hex digits: "
            "printf '%s' \"$KEY\" | shasum -a 256"
        )
    return value


def items(value: Any, rule: Any, most: int = MAX_ITEMS) -> list[Any]:
    """A list whose items all pass `rule`; repeated ones are kept once."""
    if not isinstance(value, list):
        raise Invalid(f"must be a list, not {said(value)}")
    if len(value) > most:
        raise Invalid(f"may hold {most} items")
    kept = []
    wrong = Faults()
    for place, item in enumerate(value):
        with wrong.below(place):
            kept.append(rule(item))
    wrong.tell()
    return list(dict.fromkeys(kept))


def routing(value: Any) -> str:
    """One of the ways to choose among targets."""
    if value not in ROUTINGS:
        raise Invalid(f"must be one of {', '.join(ROUTINGS)}")
    return str(value)


def adapters(value: Any) -> dict[str, str]:
    """Adapters by caller dialect."""
    if not isinstance(value, dict):
        raise Invalid(f"must be an object of dialects and adapters, not {said(value)}")
    wrong = Faults()
    for key, content in value.items():
        with wrong.below(key[:60]):
            slug(key)
            slug(content)
    wrong.tell()
    return dict(sorted(value.items()))


def options(value: Any) -> dict[str, Any]:
    """Options of the mapping: scalars or lists of strings; the mapping knows which exist."""
    if not isinstance(value, dict):
        raise Invalid(f"must be an object of option names and values, not {said(value)}")
    if len(value) > 100:
        raise Invalid("may hold 100 options")
    wrong = Faults()
    for key, content in value.items():
        with wrong.below(key[:60]):
            _option(key, content)
    wrong.tell()
    return dict(value)


def _option(key: str, content: Any) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", key):
        raise Invalid("is not an option's name")
    plain = isinstance(content, bool | int | float | str)
    if isinstance(content, list):
        plain = len(content) <= 100 and all(isinstance(item, str) for item in content)
    if not plain:
        raise Invalid("must be true or false, a number, a string or a list of strings")
    if isinstance(content, int) and abs(content) > 2**63:
        raise Invalid("is too large a number")


def overlay(value: Any) -> Any:
    """Tables for one alias: a text of TOML, an object, or several of them; in their order."""
    several = value if isinstance(value, list) else [value]
    if not 1 <= len(several) <= MAX_OVERLAYS:
        raise Invalid(f"must be one overlay, or a list of 1 to {MAX_OVERLAYS}")
    wrong = Faults()
    size = 0
    for place, one in enumerate(several):
        if isinstance(one, str | dict) and one and not (isinstance(one, str) and one.isspace()):
            size += len((one if isinstance(one, str) else json.dumps(one)).encode())
            continue
        right = "must be tables as TOML text, or as an object"
        fault = Invalid(f"{right}, not {'an empty one' if one in ('', {}) else said(one)}")
        if value is one:
            raise fault
        with wrong.below(place):
            raise fault
    wrong.tell()
    if size > MAX_OVERLAY:
        raise Invalid(f"must be at most {MAX_OVERLAY} bytes; for more, a folder of tables")
    return value


def moment(value: Any) -> str:
    """A time as RFC 3339 with its zone, or in Unix seconds; kept as RFC 3339 in UTC.

    >>> moment("2030-01-01T02:00:00+02:00"), moment(0)
    ('2030-01-01T00:00:00Z', '1970-01-01T00:00:00Z')
    """
    right = "must be a time with its zone, such as 2030-01-01T00:00:00Z"
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 253402300800:
        return timestamp(value)
    if not isinstance(value, str):
        raise Invalid(right)
    try:
        when = datetime.fromisoformat(value)
        past = when - datetime(1970, 1, 1, tzinfo=UTC) if when.tzinfo else timedelta(-1)
    except (ValueError, OverflowError):
        raise Invalid(right) from None
    if past < timedelta(0) or past >= timedelta(seconds=253402300800):
        raise Invalid(right)
    return timestamp(int(past.total_seconds()))


def said(value: object) -> str:
    """The kind of a JSON value, in words."""
    words = {bool: "true or false", dict: "an object", list: "a list", str: "a string"}
    return "null" if value is None else words.get(type(value), "a number")
