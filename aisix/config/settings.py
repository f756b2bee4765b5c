"""config.yaml and the environment -> one frozen `Settings`; the only reader of either.

    settings = load_settings("config.yaml", os.environ)
    settings.proxy.addr, settings.upstream.timeout_ms, ...

`declared.py` is the one list of what can be set. The environment wins over the file:
AISIX_<SECTION>__<NAME>, such as AISIX_PROXY__ADDR; lists are comma-separated. A name that is not
known, or a value of the wrong kind, stops the start with file:line. A file in the original AISIX's
form comes through `original.py`.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import voluptuous as v

from aisix.config.checks import ANY_ORIGIN, SHORTEST_KEY, is_loopback, weak
from aisix.config.cluster import faults
from aisix.config.declared import OF_NODE, PAIRS, PATHS, SECRETS, SETTINGS
from aisix.config.file import read
from aisix.config.metrics import SERIES_BYTES
from aisix.config.names import PREFIX, flatten, unknown_variables, unused_variables
from aisix.config.original import NAMES, ORIGINAL, OURS, form_of, their_start
from aisix.config.sections import (
    Admin,
    Capture,
    Downstream,
    Etcd,
    Limits,
    Observability,
    Proxy,
    RateLimiting,
    Settings,
    Shutdown,
    Upstream,
)
from aisix.config.upstreams import settled, untrusted
from aisix.errors import Complaint, OperatorError
from aisix.movein.declared import NOT_SERVED, TheirSaid, row_of
from aisix.movein.declared import settings as their_settings

SERIES = "observability.metrics_series_bytes"
UNUSED = (
    "{} was not applied as a configuration override: no setting has this name "
    "(Kubernetes makes such names of services, unless the pod has enableServiceLinks: false)"
)
_SECTIONS: dict[str, type[Any]] = {
    "proxy": Proxy,
    "admin": Admin,
    "capture": Capture,
    "upstream": Upstream,
    "downstream": Downstream,
    "limits": Limits,
    "ratelimit": RateLimiting,
    "shutdown": Shutdown,
    "observability": Observability,
    "etcd": Etcd,
}


def load_settings(path: str | Path | None, env: Mapping[str, str], started: str = "") -> Settings:
    """Raises OperatorError with every complaint. Relative paths in the file are the file's own; in
    the original's form, which `started` may say, those of the folder we stand in."""
    name = "" if path is None else str(path)
    given, lines = read(Path(path)) if path is not None else ({}, {})
    complaints: list[Complaint] = []
    values: dict[str, Any] = {}
    known = {setting.name: setting for setting in SETTINGS}

    places: dict[str, str] = {}

    def where(key: str) -> str:
        return places.get(key) or f"{name}:{lines.get(key, 1)}"

    environ = env
    said: tuple[TheirSaid, ...] = ()
    theirs = form_of(given, env, started) == ORIGINAL
    beside = Path(path).resolve().parent if path is not None else Path.cwd()
    if theirs:
        moved = their_start(given, env, where, beside)
        given, env = moved.flat, moved.env
        said = (*moved.said, *_unused(env, known, given.get("etcd.password_env")))
        places.update(moved.places)
        complaints += moved.wrong
    flat = flatten(given, known, where, complaints)
    if not theirs:
        complaints = [_hinted(one) for one in complaints]
    for key, setting in known.items():
        variable = PREFIX + key.upper().replace(".", "__")
        place, value = where(key), flat.get(key, setting.default)
        if variable in env:
            place, value = variable, env[variable]
        elif key not in flat:
            values[key] = setting.default
            continue
        try:
            values[key] = v.Schema(setting.check)(value)
        except v.Invalid as error:
            complaints.append(Complaint(place, key, error.msg))
    complaints += unknown_variables(env, known)
    if complaints:
        raise OperatorError(complaints)
    _check_admin_keys(values, where, complaints)
    if values["proxy.cors_credentials"] and ANY_ORIGIN in values["proxy.cors_origins"]:
        text_ = 'not with "*" in proxy.cors_origins: list the origins'
        complaints.append(
            Complaint(where("proxy.cors_credentials"), "proxy.cors_credentials", text_)
        )
    for one, other in (*PAIRS, *((key, cert) for cert, key in PAIRS)):
        if values[one] is not None and values[other] is None:
            complaints.append(Complaint(where(one), one, f"needs {other} beside it"))

    def given_(key: str) -> bool:
        return key in flat or PREFIX + key.upper().replace(".", "__") in env

    complaints += [
        Complaint(where(key), key, why) for key, why in faults(values, given_, environ, theirs)
    ]
    if complaints:
        raise OperatorError(complaints)
    settled(values, given_)
    base = Path.cwd() if theirs else beside
    values[NAMES] = ORIGINAL if theirs else OURS
    made = _settings(values, base, name, environ)
    complaints = [Complaint(where(key), key, why) for key, why in untrusted(values)]
    if complaints:
        raise OperatorError(complaints)
    return replace(made, started=started, said=said)


