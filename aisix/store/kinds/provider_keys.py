"""The kind of provider keys: a credential with the place it is good for.

Must never know: which adapters there are.
"""

from __future__ import annotations

from aisix.store.kinds.credentials import likely
from aisix.store.kinds.declare import Argument, Column, Command, Field, Kind
from aisix.store.kinds.lenient import lenient_secret, lenient_text
from aisix.store.kinds.requests import REQUEST_FIELDS
from aisix.store.kinds.types import (
    API_BASE,
    CERTIFICATES,
    FLAG,
    HEADERS,
    NAME,
    PATH,
    SECRET,
    SLUG,
    VERSION,
    table,
)
from aisix.store.resources import ProviderKey, TlsSettings

TLS = table(
    (
        Field("verify", FLAG, "false: not at all; for tests only; null: upstream.tls.verify"),
        Field("ca_file", PATH, "path of the certificates to trust, and no others"),
        Field("ca_cert", CERTIFICATES, "PEM text: certificates to trust beside the machine's own"),
        Field("client_cert", PATH, "path of our own certificate"),
        Field("client_key", PATH, "path of its key"),
    ),
    made=lambda value: TlsSettings(**value),
)

PROVIDER_KEYS = Kind(
    name="provider_keys",
    noun="provider key",
    plural="provider keys",
    title="ProviderKey",
    command=Command("providers", "list, create, change, delete its provider keys"),
    id_prefix="provider_key",
    resource=ProviderKey,
    fields=(
        Field(
            "display_name",
            NAME,
            "what people call it; unique",
            example="prod",
            required="required",
            unique=True,
            searchable="only the one of this name",
            argument=Argument(metavar="NAME", help="what people call it"),
            column=Column("name"),
        ),
        Field(
            "provider",
            SLUG,
            "the company",
            example="acme",
            required="required",
            argument=Argument("--provider", help="the company", required=True),
            column=Column("provider"),
        ),
        Field(
            "adapter",
            SLUG,
            "the dialect its API speaks, which picks the mapping; default: `provider`",
            example="acme",
            falls_back="provider",
            argument=Argument(
                "--adapter", help="the dialect its API speaks; default: the provider's name"
            ),
            column=Column("adapter"),
        ),
        Field(
            "secret",
            SECRET,
            "the credential; a read shows a masked hint, never more",
            example="sk-0123456789abcdef",
            required="required: the provider's credential",
            secret=True,
            lenient=lenient_secret,
            argument=Argument("--secret", help="the variable that holds the secret"),
            column=Column("secret"),
        ),
        Field(
            "api_base",
            API_BASE,
            "URL of the upstream: a host, or all that stands before the operation; null: the "
            "mapping's own, for the provider of its adapter's name alone",
            example="https://api.example.com",
            argument=Argument("--api-base", "URL", "default: the provider's own"),
            column=Column("api base", absent="(the provider's own)"),
            lenient=lenient_text,
        ),
        Field(
            "anthropic_version",
            VERSION,
            "the API version to ask for; null: the mapping's default",
            example="2023-06-01",
            attribute="version",
        ),
        Field(
            "headers",
            HEADERS,
            "extra headers, by an allow-list; a value that looks like a credential is kept as a "
            "secret: a read shows a masked hint",
            example={"x-team": "search"},
            empty={},
            hides=likely,
        ),
        Field(
            "tls",
            TLS,
            "how the upstream's certificate is checked",
            example={"ca_file": "/etc/ssl/upstream.pem"},
            empty={},
        ),
        *REQUEST_FIELDS,
        Field("api_key", SECRET, "another name of `secret`", instead_of="secret"),
    ),
)
