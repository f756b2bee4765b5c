"""A full or read-only disk: writes say so, everything else goes on, and nothing is half done."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from aisix.errors import StoreError
from aisix.standin.server import Standin
from aisix.store import writes
from aisix.store.base import DiskFull
from aisix.store.opening import open_store
from aisix.store.sqlite import SqliteStore
from tests.running import Answer, Running, until

MODEL = {"small": {"model_name": "claude-opus-5-5"}}
BIG = {"provider": "anthropic", "secret": "s" * 4000}


def post(gateway: Running, name: str) -> Answer:
    return gateway.admin("POST", "provider_keys", {**BIG, "display_name": name})


def all_but_writes_go_on(gateway: Running, code: str) -> None:
    """Whichever worker is asked, and again after it: reads, callers, and refusals of writes."""
    total = gateway.admin("GET", "provider_keys").json["total"]
    for number in range(4):
        refused = post(gateway, f"refused-{number}")
        assert refused.status == {"disk_full": 507, "unavailable": 503}[code], refused.body
        assert refused.error["code"] == code
        assert "nothing was written" in refused.error["message"]
        assert gateway.ask("Hi", "small").status == 200
    model = gateway.admin("GET", "models").json["items"][0]
    if not gateway.admin("GET", "status").json["store"]["writable"]:  # else there is room for it
        for method, body in (("PATCH", {"strict": True}), ("DELETE", None)):
            refused = gateway.admin(method, f"models/{model['id']}", body)
            assert refused.error["code"] == code
    assert gateway.admin("GET", f"models/{model['id']}").json == model
    assert gateway.admin("GET", "provider_keys").json["total"] == total
    assert gateway.admin("GET", "status").status == 200


LEAKED = [f"sk-leaked-{number}" for number in range(6)]


def leak(gateway: Running) -> list[str]:
    """Callers' keys that will have to be taken away; their ids."""
    return [gateway.allow("*", key=key, display_name=key) for key in LEAKED]


def revoke(gateway: Running, ids: list[str]) -> None:
    """In every way there is; each answered, and nobody gets in with any of them."""
    for number, id in enumerate(ids):
        match number % 3:
            case 0:
                done = gateway.admin("DELETE", f"apikeys/{id}")
            case 1:
                done = gateway.admin("PATCH", f"apikeys/{id}", {"disabled": True})
            case 2:
                done = gateway.admin("POST", f"apikeys/{id}/rotate")
        assert done.status == 200, done.body
    revoked(gateway)
    told = [audit["id"] for audit in gateway.audits if audit["action"] != "create"]
    assert set(ids) <= set(told)


def revoked(gateway: Running) -> None:
    for key in LEAKED:
        body = {"model": "small", "messages": [{"role": "user", "content": "Hi"}]}
        assert gateway.call(body, key).status in (401, 403)


def fill(gateway: Running, name: str = "filler") -> str:
    """Write until there is no room even for the least; the code of the refusal."""
    for size in (4000, 16):
        for number in range(500):
            body = {**BIG, "secret": "s" * size, "display_name": f"{name}-{size}-{number}"}
            answer = gateway.admin("POST", "provider_keys", body)
            if answer.status != 201:
                break
        else:
            raise AssertionError("there was room for everything")
    return str(answer.error["code"])


def test_when_a_file_cannot_grow_writes_say_so_until_it_can(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("*")
        ids = leak(gateway)
        children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()]
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        code = fill(gateway)
        all_but_writes_go_on(gateway, code)
        revoke(gateway, ids)
        for pid in pids:
            limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
        assert post(gateway, "room").status == 201
        assert children.read_text().split() == [str(pid) for pid in pids]  # nobody died of it


def test_a_full_database_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert isinstance(store, SqliteStore)
    store._writer.execute("PRAGMA max_page_count = 12")
    kept = 0
    with pytest.raises(DiskFull, match="nothing was written"):
        for kept in range(100):
            body = {"display_name": f"k{kept}", **BIG}
            writes.create(store, "provider_keys", body, now=1.0, new_id=f"k{kept}")
    assert kept > 0
    assert store.current().counts()["provider_keys"] == kept
    store._writer.execute("PRAGMA max_page_count = 1000")
    writes.create(store, "provider_keys", body, now=1.0, new_id="room")
    assert store.current().counts()["provider_keys"] == kept + 1
    store.close()


