"""The end of a worker: what is under way is answered first.

    await drain(gateway, listeners, settings)

/readyz says no, and balancers have min_drain_secs to see it; then nobody new is accepted; what is
under way, callers' requests, an admin's writes, pages of metrics, has max_drain_secs to end.

Must never know: signals, what a request asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aisix import log
from aisix.config.settings import Settings
from aisix.listener.fast import FastListener
from aisix.listener.plain import PlainListener
from aisix.proxy.gateway import Gateway

LOOK_SECS = 0.02  # between looks at connections

Listener = FastListener | PlainListener


async def drain(gateway: Gateway, listeners: Sequence[Listener], settings: Settings) -> None:
    """Every answer from now on closes its connection; new ones go to other workers."""
    log.info("draining: %d requests under way", gateway.serving)
    shutdown, now = settings.shutdown, asyncio.get_running_loop().time
    gateway.draining = True
    await asyncio.sleep(shutdown.min_drain_secs)
    for listener in listeners:
        listener.stop()
    began = now()
    while now() < began + shutdown.idle_grace_ms / 1000 and any(one.kept for one in listeners):
        await asyncio.sleep(LOOK_SECS)
    for listener in listeners:
        listener.close_idle()
    if not await gateway.drain(max(0.0, began + shutdown.max_drain_secs - now())):
        log.warning("%d requests did not finish in time", gateway.serving)
        gateway.give_up()
        await gateway.drain(1)
    # What the gateway does not count: an admin's write, a page of metrics.
    while now() < began + shutdown.max_drain_secs and any(one.at_work for one in listeners):
        await asyncio.sleep(LOOK_SECS)
    if left := sum(one.at_work for one in listeners):
        log.warning("%d connections are closed under a request", left)
    log.info("drain complete — closing listeners")
    for listener in listeners:
        await listener.close_all_connections()
