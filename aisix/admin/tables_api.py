"""The part of the OpenAPI document that is about the tables; `openapi.py` gives it its helpers."""

from __future__ import annotations

from collections.abc import Callable

from aisix.store.kinds.declare import Json

TEXT: Json = {"type": "string"}
TIME: Json = {"type": "integer", "description": "Unix seconds"}
READ = (400, 401, 403, 421)


def paths(operation: Callable[..., Json], answer: Callable[..., Json]) -> Json:
    """See tables.py."""

    def post(
        name: str, summary: str, schema: str, about: str, asked: str = "", why: str = ""
    ) -> Json:
        made = operation(name, summary, schema, READ)
        made["description"] = about
        made["responses"]["409"] = answer(schema, "it cannot be done: nothing has changed")
        if asked:
            made["parameters"] = [
                {"name": asked, "in": "query", "schema": TEXT, "description": why}
            ]
        return {"post": made}

    return {
        "/admin/v1/mappings/reload": post(
            "reload",
            "Read tables and resources file again",
            "Reload",
            "On any fault everything stays as it was, and the answer is a 409.",
            "digest",
            "only if the tables on disk have this digest",
        ),
        "/admin/v1/mappings/check": post(
            "check_mappings",
            "What a reload would make of the tables on disk",
            "TableCheck",
            "Nothing changes: the digest that would serve, or a 409 with every fault.",
        ),
        "/admin/v1/mappings/rollback": post(
            "rollback",
            "Back to the tables that served before",
            "Reload",
            "In every worker at once, without a further check. The files on disk are left alone by "
            "signals, watching and restarts until they change or a reload is asked for here. One "
            "set is kept; asked for again, nothing changes.",
            "from",
            "only if the tables that serve have this digest",
        ),
    }


def schemas(closed: Callable[..., Json]) -> Json:
    held = {**closed({"digest": TEXT, "at": TIME}), "type": ["object", "null"]}
    faults = {"type": "array", "items": TEXT}
    return {
        "Reload": {
            "type": "object",
            "required": ["ok"],
            "properties": {
                "ok": {"type": "boolean"},
                "digest": {**TEXT, "description": "of what serves now"},
                "changed": {"type": "boolean"},
                "held": held,
                "faults": faults,
            },
        },
        "TableCheck": {
            "type": "object",
            "required": ["ok", "serving"],
            "properties": {
                "ok": {"type": "boolean"},
                "serving": {**TEXT, "description": "the digest of what serves now"},
                "digest": {**TEXT, "description": "of what would serve"},
                "changed": {"type": "boolean"},
                "held": {**held, "description": "not null: they were rolled back from"},
                "faults": faults,
                "warnings": faults,
            },
        },
    }
