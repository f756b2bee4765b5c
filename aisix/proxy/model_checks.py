"""Models are asked in the background whether they are well, where their document wants that.

    checks = ModelChecks(gateway, leads)      # leads(): whether this worker does it for all
    await checks.run()                        # for ever

A check goes through the tables like any call. It has no key, uses up no rate limit and is in no
metric of requests; what came of it stands in the cells that all workers share.

Must never know: a wire name. What such a request looks like is the caller dialect's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from aisix import log
from aisix.errors import Fault, OperatorError, UpstreamError
from aisix.mapping.dialect.caller import CallerDialect
from aisix.mapping.syntax.budget import Spent
from aisix.proxy.beside import is_light
from aisix.proxy.call import Call
from aisix.proxy.gateway import Gateway
from aisix.routing.additions import Asker
from aisix.routing.attempts import Attempts
from aisix.routing.balancer import Balancer
from aisix.routing.balancers import Balancers
from aisix.routing.model_health import TIMED_OUT
from aisix.routing.target import Target
from aisix.store.resources import ApiKey, BackgroundCheck, Model
from aisix.upstream import faults
from aisix.upstream.request import Cap, Timeouts

REQUEST_ID = "background-model-check"
AT_ONE_TIME = 4  # checks under way
IDLE_SECS = 1.0  # between two looks at whether there is anything to be checked, or we are to do it
NOBODY = ApiKey("", "")  # no key of a caller's: a header that tells of one is left out
ANSWER = Cap(1 << 20, "the answer to a background check")  # bytes


class Outcome(NamedTuple):
    """What came of one. why: "": it went well; status: of the upstream's answer, if it had one."""

    why: str = ""
    status: int | None = None


class ModelChecks:
    """Those of one worker; only one of them asks."""

    def __init__(self, gateway: Gateway, leads: Callable[[], bool]) -> None:
        self._gateway, self._leads = gateway, leads

    async def run(self) -> None:
        """Ask again and again, all that want it each time, as often as the most eager one wants."""
        while True:
            await asyncio.sleep(await self.once() if self._leads() else IDLE_SECS)

    async def once(self) -> float:
        """Ask all of them; seconds until that is to be done again."""
        balancers = self._gateway.balancers()
        wanted = balancers.checked()
        places = asyncio.Semaphore(AT_ONE_TIME)

        async def in_turn(model: Model, check: BackgroundCheck) -> None:
            async with places:
                await self._check(balancers, model, check)

        async with asyncio.TaskGroup() as group:
            for model, check in wanted:
                group.create_task(in_turn(model, check))
        return float(min((check.interval_seconds for _, check in wanted), default=IDLE_SECS))

    async def _check(self, balancers: Balancers, model: Model, check: BackgroundCheck) -> None:
        cells = balancers.cells_of(model.id)
        try:
            outcome = await self._asked(balancers, model, check)
        except (Fault, OperatorError) as error:
            if isinstance(error, UpstreamError) and error.values.get("why") == faults.FILES:
                return  # our own want says nothing of the model
            late = isinstance(error, UpstreamError) and error.kind == "timeout"
            outcome = Outcome(str(error), TIMED_OUT if late else None)
        except Exception as error:  # the others are to be asked all the same
            log.bug(REQUEST_ID, error)
            return
        if not outcome.why:
            cells.check_passed()
            return
        ignored = outcome.status in check.ignore_statuses
        cells.checked(outcome.status, ignored)
        if not ignored:
            text = "model %s fails its background check: %s"
            log.often((REQUEST_ID, model.id), text, model.display_name, outcome.why)

    async def _asked(self, balancers: Balancers, model: Model, check: BackgroundCheck) -> Outcome:
        """Raises what keeps it from being asked, or its answer from coming."""
        for name, caller in balancers.mappings.callers.items():
            body = caller.check(model.display_name, check.prompt, check.answer_tokens)
            if body is not None:
                balancer = balancers.find(name, model.display_name)
                if balancer is None:
                    return Outcome("it is gone")
                return await self._answered(caller, balancer.targets[0], body, check)
        raise OperatorError("no caller dialect of the tables has a [request.check]")

    async def _answered(
        self, caller: CallerDialect, target: Target, body: dict[str, Any], check: BackgroundCheck
    ) -> Outcome:
        gateway, now = self._gateway, asyncio.get_running_loop().time()
        attempts = Attempts(Balancer([target], None), 0.0, now)
        try:
            call = Call(gateway, caller, attempts, {}, {}, None)
            call.asker = Asker(REQUEST_ID, NOBODY)
            try:
                translated = call.translated(target, body)
            except Spent:
                translated = await call.translated_beside(target, body)
            request = call.outgoing(translated)
            most = check.timeout_seconds * 1000
            request.timeouts = Timeouts(min(request.timeouts.connect_ms or most, most), 0, 0, most)
            request.max_body = ANSWER
            response = await gateway.driver.send(request)
        finally:
            attempts.end()
        seen = response.status, response.headers, response.body
        made = call.exchange.response
        answer = (
            made(*seen) if is_light(response.body) else await gateway.beside.finish(made, *seen)
        )
        if answer.error is None:
            return Outcome()
        status = response.status if response.status >= 300 else None
        return Outcome(f"{answer.error.kind} ({response.status})", status)
