"""What one setting may hold: functions that answer with the value as it is used, or raise Invalid.

Each takes what the file says (a number, a list) or what the environment does (a text).

Must never know: which settings there are.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

import voluptuous as v

from aisix.movein.headers import credential

TRACE = ("traceparent", "tracestate")
SHORTEST_KEY = 16
FEWEST = 8  # different characters in it: "aaaaaaaaaaaaaaaa" is long, and no secret
ANY_ORIGIN = "*"
ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://((?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:(?:\d{1,5}|\*))?"
)
PLACEHOLDER = re.compile(
    r"change|replace|example|placeholder|your|secret|admin[-_]?key|password|xxx", re.I
)


def address(text: Any) -> str:
    """ "host:port"; a port of 0 lets the system choose."""
    if not isinstance(text, str):
        raise v.Invalid('expected "host:port"')
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise v.Invalid('expected "host:port", such as "127.0.0.1:3000"')
    return text


def maybe_address(value: Any) -> str | None:
    return None if value is None or value == "" else address(value)


STATUS_PATHS = ("/status/config", "/status/ready", "/status/models")  # on the same listener
METRICS_PATH = re.compile(r"/[A-Za-z0-9/._~-]{0,255}")


def metrics_path(value: Any) -> str:
    """
    >>> metrics_path(" prom "), metrics_path("")
    ('/prom', '/metrics')
    """
    if not isinstance(value, str):
        raise v.Invalid('expected a path, such as "/metrics"')
    path = value.strip() or "/metrics"
    path = path if path.startswith("/") else f"/{path}"
    if not METRICS_PATH.fullmatch(path):
        raise v.Invalid("expected a path of letters, digits, `/`, `.`, `_`, `~` and `-`")
    if path in STATUS_PATHS:
        raise v.Invalid(f"{path} is the status's own: choose another path")
    return path


def integer(least: int, most: int = 2**53) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            top = "" if most == 2**53 else f" and at most {most}"
            raise v.Invalid(f"expected a whole number, at least {least}{top}")
        return value

    return check


def none_or(least: int) -> Callable[[Any], int]:
    """0, which is no limit, or a whole number from `least`."""
    check = integer(0)

    def checked(value: Any) -> int:
        found = check(value)
        if 0 < found < least:
            raise v.Invalid(f"expected 0 (no limit) or a whole number, at least {least}")
        return found

    return checked


def maybe_integer(least: int, most: int) -> Callable[[Any], int | None]:
    check = integer(least, most)
    return lambda value: None if value is None or value == "" else check(value)


def yes_no(value: Any) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    if not isinstance(value, bool):
        raise v.Invalid("expected true or false")
    return value


def words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise v.Invalid("expected a list of texts")
    return tuple(value)


def networks(value: Any) -> tuple[str, ...]:
    """Networks in CIDR; a bare address is one host.

    >>> networks("10.0.0.0/8, 127.0.0.1, ::1")
    ('10.0.0.0/8', '127.0.0.1/32', '::1/128')
    """
    found = []
    for one in words(value):
        try:
            found.append(str(ipaddress.ip_network(one.strip(), strict=False)))
        except ValueError:
            right = 'expected addresses or CIDR such as "10.0.0.0/8" or "127.0.0.1"'
            raise v.Invalid(f"{right}, found {one[:60]!r}") from None
    return tuple(found)


def header(value: Any) -> str:
    """A header's name, in lower case."""
    found = text(value).strip().lower()
    if not re.fullmatch(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}", found):
        raise v.Invalid("expected the name of a header")
    return found


def id_headers(value: Any) -> tuple[str, ...]:
    """Names of headers that may hold a request's id, in lower case.

    >>> id_headers("X-Request-Id, x-trace")
    ('x-request-id', 'x-trace')
    """
    names = tuple(dict.fromkeys(map(header, words(value))))
    for name in names:
        if credential(name) or name in TRACE:
            raise v.Invalid(f"{name} holds no request id: credentials and trace headers may not")
    return names


def origins(value: Any) -> tuple[str, ...]:
    """Origins of pages: exact, or with `*.` before the domain, or `:*` behind it; "*" is any.

    >>> origins("https://App.example.com:443, http://localhost:*")
    ('https://app.example.com', 'http://localhost:*')
    """
    return tuple(_origin(one.strip()) for one in words(value))


def _origin(given: str) -> str:
    if given == ANY_ORIGIN:
        return given
    found = ORIGIN.fullmatch(given.lower())
    if found is None:
        why = ""
        if given.lower() == "null":
            why = ' (every sandboxed page and local file is "null": write "*" if any page may)'
        elif not given.isascii():
            why = " (a name of other letters as browsers send it: xn--...)"
        elif ORIGIN.fullmatch("/".join(given.lower().split("/")[:3])):
            why = " (no path, and no slash at its end)"
        elif "://" not in given:
            why = " (with http:// or https:// before it)"
        raise v.Invalid(
            f'expected origins such as "https://app.example.com", "https://*.example.com" or '
            f'"http://localhost:*", or "*" for any, found {given[:80]!r}{why}'
        )
    scheme, host, port = found.groups()
    usual = port == {"http": ":80", "https": ":443"}.get(scheme)  # browsers leave that out
    return f"{scheme}://{host}{'' if usual else port or ''}"


def origin_pattern(origin: str) -> str:
    """The regular expression of an origin with a `*`; takes time linear in the text.

    >>> re.fullmatch(origin_pattern("https://*.a.b"), "https://x.y.a.b") is not None
    True
    """
    scheme, _, rest = origin.partition("://")
    below = rest.startswith("*.")
    host = re.escape(rest.removeprefix("*.").removesuffix(":*"))
    names = r"(?:[a-z0-9_-]+\.)+" if below else ""
    port = r"(?::\d{1,5})?" if rest.endswith(":*") else ""
    return f"{re.escape(scheme)}://{names}{host}{port}"


def text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise v.Invalid("expected a text")
    return value


def maybe(value: Any) -> str | None:
    return None if value is None or value == "" else text(value)


def level(value: Any) -> str:
    levels = ("debug", "info", "warning", "error")
    if value not in levels:
        raise v.Invalid(f"expected one of {', '.join(levels)}")
    return str(value)


def choice(*names: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in names:
            raise v.Invalid(f"expected one of {', '.join(names)}")
        return str(value)

    return check


def weak(key: str) -> bool:
    """Whether an admin key is short, monotonous or a placeholder: for loopback only."""
    return len(key) < SHORTEST_KEY or len(set(key)) < FEWEST or PLACEHOLDER.search(key) is not None


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
