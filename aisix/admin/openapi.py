"""The admin API as an OpenAPI 3.1 document, and the same as a page for people.

    document()   built from the kinds' declarations; served at /admin/openapi.json
    page()       plain HTML without a script or anything from elsewhere; served at /admin/docs

A test calls every operation named here and holds each answer against its schema.

Must never know: the store's content. Both are open to everybody who reaches the listener.
"""

from __future__ import annotations

import html

from aisix import __version__
from aisix.admin import captures_api, health, nodes, tables_api
from aisix.store.kinds.declare import Field, Json, Kind, always_required, nullable
from aisix.store.kinds.registry import KINDS

STAMP = {"type": ["string", "null"], "format": "date-time"}  # null: written by others, in etcd
ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "the ETag a read gave; a write on another revision is a 412",
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`*`: make it, and answer 412 if there is one",
}
SAID = {
    400: "what is wrong with the request; every fault at once, with its path",
    401: "no admin key, or a wrong one",
    403: "a page from another host may change nothing (see `admin.allowed_hosts`)",
    404: "there is no such resource",
    409: "taken, still referred to, or resources come from a file",
    412: "`If-Match` names another revision, `If-None-Match` is `*` and there is one, or this node "
    "has no `min_revision` yet",
    413: "the body is too long",
    415: "the body has a content encoding, or is a form with files",
    421: "the Host header names a host this API does not answer for (see `admin.allowed_hosts`)",
    503: "the store cannot do it now; nothing was written",
    507: "the disk is full; nothing was written",
}
READ = (400, 401, 421)
WRITE = (400, 401, 403, 409, 413, 415, 421, 503, 507)


def document() -> Json:
    """The OpenAPI 3.1 document."""
    paths: Json = {}
    for kind in KINDS:
        paths |= _paths(kind)
    for kind in KINDS:
        if kind.rotate:
            path = f"/admin/v1/{kind.name}/{{id}}/rotate"
            paths[path] = {"parameters": [ID], "post": _rotate(kind)}
    paths["/admin/v1/status"] = {"get": _operation("status", "How the gateway is", "Status", READ)}
    told = _operation("models_status", "How every model does", "ModelStates", READ)
    paths["/admin/v1/models/status"] = {"get": told}
    told = _operation("health", "How the models and the configuration do", "Health", READ)
    paths["/admin/v1/health"] = {"get": told}
    told = _operation("nodes", "The live nodes of the cluster", "Nodes", READ)
    paths["/admin/v1/nodes"] = {"get": told}
    paths |= tables_api.paths(_operation, _answer)
    paths |= captures_api.paths(_operation, ID, READ)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "aisix admin API",
            "version": __version__,
            "description": _about(),
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _about() -> str:
    *most, last = (kind.plural for kind in KINDS)
    told = f"{', '.join(most)} and {last}."
    told += " A write is in effect in every worker when its answer arrives."
    for kind in KINDS:
        for alias in kind.aliases:
            told += f" `/admin/v1/{alias}` is another name of `/admin/v1/{kind.name}`."
    return told[0].upper() + told[1:]


# ---------------------------------------------------------------- operations
def _paths(kind: Kind) -> Json:
    name, noun, title = kind.name, kind.a_noun, kind.title
    envelope = f"{title}Envelope"
    create = _operation(f"create_{name}", f"Make {noun}", envelope, WRITE, 201, title)
    create["responses"]["201"]["headers"] = {"Location": {"schema": {"type": "string"}}, **_ETAG}
    create["parameters"] = nodes.parameters(_asked)
    read = _operation(f"read_{name}", f"One {kind.noun}", envelope, (*READ, 404, 412))
    read["parameters"] = [nodes.least(_asked)]
    read["responses"]["200"]["headers"] = _ETAG
    replace = _operation(f"replace_{name}", f"Replace {noun}, or make it under this id",
                         envelope, (*WRITE, 412), 200, title)  # fmt: skip
    replace["responses"]["201"] = create["responses"]["201"]
    merge = _operation(f"merge_{name}", f"Change fields of {noun}; null removes one",
                       envelope, (*WRITE, 404, 412), 200, f"{title}Patch")  # fmt: skip
    delete = _operation(f"delete_{name}", f"Take {noun} away", "Deleted",
                        (400, 401, 403, 404, 409, 412, 421, 503, 507))  # fmt: skip
    for changing in (replace, merge, delete):
        changing["parameters"] = [IF_MATCH, *create["parameters"]]
    replace["parameters"] = [*replace["parameters"], IF_NONE_MATCH]
    delete["parameters"] = [*delete["parameters"], _asked("cascade", {"type": "string", "enum":
                            ["true", "false"]}, "take what refers to it along")]  # fmt: skip
    return {
        f"/admin/v1/{name}": {"get": _list(kind), "post": create},
        f"/admin/v1/{name}/{{id}}": {
            "parameters": [ID],
            "get": read,
            "put": replace,
            "patch": merge,
            "delete": delete,
        },
    }


