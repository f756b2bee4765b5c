"""What the gateway stores: ProviderKey, Model and ApiKey, as values that never change.

A resource exists in three forms. The *document* is the plain dict the store keeps (only what was
set, no secret). The *resource* is the frozen dataclass a request works with (defaults filled in,
secret readable). The *view* is what a read of the admin API shows: every field, unset ones as
None, and of a secret only a masked hint.

    document  {"display_name": "anthropic-prod", "provider": "anthropic"}     + secret "sk-..."
    resource  ProviderKey(id="pk_1", display_name="anthropic-prod", adapter="anthropic", ...)
    view      {"display_name": "anthropic-prod", ..., "secret": "****wxyz", "api_base": None, ...}

Must never know: SQL, HTTP, what a provider's wire format looks like. `kinds/` says which fields a
document has and how each form is made; everything here trusts that they were checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple

Document = dict[str, Any]
Network = IPv4Network | IPv6Network
Scalar = bool | int | float | str | list[str]

MASK = "****"
ROUTINGS = ("failover", "round_robin", "least_busy")  # the first is the default


STRATEGIES = (
    *("failover", "round_robin", "least_busy"),
    *("least_latency", "least_cost", "consistent_hash"),
)
HASH_SOURCES = ("header", "cookie", "api_key", "client_ip")
HASH_ON = (("header", "x-aisix-routing-key"), ("api_key", ""))  # where a group does not say
UNAVAILABLE = ("fail", "try_anyway")
MOST_FALLBACKS = 1000


class GroupTarget(NamedTuple):
    """An alias that a group leads to. weight: 0 counts as 1; priority: higher ones come first."""

    model: str
    weight: int = 1
    priority: int = 0
    tags: tuple[str, ...] = ()


class HashSource(NamedTuple):
    """Where the text stands that chooses a target: one of HASH_SOURCES, and its name there."""

    type: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class AliasGroup:
    """How an alias chooses among others; the meaning is the original AISIX's."""

    targets: tuple[GroupTarget, ...]
    strategy: str = STRATEGIES[0]
    retries: int | None = None
    max_fallbacks: int | None = None
    retry_on_429: bool = False
    fallback_on_statuses: tuple[int, ...] = ()
    when_all_unavailable: str = UNAVAILABLE[0]
    hash_on: tuple[HashSource, ...] = ()


COOLS_ON = (401, 408, 429, 500, 502, 503, 504)  # statuses, where a model does not say


@dataclass(frozen=True, slots=True)
class Cooldown:
    """When a model that failed is not asked by groups for a while, and for how long (seconds)."""

    enabled: bool = True
    default_seconds: int = 30
    max_seconds: int = 600
    honor_retry_after: bool = True
    trigger_statuses: tuple[int, ...] = COOLS_ON
    trigger_on_timeout: bool = True
    trigger_on_transport: bool = True


@dataclass(frozen=True, slots=True)
class BackgroundCheck:
    """How a model is asked when nobody else asks it; all times are seconds.

    answer_tokens: the most its answer may take; ignore_statuses: those that say nothing of it;
    stale_after_seconds: after so long a check counts no more.
    """

    enabled: bool
    interval_seconds: int
    timeout_seconds: int
    prompt: str = field(repr=False)
    answer_tokens: int
    stale_after_seconds: int
    ignore_statuses: tuple[int, ...] = ()


class ParamConstraint(NamedTuple):
    """A number at the top of a request is put between these."""

    name: str
    least: float | None = None
    most: float | None = None


class RateLimit(NamedTuple):
    """Requests per second, minute, hour, day; tokens per minute, day; requests at one time.

    None is no limit; 0 lets nothing through.
    """

    rps: int | None = None
    rpm: int | None = None
    rph: int | None = None
    rpd: int | None = None
    tpm: int | None = None
    tpd: int | None = None
    concurrency: int | None = None


NO_LIMIT = RateLimit()