@contextmanager
def mounted(*words: str | Path) -> Iterator[None]:
    """A mount, where this may be done; else the test is left out, and says so."""
    done = subprocess.run(["mount", *words[:-1], words[-1]], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        umount = ["umount", words[-1]]  # refused while a process that is ending has files there
        until(lambda: subprocess.run(umount, capture_output=True).returncode == 0)


def fill_up(disk: Path) -> None:
    """To the last byte."""
    with open(disk / "other", "wb", buffering=0) as other, suppress(OSError):
        while other.write(bytes(512)):
            pass


def test_on_a_full_disk_any_number_of_keys_is_revoked_by_any_process(tmp_path: Path) -> None:
    with mounted("-t", "tmpfs", "-o", "size=1500k", "tmpfs", tmp_path):
        with ExitStack() as opened:
            revoke_on_a_full_disk(tmp_path, opened)
        gc.collect()  # what is mapped keeps the mount


def revoke_on_a_full_disk(folder: Path, opened: ExitStack) -> None:
    stores = [open_store(folder / "data") for _ in range(2)]
    for store in stores:
        opened.callback(store.close)
    for number in range(45):
        body = {"key_hash": f"{number:064x}", "allowed_models": ["*"]}
        writes.create(stores[0], "apikeys", body, now=1.0, new_id=f"k{number}")
    fill_up(folder)
    with pytest.raises(DiskFull):
        for number in range(500):
            body = {"display_name": f"p{number}", **BIG}
            writes.create(stores[1], "provider_keys", body, now=1.0, new_id=f"p{number}")
    for number in range(45):
        store, id = stores[number % 2], f"k{number}"
        match number % 3:
            case 0:
                writes.delete(store, "apikeys", id)
            case 1:
                writes.merge(store, "apikeys", id, {"disabled": True}, now=2.0)
            case 2:
                writes.rotate(store, "apikeys", id, now=2.0, new_key=f"sk-{number}")
    with pytest.raises(DiskFull):  # what was given back may be enough for a few
        for number in range(50):
            body = {"display_name": f"q{number}", **BIG}
            writes.create(stores[0], "provider_keys", body, now=3.0, new_id=f"q{number}")
    afresh = open_store(folder / "data")
    for number in range(45):
        found = afresh.current().api_key(f"{number:064x}")
        assert found is None or found.fault(2.0) == "disabled_key"
    afresh.close()
    assert all(store.reserved for store in stores)


def test_a_disk_that_is_full_is_a_507_also_after_a_restart(
    tmp_path: Path, standin: Standin
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    more = {"data_dir": str(disk / "data")}
    with (
        mounted("-t", "tmpfs", "-o", "size=900k", "tmpfs", disk),
        Running(tmp_path / "gateway", more, workers=2) as gateway,
    ):
        gateway.set_up(standin.url, MODEL)
        gateway.allow("*")
        ids = leak(gateway)
        assert fill(gateway) == "disk_full"
        fill_up(disk)
        all_but_writes_go_on(gateway, "disk_full")
        revoke(gateway, ids)
        assert fill(gateway, "again") == "disk_full"
        assert gateway.admin("GET", "status").json["store"]["reserved"] is True
        os.killpg(gateway.process.pid, 9)
        gateway.restart()
        assert gateway.ask("Hi", "small").status == 200
        revoked(gateway)
        assert post(gateway, "again").error["code"] == "disk_full"
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        assert post(gateway, "room").status == 201


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody can write there; for root that takes a mount."""
    if os.geteuid() == 0:
        with mounted("--bind", folder, folder):
            subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
            yield
        return
    modes = {path: path.stat().st_mode for path in (*folder.iterdir(), folder)}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path in (folder, *folder.iterdir()):
            path.chmod(modes[path])


@pytest.mark.parametrize("killed", [False, True])
def test_a_read_only_disk_serves_what_is_there(
    tmp_path: Path, standin: Standin, killed: bool
) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODEL)
        gateway.allow("*")
        if killed:  # then there is a write-ahead log to be read
            os.killpg(gateway.process.pid, 9)
        gateway.stop()
        with read_only(tmp_path / "gateway" / "data"):
            gateway.start()
            all_but_writes_go_on(gateway, "unavailable")
            assert gateway.admin("GET", "status").json["store"]["writable"] is False
            gateway.stop()
        gateway.start()
        assert post(gateway, "room").status == 201


def test_a_read_only_database_file_serves_too(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    writes.create(store, "provider_keys", {**BIG, "display_name": "a"}, now=1.0, new_id="a")
    store.close()
    (tmp_path / "aisix.db").chmod(0o400)
    if os.geteuid() == 0:  # who may write everything; still it must open
        store = open_store(tmp_path)
        assert store.current().provider_key("a") is not None
        store.close()
        return
    store = open_store(tmp_path)
    with pytest.raises(StoreError, match="can only be read"):
        writes.create(store, "provider_keys", {**BIG, "display_name": "b"}, now=1.0, new_id="b")
    assert store.current().provider_key("a") is not None
    store.close()
