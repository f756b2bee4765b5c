"""A gateway whose resources come from a file: SIGHUP takes it over whole, the admin API only reads."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from aisix.standin.server import Standin
from tests.running import ROOT, Running, until

SECRET = "sk-ant-the-secret-of-the-provider"
CALLER = "sk-caller-of-the-file"
HASH = hashlib.sha256(CALLER.encode()).hexdigest()


def content(url: str, *aliases: str) -> dict[str, Any]:
    model = {"provider": "anthropic", "model_name": "claude-opus-5-5", "provider_key": "prod"}
    return {
        "provider_keys": [
            {
                "display_name": "prod",
                "provider": "anthropic",
                "secret": "${PROVIDER_KEY}",
                "api_base": url,
            }
        ],
        "models": [{"display_name": alias, **model} for alias in aliases],
        "apikeys": [{"display_name": "ci", "key_hash": HASH, "allowed_models": ["*"]}],
    }


def test_the_file_serves_in_every_worker_and_a_bad_one_changes_nothing(
    tmp_path: Path, standin: Standin
) -> None:
    file = tmp_path / "resources.yaml"
    file.write_text(json.dumps(content(standin.url, "a")))
    more = {"resources_file": str(file)}
    with Running(tmp_path / "gateway", more, {"PROVIDER_KEY": SECRET}, workers=3) as gateway:

        def ask(alias: str) -> int:
            body = {"model": alias, "messages": [{"role": "user", "content": "Hi"}]}
            return gateway.call(body, key=CALLER).status

        def statuses(alias: str) -> set[int]:
            return {ask(alias) for _ in range(9)}

        def reload() -> None:
            gateway.process.send_signal(signal.SIGHUP)

        assert statuses("a") == {200}
        assert standin.received[-1].headers["x-api-key"] == SECRET
        model = gateway.admin("GET", "models").json["items"][0]
        assert model["id"] == "a"

        # Nothing can be written, and it says where to write.
        for method, path, body in (
            ("POST", "models", {"display_name": "x"}),
            ("PUT", "models/a", {"display_name": "x"}),
            ("PATCH", "models/a", {"strict": True}),
            ("DELETE", "models/a", None),
            (
                "POST",
                f"apikeys/{gateway.admin('GET', 'apikeys').json['items'][0]['id']}/rotate",
                None,
            ),
        ):
            refused = gateway.admin(method, path, body)
            assert refused.status == 409, (method, refused.body)
            assert refused.error["code"] == "read_only"
            assert str(file) in refused.error["message"]

        # A change serves after SIGHUP, in every worker; what did not change keeps its revision.
        file.write_text(json.dumps(content(standin.url, "a", "b")))
        assert statuses("b") == {404}
        reload()
        until(lambda: ask("b") == 200)
        assert statuses("b") == {200}
        until(lambda: "mappings reloaded" in gateway.log)  # whose check may take a while: after
        assert gateway.log.index("resources reloaded") < gateway.log.index("mappings reloaded")
        assert gateway.admin("GET", "models/a").json == model
        assert gateway.admin("GET", "status").json["store"]["writable"] is False

        # Whole or nothing: one fault anywhere, and everything stays.
        bad = content(standin.url, "c")
        bad["apikeys"].append({"key_hash": "nonsense", "allowed_models": 3})
        file.write_text(json.dumps(bad, indent=1))
        answer = gateway.admin("POST", "mappings/reload")
        assert answer.status == 409
        faults = "\n".join(answer.json["resources"]["faults"])
        assert "resources.yaml:" in faults and "resources: reload failed: " in gateway.log
        assert "apikeys[1].key_hash" in faults and "apikeys[1].allowed_models" in faults
        assert statuses("b") == {200} and statuses("c") == {404}
        for _ in range(6):  # whichever worker is asked
            trouble = gateway.admin("GET", "status").json["store"]["trouble"]
            assert "apikeys[1].key_hash" in trouble

        # A worker that dies is replaced by one that serves the same.
        children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
        before = set(children.read_text().split())
        os.kill(int(min(before)), signal.SIGKILL)
        until(lambda: len(set(children.read_text().split()) - before) == 1)
        fresh = int(*(set(children.read_text().split()) - before))
        until(lambda: gateway.admin("GET", "status").json["pid"] == fresh)
        assert statuses("b") == {200} and statuses("c") == {404}

        file.write_text(json.dumps(content(standin.url, "c")))
        assert gateway.admin("POST", "mappings/reload").json["resources"]["ok"] is True
        assert statuses("c") == {200} and statuses("b") == {404}
        assert gateway.admin("GET", "status").json["store"]["trouble"] is None
        for place in (gateway.folder / "data").iterdir():
            assert SECRET.encode() not in place.read_bytes()
        assert SECRET not in gateway.log


def test_what_a_changed_file_changes_is_audited_once_by_name(tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    there = content("http://127.0.0.1:9", "a", "b")
    file.write_text(json.dumps(there))
    more = {"resources_file": str(file)}
    with Running(tmp_path / "gateway", more, {"PROVIDER_KEY": SECRET}, workers=2) as gateway:

        def said() -> list[tuple[Any, ...]]:
            assert all(one["by"] == "file" and one["at"].endswith("Z") for one in gateway.audits
                       if "admin_key" not in one)  # fmt: skip
            return [(o["action"], o["kind"], o["id"], o["changed"]) for o in gateway.audits
                    if "admin_key" not in o]  # fmt: skip

        first = said()
        model = ["display_name", "model_name", "provider", "provider_key_id"]
        assert [one for one in first if one[1] == "models"] == [
            ("create", "models", "a", model),
            ("create", "models", "b", model),
        ]
        assert len(first) == 4
        assert "secret" in first[0][3] and first[0][1] == "provider_keys"

        there["provider_keys"][0]["secret"] = SECRET + "-2"
        del there["models"][0]
        there["models"][0]["strict"] = True
        file.write_text(json.dumps(there))
        gateway.process.send_signal(signal.SIGHUP)
        until(lambda: gateway.log.count("resources reloaded") == 1)
        assert said()[4:] == [
            ("delete", "models", "a", []),
            ("replace", "provider_keys", "prod", ["secret"]),
            ("replace", "models", "b", ["strict"]),
        ]
        assert gateway.admin("POST", "mappings/reload").status == 200  # nothing differs
        good = file.read_text()
        file.write_text("models: 3")
        assert gateway.admin("POST", "mappings/reload").status == 409
        assert len(said()) == 7
        file.write_text(good)
        gateway.restart()  # what was taken over before is no change
        assert len(said()) == 7
        assert SECRET not in gateway.log


def test_a_bad_file_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    file.write_text("models:\n  - display_name: a\n")
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"resources_file": "resources.yaml", "data_dir": "data"}))
    command = [sys.executable, "-m", "aisix", "serve", "--config", str(config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"{file}:2: models[0].provider: required" in done.stderr
    assert "Traceback" not in done.stderr