def _list(kind: Kind) -> Json:
    made = _operation(f"list_{kind.name}", f"Every {kind.noun}, oldest first", f"{kind.title}List",
                      (*READ, 412))  # fmt: skip
    whole = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    made["parameters"] = [
        _asked("limit", whole, "how many"),
        _asked(
            "shape",
            {"enum": ["page", "array"], "default": "page"},
            "`array`: a bare array of all, with `id`, `value` and `revision`",
        ),
        _asked("cursor", {"type": "string", "pattern": "^[0-9]{1,19}$"}, "the last `next_cursor`"),
        nodes.least(_asked),
        *(_asked(f.name, {"type": "string"}, f.searchable) for f in kind.fields if f.searchable),
    ]
    return made


def _rotate(kind: Kind) -> Json:
    made = _operation(f"rotate_{kind.name}", f"Give {kind.a_noun} a new text",
                      f"{kind.title}Envelope", (*WRITE, 404, 412), 200, "Rotation")  # fmt: skip
    made["requestBody"]["required"] = False
    made["parameters"] = [IF_MATCH, *nodes.parameters(_asked)]
    return made


def _operation(
    name: str, summary: str, answer: str, refused: tuple[int, ...], ok: int = 200, body: str = ""
) -> Json:
    made: Json = {"operationId": name, "summary": summary}
    if body:
        made["requestBody"] = {"required": True, "content": _content(body)}
    made["responses"] = {str(ok): _answer(answer, "done")}
    for status in sorted(refused):
        made["responses"][str(status)] = _answer("Error", SAID[status])
    return made


def _answer(schema: str, text: str) -> Json:
    return {"description": text, "content": _content(schema)}


def _content(schema: str) -> Json:
    return {"application/json": {"schema": _ref(schema)}}


