"""The admin URLs of the translation tables: what a reload would do, a reload, the way back.

POST /admin/v1/mappings/check, .../reload?digest=..., .../rollback?from=...: 200 with what came of
it, 409 with what stands against it; then nothing has changed.

Must never know: what a table says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aisix.admin.base import AdminHandler

ASKED = "admin"  # by whom it is, in a status


class TablesHandler(AdminHandler):
    """One answer for all of them."""

    def answer(self, result: Mapping[str, Any]) -> None:
        self.send(result, 200 if result.get("ok") else 409)

    def told(self, action: str, result: Mapping[str, Any]) -> None:
        about = {name: result[name] for name in ("digest", "changed") if name in result}
        self.audit(action=action, kind="mappings", ok=bool(result.get("ok")), **about)


class CheckHandler(TablesHandler):
    """What lies on disk, looked at as a reload does; nothing changes."""

    async def post(self) -> None:
        self.query()
        self.answer(await self.context.tables.check())


class ReloadHandler(TablesHandler):
    """What lies on disk, taken over; `digest`: only if it is this."""

    async def post(self) -> None:
        only = self.query("digest").get("digest", "")
        result = await self.context.tables.reload(ASKED, asked=True, only=only)
        self.told("reload", result)
        self.answer(result)


class RollbackHandler(TablesHandler):
    """The tables before; `from`: only if these serve."""

    async def post(self) -> None:
        only = self.query("from").get("from", "")
        result = await self.context.tables.rollback(ASKED, only=only)
        self.told("rollback", result)
        self.answer(result)
