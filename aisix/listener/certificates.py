"""The certificates our listeners show, and reading them again without dropping a connection.

    tls = Certificates.load("proxy", cert_file, key_file)
    FastListener(..., tls.context); tls.renew()   new connections get what the files hold now

A context is settled when a listener is made; so ours only carries a callback, which gives each new
connection the context of now. TLS 1.2 at least, HTTP/1.1 only.

Must never know: HTTP, what is served.
"""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from aisix.errors import Complaint, OperatorError

_BEGIN = rb"^-----BEGIN (?:X509 )?CERTIFICATE-----"
_PEM = re.compile(_BEGIN + rb"(.*?)-----END", re.DOTALL | re.MULTILINE)
_BEGINS = re.compile(_BEGIN, re.MULTILINE)
_ALTERNATIVE_NAMES = b"\x06\x03\x55\x1d\x11"  # the identifier of that extension, in DER
_NOT_ITS_KEY = ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED")  # the second: of another kind


class Certificates:
    """One listener's certificate and key; `name` is the section of the settings they stand in."""

    def __init__(self, name: str, cert: Path, key: Path) -> None:
        self.name = name
        self.cert, self.key = cert, key
        self.renew()
        self.context = _context()
        self.context.sni_callback = self._choose
        self.context.load_cert_chain(cert, key)

    @classmethod
    def load(cls, name: str, cert: Path | None, key: Path | None) -> Certificates | None:
        """None without TLS. Raises OperatorError that names the setting."""
        if cert is None or key is None:
            return None
        return cls(name, cert, key)

    def renew(self) -> None:
        """Read the files again; on a fault (OperatorError) what was there stays."""
        self._current, self.expires = _loaded(self.name, self.cert, self.key)
        self.names = names(self.cert)

    def _choose(self, connection: ssl.SSLObject, name: str | None, old: ssl.SSLContext) -> None:
        connection.context = self._current


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _loaded(name: str, cert: Path, key: Path) -> tuple[ssl.SSLContext, float]:
    for setting, file in ((f"{name}.tls_cert", cert), (f"{name}.tls_key", key)):
        try:
            file.read_bytes()
        except OSError as error:
            raise _wrong(setting, file, f"cannot be read: {error.strerror}") from None
    ends = expires(f"{name}.tls_cert", cert)
    context = _context()
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
    except ssl.SSLError as error:
        reason = error.reason or ""
        if reason in _NOT_ITS_KEY:
            raise _wrong(f"{name}.tls_key", key, f"is not the key of {cert}") from None
        if reason.endswith(("_TOO_SMALL", "_TOO_WEAK")):
            text = f"is refused by OpenSSL: {reason.replace('_', ' ').lower()}"
            raise _wrong(f"{name}.tls_cert", cert, text) from None
        text = "no private key in PEM that can be read without a password"
        raise _wrong(f"{name}.tls_key", key, text) from None
    except ValueError:
        raise _wrong(f"{name}.tls_key", key, "is protected by a password") from None
    return context, ends


def expires(setting: str, file: Path) -> float:
    """Unix seconds at which the first certificate of a PEM file ends; OperatorError if it has none.

    OpenSSL is asked whether each is a certificate; Python's ssl gives dates of authorities' only.
    """
    try:
        text = file.read_bytes()
        bodies = _PEM.findall(text)
        found = [base64.b64decode(b"".join(body.split()), validate=True) for body in bodies]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for one in found:
            context.load_verify_locations(cadata=one)
        if found and len(found) == len(_BEGINS.findall(text)):
            return _end(found[0])
    except (ValueError, IndexError, StopIteration, ssl.SSLError):
        pass
    except OSError as error:
        raise _wrong(setting, file, f"cannot be read: {error.strerror}") from None
    raise _wrong(setting, file, "no certificate in PEM")


def names(file: Path) -> tuple[str, ...]:
    """The DNS names of the first certificate of a PEM file (RFC 5280, 4.2.1.6); none on a fault."""
    try:
        der = base64.b64decode(b"".join(_PEM.findall(file.read_bytes())[0].split()))
        _, found, rest = der.partition(_ALTERNATIVE_NAMES)
        # The extension: perhaps whether it is critical, then its value, a sequence, in a string.
        _, value = next(one for one in _values(rest) if one[0] == 0x04) if found else (0, b"")
        ((_, listed),) = _values(value) if value else ((0, b""),)
        return tuple(text.decode("ascii") for tag, text in _values(listed) if tag == 0x82)
    except (OSError, ValueError, IndexError, StopIteration):
        return ()


def _end(certificate: bytes) -> float:
    """The end of the validity of an X.509 certificate in DER (RFC 5280, 4.1)."""
    ((_, whole),) = _values(certificate)
    _, signed = next(_values(whole))
    fields = _values(signed)
    tag, _ = next(fields)
    # version, which version 1 leaves out | serial number | signature | issuer | validity
    for _ in range(4 if tag == 0xA0 else 3):
        _, validity = next(fields)
    _, (tag, end) = _values(validity)
    text = end.decode("ascii")
    if tag == 0x17:  # UTCTime: two digits of the year, from 1950
        text = ("20" if text < "50" else "19") + text
    if len(text) != 15:  # strptime would take one digit for two
        raise ValueError(text)
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, content) of the values that follow each other in DER."""
    at = 0
    while at < len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size & 0x80:  # the size of the size, then the size
            digits = size & 0x7F
            size = int.from_bytes(der[at : at + digits], "big")
            at += digits
        yield tag, der[at : at + size]
        at += size


def _wrong(setting: str, file: Path, text: str) -> OperatorError:
    return OperatorError([Complaint("", f"{setting} {file}", text)])
