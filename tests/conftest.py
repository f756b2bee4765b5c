"""What many tests share: one stand-in upstream and one gateway process for the whole run."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from aisix.mapping.interpret import forms
from aisix.standin.server import Standin
from tests.cluster.servers import Etcd
from tests.long import LONG
from tests.running import Running

# The suite tries the same each time, so that what fails has to do with what was changed; what was
# not tried yet is found by `make test-long`.
settings.register_profile("same", derandomize=LONG == 1, deadline=None)
settings.load_profile("same")

# A job in the background of a shell without job control is started with SIGINT ignored, and hands
# that on to its children: those of a test must hear what the test sends them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The files that take longest, longest first: they begin first, so that none is left running alone.
LONGEST = (
    "exchanges/test_mistakes.py",
    "cli/test_rollout.py",
    "runtime/test_table_switch.py",
    "cluster/test_balancers.py",
    "runtime/test_limiting.py",
    "test_wheel.py",
    "cluster/test_chaos.py",
    "exchanges/test_nothing_shown.py",
    "differential/test_differential.py",
    "clients/test_defaults.py",
    "runtime/test_reload.py",
    "runtime/test_nodes.py",
    "store/test_disk.py",
    "runtime/test_service.py",
    "chaos/test_chaos.py",
    "clients/test_programs.py",
    "cli/test_doctor.py",
)

MODELS = {
    "claude-prod": {"model_name": "claude-3-5-haiku-20241022"},
    "claude-new": {"model_name": "claude-opus-5-5"},
    "claude-strict": {"model_name": "claude-opus-5-5", "strict": True},
    "claude-46": {"model_name": "claude-sonnet-4-6"},
    "claude-45": {"model_name": "claude-haiku-4-5"},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    assert all(path.exists() for path in places), "LONGEST names a file that is gone"
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True)
def swallowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception]]:
    """Mistakes of compiled tables that the interpreter made good: a test that caused one fails.

    A test that plants one takes it out of the list.
    """
    bugs: list[Exception] = []
    monkeypatch.setattr(forms, "unnoticed", bugs.append)
    yield bugs
    if bugs:
        raise bugs[0]


@pytest.fixture(autouse=True)
def unspoiled_loggers() -> Iterator[None]:
    """A command that a test runs in this process sends log lines to what was its stderr: the next
    test has another."""
    loggers = [
        logging.getLogger(name) for name in ("aisix", "tornado", "tornado.general", "asyncio")
    ]
    before = [(one.handlers, one.propagate, one.level) for one in loggers]
    yield
    for one, (handlers, propagate, level) in zip(loggers, before, strict=True):
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


@pytest.fixture(scope="session")
def standin() -> Iterator[Standin]:
    upstream = Standin().start()
    yield upstream
    upstream.stop()


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    """One member for all tests that kill nothing; each takes a prefix of its own."""
    with Etcd(tmp_path_factory.mktemp("etcd")) as running:
        yield running


@pytest.fixture(scope="session")
def fast_gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(standin, tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="session")
def gateway(fast_gateway: Running) -> Running:
    return fast_gateway


@pytest.fixture(scope="session", params=["fast", "tornado"])
def either_gateway(
    request: pytest.FixtureRequest, standin: Standin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The same over each of the two servers of HTTP; a module that wants it says
    `gateway = either_gateway` in a fixture of its own."""
    if request.param == "fast":
        yield request.getfixturevalue("fast_gateway")
        return
    with served(standin, tmp_path_factory.mktemp(request.param), request.param) as running:
        yield running


@contextmanager
def served(standin: Standin, folder: Path, http: str = "fast") -> Iterator[Running]:
    """Aliases as in MODELS; without retries, so that a fault is seen as it is."""
    more = {"upstream": {"retries": 0}, "proxy": {"http": http}}
    with Running(folder, more) as running:
        running.set_up(standin.url, MODELS)
        running.allow(*MODELS, "no-such-alias")
        yield running
        assert not running.bugs
