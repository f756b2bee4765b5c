"""The admin Application: which URL is whose.

    app = make_admin_app(store, ["the-admin-key"], audit=log.audit, status=gateway.status,
                         tables=reloader)

Every kind of resource has the same URLs, under its name and its aliases. Nobody gets in while
`admin_keys` is empty.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tornado.web import Application, RequestHandler

from aisix.admin.base import AdminContext, CaptureBoard, TablesBoard
from aisix.admin.captures import CaptureHandler, CapturesHandler, ExchangeHandler
from aisix.admin.handlers import CollectionHandler, ItemHandler, RotateHandler
from aisix.admin.health import (
    MODELS_STATUS,
    HealthBoard,
    HealthHandler,
    ModelsStatusHandler,
    ProbeHandler,
)
from aisix.admin.nodes import NodesHandler
from aisix.admin.pages import (
    DocumentHandler,
    NowhereHandler,
    PageHandler,
    StatusHandler,
    UnknownAdminHandler,
)
from aisix.admin.tables import CheckHandler, ReloadHandler, RollbackHandler
from aisix.errors import Complaint
from aisix.listener.application import ListenerApplication
from aisix.listener.hosts import Hosts
from aisix.store.base import ExtraCheck, Store, no_extra_check
from aisix.store.kinds.registry import KINDS
from aisix.store.nodes import Node

Doubts = Callable[[str, Mapping[str, Any]], Sequence[Complaint]]


def make_admin_app(
    store: Store,
    admin_keys: Sequence[str],
    *,
    tables: TablesBoard,
    audit: Callable[[dict[str, Any]], None] = lambda record: None,
    now: Callable[[], float] = time.time,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    extra: ExtraCheck = no_extra_check,
    status: Callable[[], Mapping[str, Any]] = dict,
    access: Callable[[RequestHandler], None] = lambda handler: None,
    hosts: Hosts | None = None,
    doubts: Doubts = lambda kind, document: (),
    captures: CaptureBoard | None = None,
    node: str = "",
    nodes: Callable[[], Sequence[Node]] = tuple,
    wrote: Callable[[float], None] = lambda seconds: None,
    health: HealthBoard | None = None,
) -> Application:
    """The admin API over a store.

    audit(record): called once per write, after it is durable and before its answer.
    extra(kind, document, snapshot): more faults, for what only the gateway knows (as adapters).
    hosts: under which names it answers; None: any.
    doubts(kind, document): what the writer may regret, told in the answer.
    captures: who keeps captured exchanges; None: there are none.
    node: our name; nodes(): every live one. wrote(seconds): called after every write.
    health: how the models do; None: that is not told.
    tables: who changes them. status(): a dict. access(handler): called after every answer.
    """
    context = AdminContext(
        store=store,
        admin_digests=tuple(hashlib.sha256(key.encode()).digest() for key in admin_keys),
        writer=ThreadPoolExecutor(1, thread_name_prefix="admin-writer"),
        audit=audit,
        now=now,
        new_id=new_id,
        extra=extra,
        status=status,
        tables=tables,
        hosts=hosts,
        doubts=doubts,
        captures=captures,
        node=node,
        nodes=nodes,
        wrote=wrote,
    )
    routes: list[Any] = [
        (r"/admin/v1/status", StatusHandler, {"context": context}),
        (r"/admin/v1/nodes", NodesHandler, {"context": context}),
        (r"/admin/openapi\.json", DocumentHandler, {"context": context}),
        (r"/admin/docs/?", PageHandler, {"context": context}),
        (r"/admin/v1/mappings/check", CheckHandler, {"context": context}),
        (r"/admin/v1/mappings/reload", ReloadHandler, {"context": context}),
        (r"/admin/v1/mappings/rollback", RollbackHandler, {"context": context}),
    ]
    if health is not None:
        routes += _health(context, health)
    if captures is not None:
        routes += [
            (r"/admin/v1/captures", CapturesHandler, {"context": context}),
            (r"/admin/v1/captures/([^/]+)", CaptureHandler, {"context": context}),
            (r"/admin/v1/captures/([^/]+)/([^/]+)", ExchangeHandler, {"context": context}),
        ]
    for path, kind in KINDS.paths().items():
        mine = {"context": context, "kind": kind}
        routes.append((rf"/admin/v1/{path}", CollectionHandler, mine))
        routes.append((rf"/admin/v1/{path}/([^/]+)", ItemHandler, mine))
        if kind.rotate:
            routes.append((rf"/admin/v1/{path}/([^/]+)/rotate", RotateHandler, mine))
    return ListenerApplication(
        {},
        routes,
        default_handler_class=UnknownAdminHandler,
        default_handler_args={"context": context},
        log_function=access,
    )


def _health(context: AdminContext, board: HealthBoard) -> list[Any]:
    mine = {"context": context, "board": board}
    kind = KINDS.paths()["models"]
    routes: list[Any] = [
        (MODELS_STATUS, ModelsStatusHandler, {**mine, "kind": kind}),
        (r"/admin/v1/health", HealthHandler, mine),
    ]
    if board.live is not None:
        routes.append((r"/health", NowhereHandler, {"context": context}))
    for path, probe in (("/livez", board.live), ("/readyz", board.ready)):
        if probe is not None:
            routes.append((path, ProbeHandler, {"context": context, "probe": probe}))
    return routes
