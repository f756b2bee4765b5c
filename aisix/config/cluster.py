"""The settings of a gateway of many nodes: `etcd.*`, `node_id`, `encryption_key_file`.

Only where `etcd.endpoints` names one is etcd used at all; its names are those of the original
AISIX. What these must agree on with others is `faults`.

Must never know: a file, etcd's protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import voluptuous as v

from aisix.config.checks import choice, integer, maybe, text, words, yes_no
from aisix.config.setting import Setting

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def endpoints(value: Any) -> tuple[str, ...]:
    """URLs of the members, without a path; `host:port` alone is http.

    >>> endpoints("10.0.0.1:2379, https://10.0.0.2:2379/")
    ('http://10.0.0.1:2379', 'https://10.0.0.2:2379')
    """
    given = (one.strip().rstrip("/") for one in words(value))
    found = tuple(one if "://" in one else f"http://{one}" for one in given)
    for one in found:
        try:
            url = urlsplit(one)
            good = url.scheme in ("http", "https") and url.hostname and url.port
        except ValueError:
            good, url = None, urlsplit("")
        if not good or url.path or url.query or url.username or url.password:
            text_ = 'expected URLs such as "http://10.0.0.1:2379": scheme, host and port alone'
            raise v.Invalid(text_)
    return found


def prefix(value: Any) -> str:
    """A path of at least one name."""
    found = text(value).rstrip("/")
    if not found.startswith("/") or "//" in found:
        raise v.Invalid('expected a path such as "/aisix"')
    return found


def maybe_name(value: Any) -> str | None:
    found = maybe(value)
    if found is not None and not NAME.fullmatch(found):
        raise v.Invalid("expected letters, digits, `.`, `_` and `-`, at most 128")
    return found


CLUSTER = (
    Setting("encryption_key_file", maybe, None, "a file with that key, or keys, one a line"),
    Setting("node_id", maybe_name, None, "what this node is called among others; null: its host"),
    Setting(
        "etcd.endpoints",
        endpoints,
        (),
        "URLs of an etcd that keeps the resources of all nodes; none: each machine has its own",
    ),
    Setting("etcd.prefix", prefix, "/aisix", "under which its keys are"),
    Setting("etcd.env_id", maybe_name, None, "the environment below the prefix"),
    Setting("etcd.user", maybe, None, "who we are there"),
    Setting("etcd.password_env", maybe, None, "the environment variable with the password"),
    Setting("etcd.dial_timeout_ms", integer(1), 5000, "name lookup, TCP and TLS together"),
    Setting("etcd.request_timeout_ms", integer(100), 5000, "one call; a write's outcome"),
    Setting(
        "etcd.secrets",
        choice("sealed", "plain"),
        "sealed",
        'how secrets stand there: "sealed" with encryption_key, or "plain" for mixed fleets',
    ),
    Setting("etcd.read_only", yes_no, False, "whether this node only reads there"),
    Setting(
        "etcd.copy_path",
        maybe,
        None,
        "the local copy of it: PATH.db, and PATH.key where no key is set; null: in data_dir",
    ),
    Setting("etcd.tls.ca_cert_file", maybe, None, "PEM file with the certificates to trust"),
    Setting("etcd.tls.client_cert_file", maybe, None, "PEM file with our own certificate"),
    Setting("etcd.tls.client_key_file", maybe, None, "PEM file with its private key"),
    Setting("etcd.tls.domain_name", maybe, None, "the name its certificate is for"),
)
CLUSTER_PAIRS = (("etcd.tls.client_cert_file", "etcd.tls.client_key_file"),)
CLUSTER_FILES = ("etcd.tls.ca_cert_file", "etcd.copy_path", "encryption_key_file")


def faults(
    values: Mapping[str, Any],
    given: Callable[[str], bool],
    env: Mapping[str, str],
    keyless: bool = False,
) -> Iterator[tuple[str, str]]:
    """(setting, complaint) of what does not go together; `given`: whether somebody set it;
    keyless: an etcd without an encryption key will do, where nothing is sealed."""
    if values["encryption_key"] is not None and values["encryption_key_file"] is not None:
        yield "encryption_key_file", "not beside encryption_key: give one of them"
    if not values["etcd.endpoints"]:
        for setting in CLUSTER:
            name = setting.name
            changed = given(name) and values[name] != setting.default
            if changed and name.startswith("etcd."):
                yield name, "needs etcd.endpoints beside it"
                return
        return
    if values["resources_file"] is not None:
        yield "resources_file", "not beside etcd.endpoints: resources come from one place"
    unsealed = keyless and values["etcd.read_only"] and values["etcd.secrets"] == "plain"
    keys = values["encryption_key"], values["encryption_key_file"]
    if keys == (None, None) and not unsealed:
        text_ = (
            "needs encryption_key or encryption_key_file, the same on every node "
            "(make one with: openssl rand -base64 32)"
        )
        yield "etcd.endpoints", text_
    if values["admin.enabled"] and not values["admin.admin_keys"]:
        yield "admin.admin_keys", "must be set beside etcd: a key that is made differs per node"
    variable = values["etcd.password_env"]
    if variable is not None and not env.get(variable):
        yield "etcd.password_env", f"the environment has no {variable}"
    if values["etcd.user"] is not None and variable is None:
        yield "etcd.user", "needs etcd.password_env beside it"
    tls = [name for name in values if name.startswith("etcd.tls.") and values[name] is not None]
    if tls and not all(one.startswith("https://") for one in values["etcd.endpoints"]):
        yield tls[0], "every endpoint must be https://"
