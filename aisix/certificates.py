"""The certificates our listeners show, and reading them again without dropping a connection.

    tls = Certificates.load("proxy", cert_file, key_file)
    Listener(..., tls.context); tls.renew()       new connections get what the files hold now

A context is settled when a listener is made; so ours only carries a callback, which gives each new
connection the context of now. TLS 1.2 at least, HTTP/1.1 only.

Must never know: HTTP, what is served.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aisix.errors import Complaint, OperatorError

if TYPE_CHECKING:  # slow to import, and most gateways have no certificate
    from cryptography import x509


class Certificates:
    """One listener's certificate and key; `name` is the section of the settings they stand in."""

    def __init__(self, name: str, cert: Path, key: Path, current: ssl.SSLContext) -> None:
        self.name = name
        self.cert, self.key = cert, key
        self._current = current
        self.expires = expires(cert)
        self.context = _context()
        self.context.sni_callback = self._choose
        self.context.load_cert_chain(cert, key)

    @classmethod
    def load(cls, name: str, cert: Path | None, key: Path | None) -> Certificates | None:
        """None without TLS. Raises OperatorError that names the setting."""
        if cert is None or key is None:
            return None
        return cls(name, cert, key, _loaded(name, cert, key))

    def renew(self) -> None:
        """Read the files again; on a fault (OperatorError) what was there stays."""
        self._current = _loaded(self.name, self.cert, self.key)
        self.expires = expires(self.cert)

    def _choose(self, connection: ssl.SSLObject, name: str | None, old: ssl.SSLContext) -> None:
        connection.context = self._current


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _loaded(name: str, cert: Path, key: Path) -> ssl.SSLContext:
    for setting, file in ((f"{name}.tls_cert", cert), (f"{name}.tls_key", key)):
        try:
            file.read_bytes()
        except OSError as error:
            raise _wrong(setting, file, f"cannot be read: {error.strerror}") from None
    certificates(f"{name}.tls_cert", cert)
    context = _context()
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise _wrong(f"{name}.tls_key", key, f"is not the key of {cert}") from None
        text = "no private key in PEM that can be read without a password"
        raise _wrong(f"{name}.tls_key", key, text) from None
    except ValueError:
        raise _wrong(f"{name}.tls_key", key, "is protected by a password") from None
    return context


def certificates(setting: str, file: Path) -> Sequence[x509.Certificate]:
    """What a PEM file holds, at least one; OperatorError names the setting."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        raise _wrong(setting, file, f"cannot be read: {error.strerror}") from None
    except ValueError:
        found = []
    if not found:
        raise _wrong(setting, file, "no certificate in PEM")
    return found


def expires(file: Path) -> float:
    """Unix seconds at which the first certificate of a file ends."""
    from cryptography import x509

    return x509.load_pem_x509_certificates(file.read_bytes())[0].not_valid_after_utc.timestamp()


def _wrong(setting: str, file: Path, text: str) -> OperatorError:
    return OperatorError([Complaint("", f"{setting} {file}", text)])
