"""A gateway over a store that is not well: everybody is served, and everybody is told."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from aisix.standin.server import Standin
from tests.running import CALLER_KEY, ROOT, Running, send, until

MODELS = {name: {"model_name": "claude-opus-5-5"} for name in ("small", "large")}


def sql(gateway: Running, *statements: str) -> None:
    """From outside, with a change signal."""
    data = gateway.folder / "data"
    db = sqlite3.connect(data / "aisix.db", isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
    db.execute("UPDATE resources SET revision = (SELECT value FROM meta WHERE name = 'revision')")
    db.close()
    with open(data / "changes.bell", "r+b") as bell:
        bell.write(os.urandom(8))


def serves(gateway: Running, alias: str, key: str = CALLER_KEY) -> bool:
    """Whichever worker is asked."""
    for path in ("/livez", "/readyz"):
        assert send(gateway.proxy_port, "GET", path).status == 200
    body = {"model": alias, "messages": [{"role": "user", "content": "Hi"}]}
    statuses = {gateway.call(body, key).status for _ in range(6)}
    assert len(statuses) == 1
    return statuses == {200}


def told(gateway: Running) -> list[tuple[str, str]]:
    found = gateway.admin("GET", "status").json["store"]["quarantined"]
    return [(one["kind"], one["id"]) for one in found]


def test_a_row_that_cannot_be_read_is_named_everywhere_and_all_others_serve(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        gateway.allow("*", key="sk-another", display_name="damaged")
        assert serves(gateway, "small", "sk-another")
        sql(
            gateway,
            "UPDATE resources SET document = '{' WHERE document LIKE '%damaged%'",
            "UPDATE resources SET document = '[1]' WHERE document LIKE '%\"large\"%'",
            "UPDATE resources SET document = document || 'x' WHERE kind = 'provider_keys'",
        )
        assert serves(gateway, "small")
        assert serves(gateway, "large")  # as it was last read
        assert not serves(gateway, "small", "sk-another")  # it may have been one just revoked
        assert [kind for kind, _ in told(gateway)] == ["provider_keys", "models", "apikeys"]
        [key] = [id for kind, id in told(gateway) if kind == "apikeys"]
        until(lambda: f"in quarantine: apikeys/{key}" in gateway.log)
        assert gateway.metrics()['aisix_store_quarantined{kind="apikeys"}'] == 1
        assert gateway.log.count(f"apikeys/{key}") == 1  # and not with every request
        assert gateway.bugs == []
        command = [sys.executable, "-m", "aisix", "check", "--no-cases", "--config"]
        command.append(str(gateway.folder / "config.yaml"))
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert said.returncode == 1 and f"apikeys/{key}: cannot be read" in said.stdout
        gateway.create("models", {**MODELS["small"], "display_name": "new", "provider": "p",
                                  "provider_key_id": told(gateway)[0][1]})  # fmt: skip
        # Starting on it: what can be read serves, and what cannot is told.
        gateway.restart()
        until(lambda: gateway.log.count(f"in quarantine: apikeys/{key}") == 2)
        assert gateway.admin("DELETE", f"apikeys/{key}").status == 200
        assert ("apikeys", key) not in told(gateway)
        assert any(one["action"] == "delete" and one["id"] == key for one in gateway.audits)
        assert "Traceback" not in gateway.log


def test_a_database_that_cannot_be_read_serves_on_and_is_a_clear_message_at_the_start(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway", workers=2) as gateway:
        gateway.set_up(standin.url, MODELS)
        gateway.allow("*")
        data = tmp_path / "gateway" / "data"
        (data / "aisix.db").rename(data / "away")
        until(lambda: "the store is in trouble" in gateway.log)
        assert serves(gateway, "small")
        refused = gateway.admin("PATCH", "models/x", {"strict": True})
        assert refused.status == 503 and "is gone" in refused.error["message"]
        assert "trouble" in send(gateway.proxy_port, "GET", "/readyz").json
        until(lambda: gateway.metrics()["aisix_store_failures_total"] > 0)
        (data / "away").rename(data / "aisix.db")
        until(lambda: "the store is well again" in gateway.log)
        gateway.create("models", {**MODELS["small"], "display_name": "more", "provider": "p",
                       "provider_key_id": gateway.admin("GET", "provider_keys").json["items"][0]["id"]})  # fmt: skip
        gateway.stop()
        shutil.rmtree(data)
        data.mkdir(0o700)
        (data / "aisix.db").write_bytes(b"no database" * 1000)
        command = [sys.executable, "-m", "aisix", "serve", "--config"]
        command.append(str(gateway.folder / "config.yaml"))
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert said.returncode == 2 and "aisix.db" in said.stderr
        assert "Traceback" not in said.stderr
