"""Whether a provider key can work from here: where it leads, and the files it names.

What no document alone can tell: the settings say what is allowed, this machine has the files (or
not). Complaints never quote a value.

Must never know: who writes the document.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aisix.config.settings import Settings
from aisix.errors import Complaint
from aisix.upstream.addresses import refused_host

MOST_PEM = 16 << 20  # bytes; all the world's authorities are a quarter of a megabyte
LOOPBACK = ("localhost", "0.0.0.0", "::", "")  # and addresses that are
_NO_FILE = "cannot be read by the gateway: "


def faults(settings: Settings, document: Mapping[str, Any], files: bool) -> Iterator[Complaint]:
    """What is wrong with where it leads; with `files`, also with the files of its `tls`."""
    base = document.get("api_base")
    if base:
        yield from (Complaint("", "api_base", text) for text in _host_faults(settings, base))
    if files:
        tls = document.get("tls") or {}
        yield from (Complaint("", f"tls.{name}", text) for name, text in _tls_faults(tls))


def _host_faults(settings: Settings, base: str) -> Iterator[str]:
    parts = urlsplit(base)
    host = parts.hostname or ""
    why = None if settings.upstream.allow_link_local else refused_host(host)
    if why is not None:
        yield f"{why}: no request goes there unless upstream.allow_link_local is set"
    port = parts.port or (443 if parts.scheme == "https" else 80)
    for name, addr in (
        ("proxy.addr", settings.proxy.addr),
        ("admin.addr", settings.admin.addr if settings.admin.enabled else ""),
        ("observability.metrics_addr", settings.observability.metrics_addr or ""),
    ):
        own, _, number = addr.rpartition(":")
        own = own.strip("[]")
        same = own == host or (_is_here(host) and _is_here(own))
        if addr and number == str(port) and same:
            yield f"is this gateway itself ({name}): requests would come back to it for ever"


def _is_here(host: str) -> bool:
    if host in LOOPBACK:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _tls_faults(tls: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(field, what is wrong) of the files libcurl will be told to use."""
    named = {name: tls.get(name) for name in ("ca_file", "client_cert", "client_key")}
    unread = {name: text for name, path in named.items() if path and (text := _unreadable(path))}
    yield from unread.items()
    if named["client_key"] and not named["client_cert"]:
        yield "client_key", "needs `client_cert` beside it"
    if named["ca_file"] and "ca_file" not in unread and not _authorities(*_now(named["ca_file"])):
        yield "ca_file", "holds no certificates in PEM that can be used"
    if named["client_cert"] and not unread.keys() & {"client_cert", "client_key"}:
        key = named["client_key"] or named["client_cert"]
        wrong = _pair(*_now(named["client_cert"]), *_now(key))
        if wrong:
            yield (wrong[0] if named["client_key"] else "client_cert", wrong[1])


def _unreadable(path: str) -> str | None:
    try:
        # Looked at before it is opened: to open a pipe would wait for its writer.
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return _NO_FILE + "it is no file"
        if found.st_size > MOST_PEM:
            return f"is longer than {MOST_PEM} bytes"
        with open(path, "rb") as opened:
            opened.read(1)
    except (OSError, ValueError) as error:
        return _NO_FILE + str(getattr(error, "strerror", None) or "not a path").lower()
    return None


def _now(path: str) -> tuple[str, int]:
    """The path and what tells this content of it from a later one."""
    try:
        return path, os.stat(path).st_mtime_ns
    except OSError:
        return path, 0


# Kept, since every status page asks again.
@lru_cache(256)
def _authorities(path: str, changed: int) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError):  # SSLError is an OSError
        return False
    return True


@lru_cache(256)
def _pair(cert: str, changed: int, key: str, key_changed: int) -> tuple[str, str] | None:
    """(field, what is wrong) of a certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cert)
    except (OSError, ValueError):
        return "client_cert", "holds no certificate in PEM that can be used"
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
    except ssl.SSLError as error:
        reason = error.reason or ""
        if reason in ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED", "KEY_TYPE_MISMATCH"):
            return "client_key", "is not the key of `client_cert`"
        if reason.endswith(("_TOO_SMALL", "_TOO_WEAK")):
            return "client_cert", f"is refused by OpenSSL: {reason.replace('_', ' ').lower()}"
        return "client_key", "holds no private key in PEM that can be read without a password"
    except (OSError, ValueError):
        return "client_key", "holds no private key in PEM that can be read without a password"
    return None
