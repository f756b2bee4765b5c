"""What could not be read as a request, answered as an error of the dialect it was for.

    listener = FastListener(app, limits, tls, refused=of_callers(gateway))

Every one has an id and an access line, as a request has.

Must never know: how a connection works.
"""

from __future__ import annotations

from collections.abc import Callable

from aisix.errors import CallerError
from aisix.listener.heads import canonical
from aisix.listener.refusals import Refuse, RefusedRequest, Shown
from aisix.proxy.cross_origin import ORIGIN, with_exposed
from aisix.proxy.gateway import Gateway


def of_callers(gateway: Gateway) -> Refuse:
    """Those of the proxy listener: in the envelope of a caller dialect."""

    def shape(refusal: RefusedRequest, request_id: str) -> Shown:
        mappings = gateway.mappings
        name = gateway.doors.dialect_of(refusal.path, refusal.headers)
        caller = mappings.caller(name).of(request_id)
        shown = caller.fault(CallerError(refusal.kind))
        headers = {"Content-Type": "application/json", canonical(caller.id_header): request_id}
        headers |= zip(*gateway.identity.told(request_id), strict=True)
        headers |= shown.headers
        if gateway.cross_origin is not None:
            with_exposed(headers, gateway.cross_origin.answer(refusal.headers.get(ORIGIN)))
        return shown.status, headers, shown.body

    return told(gateway, shape)


def told(gateway: Gateway, shape: Callable[[RefusedRequest, str], Shown]) -> Refuse:
    """Those of any listener: `shape(refusal, request id)` says what they look like."""

    def refuse(refusal: RefusedRequest) -> Shown:
        request_id = gateway.identity.request_id(refusal.headers)
        status, headers, body = shape(refusal, request_id)
        gateway.refused(refusal, request_id, status)
        return status, {**headers, "X-Request-Id": request_id}, body

    return refuse
