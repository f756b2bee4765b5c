"""When certificates end, as the library that made them tells; and what is none."""

from __future__ import annotations

import datetime
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from aisix.errors import OperatorError
from aisix.listener.certificates import Certificates, expires

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PEM = serialization.Encoding.PEM
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
KEYS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ec": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def made(
    key: Key, ends: datetime.datetime, begins: datetime.datetime = NOW - DAY, name: str = "a"
) -> bytes:
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    alone = isinstance(key, ed25519.Ed25519PrivateKey)
    return (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, None if alone else hashes.SHA256())
        .public_bytes(PEM)
    )


def written(key: Key) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def pair(folder: Path, kind: str, ends: datetime.datetime = NOW + DAY) -> tuple[Path, Path]:
    key = KEYS[kind]()
    cert, file = folder / f"{kind}.pem", folder / f"{kind}.key"
    cert.write_bytes(made(key, ends))
    file.write_bytes(written(key))
    return cert, file


@pytest.mark.parametrize("kind", KEYS)
def test_a_pair_of_each_kind_serves_and_its_end_is_told(tmp_path: Path, kind: str) -> None:
    cert, key = pair(tmp_path, kind, NOW + 90 * DAY)
    shown = Certificates.load("proxy", cert, key)
    assert shown is not None
    assert shown.expires == (NOW + 90 * DAY).timestamp()
    client = ssl.create_default_context(cafile=cert)
    assert "subject" in handshake(client, shown.context)
    # Another pair in its place: renewed, with its own end.
    for source, target in zip(pair(tmp_path, "ec", NOW + 7 * DAY), (cert, key), strict=True):
        target.write_bytes(source.read_bytes())
    shown.renew()
    assert shown.expires == (NOW + 7 * DAY).timestamp()


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> dict[str, object]:
    """What the client knows of the server's certificate, after a handshake in memory."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(back, there, server_hostname="localhost")
    theirs = server.wrap_bio(there, back, server_side=True)
    for side in (ours, theirs, ours, theirs):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    found = ours.getpeercert()
    assert found is not None
    return dict(found)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (NOW - 9 * DAY, NOW - 2 * DAY),  # has ended
        (NOW + 2 * DAY, NOW + 9 * DAY),  # not yet
        (datetime.datetime(1950, 1, 1), datetime.datetime(1999, 12, 31, 23, 59, 59)),
        (NOW - DAY, datetime.datetime(2049, 12, 31, 23, 59, 59)),  # the last of two digits
        (NOW - DAY, datetime.datetime(2050, 1, 1)),  # the first of four
        (NOW - DAY, datetime.datetime(9999, 12, 31, 23, 59, 59)),  # "never" of RFC 5280
    ],
)
def test_any_end_is_read(
    tmp_path: Path, begins: datetime.datetime, ends: datetime.datetime
) -> None:
    file = tmp_path / "a.pem"
    file.write_bytes(made(KEYS["ec"](), ends, begins))
    assert expires("x", file) == ends.replace(tzinfo=datetime.UTC).timestamp()


def test_the_first_of_a_chain_counts_in_any_spelling_of_pem(tmp_path: Path) -> None:
    key, file = KEYS["ec"](), tmp_path / "a.pem"
    first, second = made(key, NOW + 3 * DAY, name="n" * 60), made(key, NOW + 300 * DAY)
    chain = first + b"\n# \xc3\xbc between\n" + second
    legacy = chain.replace(b"CERTIFICATE", b"X509 CERTIFICATE")
    for text in (
        chain,
        chain.replace(b"\n", b"\r\n"),
        b"subject=CN = a\nBag Attributes: <none>\n" + chain,
        written(key) + chain,
        legacy,
    ):
        file.write_bytes(text)
        assert expires("x", file) == (NOW + 3 * DAY).timestamp()


def test_what_is_no_certificate_is_told_with_its_setting(tmp_path: Path) -> None:
    key, file = KEYS["ec"](), tmp_path / "a.pem"
    good = made(key, NOW + DAY)
    lines = good.splitlines(keepends=True)
    for bad in (
        b"",
        b"\x00\xff" * 99,
        written(key),
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        b"".join(lines[:-1]),  # no end
        b"".join(lines[:3] + lines[4:]),  # a line is missing
        b"".join(lines[:-1]) + good,  # the next begins in it
        good + b"".join(lines[:2] + lines[-1:]),  # the second of a chain is half
        good + b"".join(lines[:-2]),  # and has no end
        b"\xef\xbb\xbf" + good,  # OpenSSL finds none behind a mark or an indent
        b"".join(b" " + line for line in lines),
    ):
        file.write_bytes(bad)
        with pytest.raises(OperatorError, match=r"proxy\.tls_cert .*a\.pem: no certificate in PEM"):
            expires("proxy.tls_cert", file)
    with pytest.raises(OperatorError, match="cannot be read: No such file"):
        expires("x", tmp_path / "gone.pem")


def test_no_cut_or_changed_certificate_is_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    der = ssl.PEM_cert_to_DER_cert(made(KEYS["ec"](), NOW + DAY).decode())
    told = 0
    for at in range(len(der)):
        for bad in (der[:at], der[:at] + bytes([der[at] ^ 0xFF]) + der[at + 1 :]):
            file.write_text(ssl.DER_cert_to_PEM_cert(bad))
            try:
                expires("x", file)
            except OperatorError:
                told += 1
    assert told > len(der)  # every cut one, and many of the changed


@pytest.mark.parametrize("kind", KEYS)
def test_the_key_of_another_is_refused_and_the_pair_before_stays(tmp_path: Path, kind: str) -> None:
    cert, key = pair(tmp_path, kind)
    shown = Certificates.load("proxy", cert, key)
    assert shown is not None
    before = shown.expires
    cert.write_bytes(made(KEYS[kind](), NOW + 50 * DAY))
    with pytest.raises(OperatorError, match=r"proxy\.tls_key .*: is not the key of"):
        shown.renew()
    assert shown.expires == before


def test_a_key_of_another_kind_is_not_its_key(tmp_path: Path) -> None:
    for kind, other in (("rsa", "ed25519"), ("ed25519", "ec"), ("ec", "rsa")):
        cert, _ = pair(tmp_path, kind)
        _, key = pair(tmp_path, other)
        with pytest.raises(OperatorError, match=r"proxy\.tls_key .*: is not the key of"):
            Certificates.load("proxy", cert, key)


def test_a_key_too_short_for_openssl_is_told_as_that(tmp_path: Path) -> None:
    short = rsa.generate_private_key(65537, 1024)
    (tmp_path / "a.pem").write_bytes(made(short, NOW + DAY))
    (tmp_path / "a.key").write_bytes(written(short))
    with pytest.raises(OperatorError, match=r"proxy\.tls_cert .*refused by OpenSSL: ee key too sm"):
        Certificates.load("proxy", tmp_path / "a.pem", tmp_path / "a.key")
