"""Lines of text about one request, beside its access line, for readers of the original AISIX's log.

    told_lines.told(handler, record)     the lines; and into the record what only text tells

Only where `observability.access_log_format` says "text".

Must never know: how lines are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from aisix import log
from aisix.mapping.dialect.caller import CallerDialect
from aisix.mapping.metering import COMPLETION, PROMPT, total
from aisix.proxy.call import Call
from aisix.proxy.identity import GIVEN_THERE, OURS
from aisix.proxy.original_metrics import ABORTED, COMPLETED
from aisix.text_lines import line

WHOLE = (PROMPT, COMPLETION)
PROVIDER_CALL = "provider call completed"
TOO_LARGE = "request body exceeded the configured limit"
INITIAL, RETRY, FALLBACK = "initial", "retry", "fallback"


class ToldRequest(Protocol):
    """The handler of a request."""

    request: Any
    request_id: str
    caller: CallerDialect
    balancers: Any
    seen: dict[str, Any]
    message: str | None  # of the error it was answered with
    call: Call | None

    def ms(self) -> float: ...
    def size(self) -> tuple[int, int, int, bool]: ...


def told(handler: ToldRequest, record: dict[str, Any]) -> dict[str, Any]:
    """The record with what only text tells; one line for each attempt that brought an answer's id,
    and one for a body over the limit, are written."""
    _attempts(handler)
    if record.get("error") == "too_large":
        _too_large(handler)
    return record | _more(handler, record)


def _more(handler: ToldRequest, record: dict[str, Any]) -> dict[str, Any]:
    given = handler.request.headers.get(OURS, "")
    told: dict[str, Any] = {
        "downstream_request_id": given if GIVEN_THERE.fullmatch(given) else None,
        "error_message": handler.message,
    }
    call = handler.call
    if call is None:
        return told
    tokens = record.get("tokens")
    if tokens:
        told["prompt"], told["completion"] = tokens.get(PROMPT), tokens.get(COMPLETION)
        told["total"] = total(tokens)
        told["tokens"] = {name: n for name, n in tokens.items() if n and name not in WHOLE}
    target, watched = call.target, call.watched
    key = handler.balancers.snapshot.provider_key(target.provider_key_id)
    model = target.member or target.model
    told["provider"] = model.provider or (key.provider if key is not None else None)
    if call.exchange.error is not None:
        told["error_message"] = call.exchange.error.message
    if watched:
        told["provider_request_id"] = watched[-1].id
        told["fallbacks"] = sum(kind == FALLBACK for kind in _kinds(watched))
    if target.member is not None:
        told["served_by_model"] = target.member.display_name
    return told


def _attempts(handler: ToldRequest) -> None:
    call = handler.call
    if call is None:
        return
    for index, (watched, kind) in enumerate(zip(call.watched, _kinds(call.watched), strict=True)):
        if watched.id is not None:
            fields = {
                "request_id": handler.request_id,
                "provider_request_id": watched.id,
                "attempt_index": index,
                "attempt_kind": kind,
                "handler": handler_name(handler),
                "status": watched.status,
                "requested_model": handler.seen.get("alias"),
                "provider_model_version": watched.model,
            }
            log.info("%s", line(PROVIDER_CALL, fields))


def _too_large(handler: ToldRequest) -> None:
    announced, limit, came, whole = handler.size()
    fields = {
        "request_id": handler.request_id,
        "endpoint": handler.request.path[:256],
        "method": handler.request.method,
        "status": 413,
        "declared_content_length": None if announced < 0 else announced,
        "configured_limit_bytes": limit,
        "drained_bytes": came,
        "drain_outcome": COMPLETED if whole else ABORTED,
        "elapsed_ms": int(handler.ms()),
    }
    tell = log.warning if whole else log.error
    tell("%s", line(TOO_LARGE, fields))


def handler_name(handler: ToldRequest) -> str:
    """The word of its route behind the version.

    >>> class One: caller = type("", (), {"data": {"route": "/v1/turns/new"}})
    >>> handler_name(One())
    'turns'
    """
    route = str(handler.caller.data["route"]).strip("/").split("/")
    return route[1] if len(route) > 1 else route[0]


def _kinds(watched: Sequence[Any]) -> list[str]:
    """Of each attempt: the first, at the same target as the one before it, or at another one."""
    found = []
    for index, one in enumerate(watched):
        before = watched[index - 1].target if index else None
        found.append(INITIAL if not index else RETRY if one.target is before else FALLBACK)
    return found
