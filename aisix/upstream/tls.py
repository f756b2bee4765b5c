"""Where this machine keeps the certificates of the authorities it trusts.

The pycurl wheel carries its own OpenSSL, whose compiled-in path exists on no machine but the one
that built it. So the file is looked for here and handed to every handle.

Must never know: pycurl, the environment (a site's own file comes in as an argument).
"""

from __future__ import annotations

import importlib
import os.path
from collections.abc import Iterable

KNOWN_CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # RHEL, Fedora, Amazon Linux
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, BSD, macOS
)


def find_ca_file(known: Iterable[str] = KNOWN_CA_FILES, own: str | None = None) -> str | None:
    """The site's `own`, if it is there; else the first known file that exists, else certifi's if
    that is installed, else None."""
    for path in (own, *known) if own else known:
        if os.path.isfile(path):
            return path
    try:
        certifi = importlib.import_module("certifi")
    except ImportError:
        return None
    return str(certifi.where())