def _unused(env: Mapping[str, str], known: Collection[str], password: object) -> list[TheirSaid]:
    """What an operator may believe to have set."""
    names = (one for one in unused_variables(env, known) if one != password)
    return [TheirSaid("environment", one, NOT_SERVED, "", UNUSED.format(one)) for one in names]


def _hinted(one: Complaint) -> Complaint:
    """A name that only the original's form has says so."""
    if row_of(their_settings(), one.path) is None:
        return one
    hint = "a name of the original AISIX: say `names: aisix` here, or AISIX_NAMES=aisix"
    return Complaint(one.where, one.path, f"{one.text}; it is {hint}")


def _settings(
    values: dict[str, Any], base: Path, name: str, environ: Mapping[str, str]
) -> Settings:
    # As they are written: the same file in the folder of each node is no difference.
    plain = {key: value for key, value in values.items() if key not in SECRETS + OF_NODE}
    for key in PATHS:
        if values[key] is not None:
            values[key] = base / Path(values[key]).expanduser()
    metrics_names = values["metrics_names"] or values[NAMES]
    if values[SERIES] is None:
        values[SERIES] = SERIES_BYTES[metrics_names]
    sections = {section: _section(kind, section, values) for section, kind in _SECTIONS.items()}
    resources = values["resources_file"]
    return Settings(
        **sections,
        data_dir=base / Path(values["data_dir"]).expanduser(),
        workers=values["workers"],
        event_loop=values["event_loop"],
        worker_silence_secs=values["worker_silence_secs"],
        mappings=tuple(base / Path(folder).expanduser() for folder in values["mappings"]),
        mappings_watch_secs=values["mappings_watch_secs"],
        mappings_reload_timeout_secs=values["mappings_reload_timeout_secs"],
        resources_file=base / Path(resources).expanduser() if resources else None,
        encryption_key=_encryption_key(values),
        node_id=values["node_id"] or socket.gethostname(),
        not_served=values["not_served"],
        names=values[NAMES],
        metrics_names=metrics_names,
        source=name,
        digest=hashlib.sha256(repr(sorted(plain.items())).encode()).hexdigest()[:16],
        environ=environ,
    )


def _section(kind: type[Any], name: str, values: dict[str, Any]) -> Any:
    """One section and those below it."""
    types = get_type_hints(kind)
    return kind(
        **{
            one.name: _section(types[one.name], f"{name}.{one.name}", values)
            if is_dataclass(types[one.name])
            else values[f"{name}.{one.name}"]
            for one in fields(kind)
        }
    )


def _encryption_key(values: dict[str, Any]) -> str | None:
    """That of the settings, or of the file they name, which is read at each load."""
    file = values["encryption_key_file"]
    if file is None:
        key: str | None = values["encryption_key"]
        return key
    try:
        found = ",".join(Path(file).read_text("ascii").split())
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not ASCII"
        raise OperatorError(f"encryption_key_file {file}: cannot be read: {why}") from None
    if not found:
        raise OperatorError(f"encryption_key_file {file}: holds no key")
    return found


def _check_admin_keys(
    values: dict[str, Any], where: Callable[[str], str], complaints: list[Complaint]
) -> None:
    """Short and placeholder keys are for loopback only."""
    host = values["admin.addr"].rpartition(":")[0].strip("[]")
    if not values["admin.enabled"] or is_loopback(host):
        return
    for number, key in enumerate(values["admin.admin_keys"]):
        if weak(key):
            text_ = (
                f"too weak for an address beyond loopback: at least {SHORTEST_KEY} characters,"
                " and no placeholder (try: openssl rand -hex 32)"
            )
            path = f"admin.admin_keys[{number}]"
            complaints.append(Complaint(where("admin.admin_keys"), path, text_))


__all__ = ["Settings", "load_settings"]