@dataclass(frozen=True, slots=True)
class Cost:
    """Money per 1000 tokens, in the operator's currency."""

    input_per_1k: float | None = None
    output_per_1k: float | None = None
    cache_read_per_1k: float | None = None
    cache_write_per_1k: float | None = None


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How the upstream's certificate is checked, and our own certificate, if it wants one.

    verify: None is the gateway's setting; ca_file: stands in for the machine's own authorities;
    ca_cert: PEM, adds to them.
    """

    verify: bool | None = None
    ca_file: str | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A credential with the place it is good for.

    adapter: the dialect the upstream speaks, which picks the mapping; api_base: None is the
    mapping's own; version: the API version to ask for, None is the mapping's default; headers:
    those of the allow-list. The last five before created_at: what is added to, taken over into and
    changed in each request. Of what somebody else has stored, secret and api_base may be unfit.
    """

    id: str
    display_name: str
    provider: str
    adapter: str
    secret: str = field(repr=False)
    api_base: str | None = None
    version: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: TlsSettings = TlsSettings()
    default_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    forward_client_headers: tuple[str, ...] = ()
    default_body_fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    param_renames: tuple[tuple[str, str], ...] = ()
    param_constraints: tuple[ParamConstraint, ...] = ()
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """One of several upstream models that answer to an alias.

    weight: its share of the traffic; options and overlay: laid over those of the alias; traits and
    mapping: None is the alias's own.
    """

    provider_key_id: str
    model_name: str
    weight: int = 1
    options: Mapping[str, Scalar] = field(default_factory=dict)
    traits: tuple[str, ...] | None = None
    overlay: tuple[str, ...] = ()
    mapping: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """An alias: the name a caller uses, and the upstream model that answers to it.

    All times are milliseconds, None is the gateway's setting, 0 is no limit; options and traits:
    laid over the mapping's tables; overlay: tables of its own, each a text of TOML or of a JSON
    object; mapping: a variant's name, or None. With `targets` an alias has
    several upstream models, `routing` says which is asked, and the first of them stands in
    model_name and provider_key_id. A group leads to other aliases, and has neither. adapters: by
    caller dialect, where that is not the provider key's; allowed_cidrs: None lets every caller in.
    """

    id: str
    display_name: str
    model_name: str
    provider: str
    provider_key_id: str
    strict: bool = False
    mapping: str | None = None
    options: Mapping[str, Scalar] = field(default_factory=dict)
    traits: tuple[str, ...] = ()
    overlay: tuple[str, ...] = ()
    timeout: int | None = None
    stream_timeout: int | None = None
    stream_total_timeout: int | None = None
    first_byte_timeout: int | None = None
    connect_timeout: int | None = None
    retries: int | None = None
    retry_on_timeout: bool = False
    targets: tuple[ModelTarget, ...] = ()
    routing: str = "failover"
    group: AliasGroup | None = None
    adapters: Mapping[str, str] = field(default_factory=dict)
    allowed_cidrs: tuple[Network, ...] | None = None
    rate_limit: RateLimit = NO_LIMIT
    cost: Cost = Cost()
    cooldown: Cooldown = Cooldown()
    background_model_check: BackgroundCheck | None = None
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A caller's key, known only by the SHA-256 of its text; expires_at in Unix seconds.

    previous: the hash it had before it was rotated, and until when that one opens too; team_id,
    user_id, user_name: whose it is, for metrics; nothing is decided by them.
    """

    id: str
    key_hash: str
    allowed_models: tuple[str, ...] = ()
    display_name: str | None = None
    expires_at: int | None = None
    disabled: bool = False
    previous: tuple[str, int] | None = None
    rate_limit: RateLimit = NO_LIMIT
    team_id: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    created_at: int = 0
    _names: frozenset[str] = field(init=False, repr=False, compare=False, default=frozenset())
    _globs: tuple[Glob, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        plain = frozenset(name for name in self.allowed_models if "*" not in name)
        globs = tuple(Glob.of(name) for name in self.allowed_models if "*" in name)
        object.__setattr__(self, "_names", plain)
        object.__setattr__(self, "_globs", globs)

    def may_use(self, alias: str) -> bool:
        """Whether this key may ask for `alias`: by the name alone, whether it exists or not.

        >>> ApiKey("k", "00", ("claude-*", "small")).may_use("claude-prod")
        True
        >>> ApiKey("k", "00", ()).may_use("small")
        False
        """
        return alias in self._names or any(g.captures(alias) is not None for g in self._globs)

    @property
    def before(self) -> ApiKey | None:
        """The same key under the hash it had before it was rotated, while that still opens."""
        if self.previous is None:
            return None
        old, until = self.previous
        ends = until if self.expires_at is None else min(until, self.expires_at)
        return replace(self, key_hash=old, expires_at=ends, previous=None)

    def fault(self, now: float) -> str | None:
        """Why it opens nothing now, as a fault kind: "disabled_key", "expired_key"; or None."""
        if self.disabled:
            return "disabled_key"
        if self.expires_at is not None and now >= self.expires_at:
            return "expired_key"
        return None


@dataclass(frozen=True, slots=True)
class Glob:
    """A name with one `*`, which stands for any text, also none."""

    head: str
    tail: str

    @classmethod
    def of(cls, pattern: str) -> Glob:
        """The Glob of a pattern with one `*`."""
        head, _, tail = pattern.partition("*")
        return cls(head, tail)

    @property
    def rank(self) -> tuple[int, int, str]:
        """Sorts the more telling pattern first: most literal text, then the longest beginning."""
        return (-len(self.head) - len(self.tail), -len(self.head), self.head)

    def captures(self, name: str) -> str | None:
        """The text under the `*` when `name` fits.

        >>> Glob.of("claude-*").captures("claude-opus")
        'opus'
        """
        if (
            len(name) >= len(self.head) + len(self.tail)
            and name.startswith(self.head)
            and name.endswith(self.tail)
        ):
            return name[len(self.head) : len(name) - len(self.tail)]
        return None


@dataclass(frozen=True, slots=True)
class PlainResource:
    """A resource of a kind that has no class of its own; created_at in Unix seconds."""

    id: str
    document: Document = field(repr=False)
    secret: str | None = field(repr=False)
    created_at: int

    @property
    def display_name(self) -> str | None:
        """What people call it, if it has a name."""
        return self.document.get("display_name")


Resource = ProviderKey | Model | ApiKey | PlainResource


def masked(secret: str) -> str:
    """A hint by which its owner knows a secret again; of a short one nothing is shown.

    >>> masked("sk-live-0123456789-wxyz"), masked("short")
    ('****wxyz', '****')
    """
    return MASK + (secret[-4:] if len(secret) >= 16 else "")


def network_of(text: str) -> Network | None:
    """
    >>> network_of("10.1.2.3/8"), network_of("10.1.2.3")
    (IPv4Network('10.0.0.0/8'), None)
    """
    try:
        return ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def timestamp(seconds: int) -> str:
    """Unix seconds as RFC 3339.

    >>> timestamp(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(text: str) -> int:
    """The Unix seconds of an RFC 3339 time; a fraction is cut off."""
    return int(datetime.fromisoformat(text).timestamp())
