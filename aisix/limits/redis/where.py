"""RedisWhere Redis is and how it is spoken to: read once from settings, ValueError in words.

    where = RedisWhere.of(mode="single", url="rediss://user:word@host:6379/2", ...)
    where.seeds, where.login, where.tls

Secrets are in `login` only, which is never shown.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

SINGLE, SENTINEL, CLUSTER = "single", "sentinel", "cluster"
PORT, SENTINEL_PORT = 6379, 26379
PLAIN, TLS, UNIX = "redis", "rediss", "unix"
Address = tuple[str, int]  # of a socket in a folder: its path, and 0
Login = tuple[str, str]  # user ("": the default one), password


@dataclass(frozen=True, slots=True)
class Seed:
    """One address of the settings, and who we are there."""

    address: Address
    login: Login = field(default=("", ""), repr=False)


@dataclass(frozen=True, slots=True)
class RedisWhere:
    """`seeds`: Redis itself, nodes of its cluster, or sentinels; `login`: at Redis."""

    mode: str
    seeds: tuple[Seed, ...]
    login: Login = field(repr=False)
    database: int
    tls: ssl.SSLContext | None
    tls_of_seeds: ssl.SSLContext | None
    master_name: str = ""

    @classmethod
    def of(
        cls,
        mode: str,
        url: str | None = None,
        nodes: Sequence[str] = (),
        sentinels: Sequence[str] = (),
        master_name: str | None = None,
        username: str | None = None,
        password: str | None = None,
        database: int | None = None,
        ca_file: Path | None = None,
        client_cert_file: Path | None = None,
        client_key_file: Path | None = None,
        verify: bool = True,
    ) -> RedisWhere:
        """ValueError that says which setting is wrong, and how; it quotes no URL: they hold
        passwords. OSError when a file cannot be read."""
        given = {SINGLE: [url] if url else [], CLUSTER: nodes, SENTINEL: sentinels}[mode]
        name = {SINGLE: "url", CLUSTER: "nodes", SENTINEL: "sentinels"}[mode]
        if not given:
            raise ValueError(f"{name}: needed with mode: {mode}")
        if mode == SENTINEL and not master_name:
            raise ValueError(f"master_name: needed with mode: {mode}")
        port = SENTINEL_PORT if mode == SENTINEL else PORT
        read = [_read(one, f"{name}[{at}]" if len(given) > 1 else name, port, mode)
                for at, one in enumerate(given)]  # fmt: skip
        if len({tls for _, tls, _ in read}) > 1:
            raise ValueError(f"{name}: all with {TLS}://, or none")
        if bool(client_cert_file) != bool(client_key_file):
            raise ValueError("tls.client_cert_file and tls.client_key_file: only together")
        over_tls, of_url = read[0][1], read[0][2]
        files = ca_file or client_cert_file
        if files and not over_tls:
            raise ValueError(f"tls: {name} must begin with {TLS}://")
        context = None
        if over_tls:
            context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
            # As etcd and upstreams are looked at, and on every Python: 3.13 asks for more.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if client_cert_file is not None:
                context.load_cert_chain(client_cert_file, client_key_file)
            if not verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        user, word = ("", "") if mode == SENTINEL else read[0][0].login
        if mode == CLUSTER and (database or of_url):
            raise ValueError("database: a cluster has only 0")
        return cls(
            mode,
            tuple(seed for seed, _, _ in read),
            (username or user, password or word),
            (of_url or 0) if database is None else database,
            context,
            context,
            master_name or "",
        )

    @property
    def shown(self) -> str:
        """For people, without any secret."""
        return ", ".join(show(seed.address) for seed in self.seeds)


def show(address: Address) -> str:
    """As people write an address."""
    host, port = address
    return host if not port else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _read(text: str, name: str, usual: int, mode: str) -> tuple[Seed, bool, int | None]:
    """(address and login, whether over TLS, database of it)"""
    if "://" not in text:
        text = f"{PLAIN}://{text}"
    expected = f'{name}: expected such as "{PLAIN}://host:{usual}" ({TLS}:// for TLS)'
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError(expected) from None
    login = unquote(url.username or ""), unquote(url.password or "")
    if url.scheme in (UNIX, "redis+unix"):
        if not url.path or mode != SINGLE:
            raise ValueError(f"{name}: a path after unix://, with mode: {SINGLE} only")
        return Seed((unquote(url.path), 0), login), False, _number(url, name, True)
    if url.scheme not in (PLAIN, TLS) or not url.hostname or port == 0:
        raise ValueError(expected)
    return Seed((url.hostname, port or usual), login), url.scheme == TLS, _number(url, name)


def _number(url: SplitResult, name: str, unix: bool = False) -> int | None:
    query = parse_qs(url.query)
    text = query.get("db", [""])[0] if unix or "db" in query else url.path.strip("/")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 6:
        raise ValueError(f"{name}: what stands behind the address must be the number of a database")
    return int(text)