def _ref(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _asked(name: str, schema: Json, text: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": text}


_ETAG = {"ETag": {"schema": {"type": "string"}, "description": "the revision, in quotes"}}


# ---------------------------------------------------------------- schemas
def _schemas() -> Json:
    text = {"type": "string"}
    made: Json = {
        "Error": _error(),
        "Deleted": _closed(
            {
                "deleted": {"const": True},
                "id": text,
                "cascaded": {"type": "array", "items": _closed({"kind": text, "id": text})},
            },
            "cascaded",
        ),
        "Rotation": _closed(
            {
                "grace_secs": {
                    "type": ["integer", "null"],
                    "minimum": 0,
                    "maximum": 2_592_000,
                    "description": "how long the old text still works",
                }
            },
            "grace_secs",
        ),
        "Status": {
            "type": "object",
            "required": ["version", "uptime_secs", "workers", "config", "mappings", "resources",
                         "store"],
            "properties": {
                "version": {"type": "string"},
                "uptime_secs": {"type": "integer"},
                "workers": {"type": "array", "items": {"type": "object"}},
                "config": {"type": "object", "required": ["file", "digest"]},
                "mappings": {"type": "object", "required": ["digest", "last_reload"]},
                "resources": {"type": "object", "required": list(KINDS.names)},
                "store": {
                    "type": "object",
                    "required": ["source", "writable", "revision", "trouble", "quarantined",
                                 "reserved"],
                },
            },
        },
        **health.schemas(_closed),
        **nodes.schemas(_closed),
        **captures_api.schemas(_closed, _ref),
        **tables_api.schemas(_closed),
    }  # fmt: skip
    for kind in KINDS:
        made |= _resource(kind)
    return made


def _resource(kind: Kind) -> Json:
    title = kind.title
    always = always_required(kind.fields)  # what else is missing, the gateway says
    patch = {field.name: nullable(field.json) for field in kind.fields}
    whole = {**patch, **{name: kind.stored[name].json for name in always}}
    shown = {name: patch[name] for name in kind.stored}
    envelope = _closed(
        {
            "id": {"type": "string"},
            "value": {**_closed(shown), "description": f"the {kind.noun}; null: not set"},
            "revision": {"type": "integer"},
            "created_at": STAMP,
            "updated_at": STAMP,
            "key": {"type": "string", "description": "the text of a key that was just made"},
            "warnings": {
                "type": "array",
                "items": _closed({"path": {"type": "string"}, "message": {"type": "string"}}),
                "description": "of a write: what was stored all the same, and may be regretted",
            },
        },
        "key",
        "warnings",
    )
    page = _closed(
        {
            "items": {"type": "array", "items": _ref(f"{title}Envelope")},
            "total": {"type": "integer"},
            "next_cursor": {"type": ["string", "null"]},
        }
    )
    bare = _closed({name: envelope["properties"][name] for name in ("id", "value", "revision")})
    return {
        title: {**_closed(whole), "required": always},
        f"{title}Patch": {**_closed(patch), "required": []},
        f"{title}Envelope": envelope,
        f"{title}List": {"anyOf": [page, {"type": "array", "items": bare}]},
    }


def _closed(fields: Json, *optional: str) -> Json:
    """An object with these fields and no other."""
    return {
        "type": "object",
        "required": [name for name in fields if name not in optional],
        "properties": fields,
        "additionalProperties": False,
    }


def _error() -> Json:
    text = {"type": "string"}
    faults = {"type": "array", "items": _closed({"path": text, "message": text})}
    return _closed({"error": _closed({"message": text, "code": text, "faults": faults}, "faults")})


# ---------------------------------------------------------------- the page
def page() -> str:
    """The document as HTML."""
    told = document()
    out = [_HEAD, f"<h1>{_e(told['info']['title'])} {_e(told['info']['version'])}</h1>"]
    out.append(f"<p>{_marked(told['info']['description'])}</p>")
    out.append("<p>Every call needs <code>Authorization: Bearer &lt;admin key&gt;</code>. The same "
               'as <a href="openapi.json">OpenAPI 3.1</a>.</p>')  # fmt: skip
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                out += _shown(method, path, operation)
    out.append("<h2>Fields</h2>")
    for kind in KINDS:
        out.append(f'<h3 id="{kind.title}">{kind.title}</h3>{_table(kind.fields)}')
    return "\n".join([*out, "</main></body></html>\n"])


def _shown(method: str, path: str, operation: Json) -> list[str]:
    out = [f"<h3><b>{method.upper()}</b> <code>{_e(path)}</code></h3>"]
    out.append(
        f"<p>{_marked(operation['summary'])}. {_marked(operation.get('description', ''))}</p>"
    )
    for one in operation.get("parameters", ()):
        text = f"<p><code>{_e(one['name'])}</code> ({_e(one['in'])}): "
        out.append(text + f"{_marked(one['description'])}</p>")
    body = operation.get("requestBody")
    if body:
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        out.append(f'<p>Body: <a href="#{_e(name.removesuffix("Patch"))}">{_e(name)}</a></p>')
    rows = [(status, answer["description"]) for status, answer in operation["responses"].items()]
    return [*out, _rows(rows)]


def _table(fields: tuple[Field, ...]) -> str:
    rows = []
    for field in fields:
        rows.append((field.name, field.help))
        rows += [(f"{field.name}.{below.name}", below.help) for below in field.type.fields]
    return _rows(rows)


def _rows(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{_e(a)}</code></td><td>{_marked(b)}</td></tr>" for a, b in rows)
    return f"<table>{cells}</table>"


def _e(text: object) -> str:
    return html.escape(str(text))


def _marked(text: str) -> str:
    """Text with `code` in backticks."""
    parts = _e(text).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(parts))


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>aisix admin API</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
main { max-width: 52rem; margin: auto }
h3 { margin-top: 2rem; border-top: 1px solid #ddd; padding-top: 1rem }
code { background: #f3f3f3; padding: 0 .2em }
table { border-collapse: collapse } td { padding: .2rem .8rem .2rem 0; vertical-align: top }
</style></head><body><main>"""
