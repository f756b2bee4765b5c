"""The part of the OpenAPI document that is about captures; `openapi.py` gives it its helpers."""

from __future__ import annotations

from collections.abc import Callable

from aisix.store.kinds.declare import Json

TEXT: Json = {"type": "string"}
STAMP: Json = {"type": "string", "format": "date-time"}


def paths(operation: Callable[..., Json], id: Json, read: tuple[int, ...]) -> Json:
    """Exchanges an admin asks to see: see captures.py."""
    begin = operation("create_captures", "Capture the next exchanges of a model", "Capture",
                       (400, 401, 403, 409, 413, 415, 421), 201, "CaptureRequest")  # fmt: skip
    begin["responses"]["201"]["headers"] = {"Location": {"schema": {"type": "string"}}}
    begin["description"] = (
        "What callers and models say, unless `redact` is true; never a key. No file that has a "
        "name holds it; it is gone some time after its end (`capture.keep_secs`)."
    )
    number = {**id, "name": "number", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
    gone = (401, 403, 404, 421)
    return {
        "/admin/v1/captures": {
            "get": operation("list_captures", "Every capture", "CaptureList", read),
            "post": begin,
        },
        "/admin/v1/captures/{id}": {
            "parameters": [id],
            "get": operation("read_captures", "How far a capture is", "Capture", (*read, 404)),
            "delete": operation(
                "delete_captures", "End a capture and forget what it has", "Deleted", (400, *gone)
            ),
        },
        "/admin/v1/captures/{id}/{number}": {
            "parameters": [id, number],
            "get": operation(
                "read_exchange", "One exchange; the first is 1", "Exchange", (*read, 404)
            ),
        },
    }


def schemas(closed: Callable[..., Json], ref: Callable[[str], Json]) -> Json:
    """Request, state and list of captures."""
    return {
        "CaptureRequest": {
            **closed(
                {
                    "alias": {"type": "string", "description": "the name of a model"},
                    "next": {
                        "type": ["integer", "null"],
                        "minimum": 1,
                        "description": "how many exchanges; at most `capture.max_exchanges`",
                    },
                    "secs": {
                        "type": ["integer", "null"],
                        "minimum": 1,
                        "description": "how long to wait; at most `capture.max_secs`",
                    },
                    "redact": {
                        "type": ["boolean", "null"],
                        "description": "texts are replaced by others of the same length and kind",
                    },
                },
                *("next", "secs", "redact"),
            )
        },
        "Capture": closed(
            {
                **dict.fromkeys(("id", "alias"), TEXT),
                **{name: {"type": "integer"} for name in ("next", "secs")},
                "redact": {"type": "boolean"},
                "began_at": STAMP,
                "waiting": {"type": "boolean"},
                "ended": {"type": ["string", "null"], "description": "why, once it has"},
                **{
                    name: {"type": "integer"}
                    for name in ("under_way", "exchanges", "bytes", "lost")
                },
            }
        ),
        "CaptureList": closed({"items": {"type": "array", "items": ref("Capture")}}),
        "Exchange": {
            "type": "object",
            "required": ["aisix_capture", "alias", "at", "now", "target", "request"],
        },
    }
