"""From an alias to everything an attempt upstream needs, settled once per configuration.

A `Target` is one of the upstream models an alias leads to: made from the stored model, its provider
key and the effective tables, and kept until one of them changes. The secret is in `header_lines`,
which no repr shows.

Must never know: a wire name, a socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from aisix import __version__
from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.mapping.mappings import Effective, Mappings
from aisix.routing.additions import Additions, additions
from aisix.routing.circuit_breaker import CircuitBreaker, CircuitBreakers
from aisix.routing.model_health import ModelCells
from aisix.routing.overlays import LastGood
from aisix.routing.trust import tls_of
from aisix.store.kinds import checks
from aisix.store.kinds.credentials import likely
from aisix.store.kinds.lenient import flaw
from aisix.store.resources import Model, ModelTarget, ProviderKey
from aisix.store.snapshot import Snapshot
from aisix.upstream.request import Cap, Signer, Timeouts, Tls


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """One target of one alias of one caller dialect, ready to be called."""

    alias: str
    model: Model
    model_name: str  # the target's own
    weight: int
    provider_key_id: str
    breaker: CircuitBreaker
    tables: Effective
    tag: str  # "openai-chat/anthropic-messages@3f9c1a20", and "+5b2e77d0" of an alias's overlay
    url: str
    header_lines: tuple[str, ...] = field(repr=False)  # those that are the same each time
    hidden: tuple[str, ...] = field(repr=False)  # texts no caller may see
    plain_timeouts: Timeouts
    stream_timeouts: Timeouts
    retries: int
    stays: bool  # the alias says itself how often: the same target comes before the others
    retry_on_timeout: bool
    tls: Tls
    cap: Cap
    count_url: str | None = None  # where it is asked how many tokens a request would take
    pass_urls: Mapping[str, str] = field(default_factory=dict)  # of requests sent as they are
    sign: Signer | None = field(default=None, repr=False)  # for upstreams that want each signed
    cells: ModelCells | None = field(default=None, repr=False)  # of an alias with one model
    member: Model | None = None  # of a group: the alias it is there
    head_waits: bool = False  # a stream's head goes out with its first chunk
    additions: Additions | None = field(default=None, repr=False)  # of the key, to each request
    unfit: str = ""  # the kind of fault that each call is answered with: it cannot be asked
    unfit_why: str = ""  # for the log

    @property
    def served_by(self) -> str:
        """What a caller of several targets is told of who answered."""
        return self.breaker.name if self.member is None else self.member.display_name


def make_targets(
    dialect: str,
    model: Model,
    snapshot: Snapshot,
    mappings: Mappings,
    settings: Settings,
    breakers: CircuitBreakers,
    last_good: LastGood,
) -> list[Target]:
    """Those of one alias, in the order it lists them; OperatorError when one cannot work."""
    upstream = settings.upstream
    alone = ModelTarget(model.provider_key_id, model.model_name)
    plain, streamed = timeouts(model, settings)
    listed = []
    for stored in model.targets or (alone,):
        entry = snapshot.entry("provider_keys", stored.provider_key_id)
        key = snapshot.provider_key(stored.provider_key_id)
        if key is None or entry is None:
            raise OperatorError(f"model {model.display_name}: its provider key is gone")
        listed.append((stored, spoken(key, model, dialect), entry.revision))
    every = last_good.tables(dialect, model, [one[:2] for one in listed], mappings)
    targets = []
    for (stored, key, revision), tables in zip(listed, every, strict=True):
        name = f"{key.display_name}/{stored.model_name}"
        unfit, why = unfitness(tables, key)
        stored_key = snapshot.provider_key(key.id)
        same = stored_key is not None and stored_key.adapter == key.adapter
        targets.append(
            Target(
                alias=model.display_name,
                model=model,
                model_name=stored.model_name,
                weight=stored.weight,
                provider_key_id=key.id,
                breaker=breakers.find(key.id, revision, stored.model_name, name),
                tables=tables,
                tag=_tag(tables),
                url="" if unfit else url_of(tables, key),
                header_lines=() if unfit else _header_lines(tables, key),
                hidden=_hidden("" if unfit else base_url(tables, key), key),
                plain_timeouts=plain,
                stream_timeouts=streamed,
                retries=upstream.retries if model.retries is None else model.retries,
                stays=model.retries is not None,
                retry_on_timeout=model.retry_on_timeout,
                tls=tls_of(key, settings),
                cap=Cap(upstream.response_body_limit_bytes, "upstream.response_body_limit_bytes"),
                count_url=None if unfit else _count_url(tables, key),
                pass_urls={
                    name: "" if unfit else url_of(tables, key, row["path"])
                    for name, row in tables.upstream.get("pass", {}).items()
                },
                additions=additions(key, model, same),
                unfit=unfit,
                unfit_why=why,
            )
        )
    return targets


def spoken(key: ProviderKey, model: Model, dialect: str) -> ProviderKey:
    """The key with the adapter that callers of a dialect are served by."""
    adapter = model.adapters.get(dialect, key.adapter)
    return key if adapter == key.adapter else replace(key, adapter=adapter)


def unfitness(tables: Effective, key: ProviderKey) -> tuple[str, str]:
    """(the kind of fault, why) of a key that cannot be used, as what somebody else has stored may
    be; ("", "") of any other."""
    about = f"provider key {key.display_name}"
    try:
        base_url(tables, key)
    except OperatorError as error:
        return "bad_address", str(error)
    if key.api_base is not None and (why := flaw(checks.api_base, key.api_base)):
        return "bad_address", f"{about}: api_base: {why}"
    why = flaw(checks.secret, key.secret)
    return ("bad_credential", f"{about}: secret: {why}") if why else ("", "")


def _tag(tables: Effective) -> str:
    """What an answer says of its tables: which files they are of, which overlays of the alias."""
    own = (f"+{inline.digest[:8]}" for inline in tables.overlays)
    return "".join((f"{tables.name}@{tables.digest[:8]}", *own))


def timeouts(model: Model, settings: Settings) -> tuple[Timeouts, Timeouts]:
    """The limits of a plain answer and of a stream: the alias's own, else the settings'."""
    upstream = settings.upstream

    def limit(own: int | None, general: int) -> int:
        return general if own is None else own

    plain = limit(model.timeout, upstream.timeout_ms)
    gap = limit(model.stream_timeout, upstream.stream_timeout_ms)
    total = limit(model.stream_total_timeout, upstream.stream_total_timeout_ms)
    first = limit(model.first_byte_timeout, upstream.first_byte_timeout_ms)
    connect = limit(model.connect_timeout, upstream.connect_timeout_ms)
    return (
        Timeouts(connect, first or plain, 0, plain),
        Timeouts(connect, first or gap, gap, total),
    )


def url_of(tables: Effective, key: ProviderKey, path: str = "") -> str:
    """Where a key's requests go, to be answered or to another `path` of the same upstream;
    OperatorError when nothing says so."""
    _, mark, query = (key.api_base or "").partition("?")
    return f"{base_url(tables, key)}{path or tables.upstream['path']}{mark}{query}"


def _count_url(tables: Effective, key: ProviderKey) -> str | None:
    count = tables.upstream.get("count")
    return None if count is None else url_of(tables, key, count["path"])


def base_url(tables: Effective, key: ProviderKey) -> str:
    """The scheme, host and path prefix; endings a person pastes along are taken away.

    Only a bare host gets the mapping's own prefix: whoever names a path has named all of it, and
    `/.` names none.
    """
    if not key.api_base and not has_base(key.provider, key.adapter):
        why = no_base(key.provider, key.adapter)
        raise OperatorError(f"provider key {key.display_name}: api_base: {why}")
    upstream = tables.upstream
    given = (key.api_base or str(upstream.get("api_base", ""))).partition("?")[0].rstrip("/")
    base = given
    for ending in upstream.get("strip", ()):
        if base.endswith(ending):
            base = base[: -len(ending)].rstrip("/")
            break
    try:
        bare = not urlsplit(given).path
    except ValueError:
        raise OperatorError(f"provider key {key.display_name}: api_base: is no URL") from None
    return base + str(upstream.get("bare", "")) if bare else base.removesuffix("/.")


def has_base(provider: object, adapter: object) -> bool:
    """Whether the mapping's own `api_base` is this provider's: no other's key is sent there."""
    return provider == adapter


def no_base(provider: object, adapter: object) -> str:
    """Why such a key needs an `api_base`."""
    return (
        f'required for the provider "{provider}": without one its requests would go to '
        f'"{adapter}", whose address is the only one known for this adapter'
    )


def _hidden(base: str, key: ProviderKey) -> tuple[str, ...]:
    """The longest first: one may be part of another."""
    values = [value for _, value in key.headers]
    values += [value.rpartition(" ")[2] for value in values]  # of "Bearer abc" also the last word
    told = [*key.default_headers, *key.default_body_fields.items()]
    values += [text for name, text in told if isinstance(text, str) and likely(name, text)]
    own = {key.secret, *values, base, urlsplit(base).netloc}
    return tuple(sorted(filter(None, own), key=len, reverse=True))


def _header_lines(tables: Effective, key: ProviderKey) -> tuple[str, ...]:
    auth: dict[str, str] = tables.upstream.get("auth", {})
    named = {
        "user-agent": f"aisix/{__version__}",
        **{name: text.replace("{secret}", key.secret) for name, text in auth.items()},
        **{name.lower(): value for name, value in key.headers},
    }
    return tuple(f"{name}: {value}" for name, value in named.items())
