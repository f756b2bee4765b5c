"""Whom upstreams' certificates must be signed by, and what we show them.

    trusted(settings)        the file of authorities for every upstream; None: the machine's own
    tls_of(key, settings)    how one provider key's upstream is reached

The machine's own roots come first; `upstream.tls.ca_file` and a provider key's `tls.ca_cert` add to
them, a key's `tls.ca_file` takes their place. What a key says goes before the settings, field by
field.

Must never know: a socket.
"""

from __future__ import annotations

from collections.abc import Iterator

from aisix.config.original import ORIGINAL
from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.store.resources import ProviderKey
from aisix.upstream.request import Tls
from aisix.upstream.tls import find_ca_file
from aisix.upstream.trust import bundle, in_folders

FILE, FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"  # as other programs on a machine read them


def roots(settings: Settings) -> list[str]:
    """Files with the machine's own authorities. SSL_CERT_FILE stands in for them; in the original's
    form it adds to them, and so does SSL_CERT_DIR."""
    given = settings.environ.get(FILE) or None
    if settings.names != ORIGINAL:
        return [*filter(None, [find_ca_file(own=given)])]
    own = find_ca_file(own=given)
    found = [*filter(None, [find_ca_file(), own])]
    found += in_folders(settings.environ.get(FOLDER, ""))
    return list(dict.fromkeys(found))


def trusted_files(settings: Settings) -> Iterator[str]:
    """The files `trusted` is made of."""
    yield from roots(settings)
    tls = settings.upstream.tls
    own = tls.ca_file, tls.client_cert_file, tls.client_key_file
    yield from (str(path) for path in own if path is not None)


def trusted(settings: Settings) -> str | None:
    """OperatorError when it cannot be written."""
    own = settings.upstream.tls.ca_file
    files = [*roots(settings), *([str(own)] if own is not None else [])]
    return _bundle(settings, files) if files else None


def tls_of(key: ProviderKey, settings: Settings) -> Tls:
    """OperatorError when its certificates cannot be written."""
    own, general = key.tls, settings.upstream.tls
    ca_file = own.ca_file
    if own.ca_cert is not None:
        files = [own.ca_file] if own.ca_file is not None else roots(settings)
        ca_file = _bundle(settings, files, own.ca_cert)
    cert, secret = own.client_cert, own.client_key
    if cert is None and general.client_cert_file is not None:
        cert, secret = str(general.client_cert_file), str(general.client_key_file)
    verify = general.verify if own.verify is None else own.verify
    return Tls(ca_file, verify, cert, secret)


def _bundle(settings: Settings, files: list[str], *texts: str) -> str:
    try:
        return bundle(settings.data_dir, files, texts)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise OperatorError(f"the certificates upstreams are checked with: {why}") from None
