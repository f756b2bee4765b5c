"""Gateways that are started as the original AISIX is, on its files and its etcd."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from aisix.standin.server import Standin
from tests.cluster.servers import Etcd
from tests.leftovers import end_with_us
from tests.running import ROOT, Answer, free_port, send, until

CALLER = "caller-of-the-tests"
KEY = {"provider": "anthropic", "api_key": "sk-ant-1"}
MODEL = {"provider": "anthropic", "model_name": "claude-opus-5-5"}
ASK = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}


class Bare:
    """`aisix --config F`: its parts have the original's names."""

    process: subprocess.Popen[bytes]
    ends = (0,)

    def __init__(self, folder: Path, **more: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.log_file = folder / "out.log"
        config = {
            "proxy": {"addr": f"127.0.0.1:{self.port}", "workers": 1},
            "admin": {"addr": f"127.0.0.1:{free_port()}", "admin_keys": ["an-admin-key-of-tests"]},
            "observability": {"metrics": {"prometheus": {"enabled": False}}},
            "shutdown": {"min_drain_secs": 0},
            **more,
        }
        self.admin_port = int(str(config["admin"]["addr"]).rpartition(":")[2])
        self.config = folder / "config.yaml"
        self.config.write_text(yaml.safe_dump(config))

    @contextmanager
    def running(self, **env: str) -> Iterator[Bare]:
        with self.log_file.open("a") as out:
            self.process = process = subprocess.Popen(
                [sys.executable, "-m", "aisix", "--config", str(self.config)],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **env},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        end_with_us(process.pid)
        self.process = process
        try:
            until(self.ready, "it never was ready")
            yield self
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in self.ends

    def ready(self) -> bool:
        try:
            return send(self.port, "GET", "/livez").status == 200
        except OSError:
            return False

    def ask(self, tags: str = "", **more: Any) -> Answer:
        headers = {"authorization": f"Bearer {CALLER}"}
        if tags:
            headers["x-aisix-routing-tags"] = tags
        return send(self.port, "POST", "/v1/chat/completions", {**ASK, **more}, headers)

    def admin(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"authorization": "Bearer an-admin-key-of-tests"}
        return send(self.admin_port, method, f"/admin/v1/{path}", body, headers)

    @property
    def log(self) -> str:
        return self.log_file.read_text()


def test_a_resources_file_of_the_original_serves(standin: Standin, tmp_path: Path) -> None:
    gateway = Bare(tmp_path / "g", resources_file="r.yaml")
    (gateway.folder / "r.yaml").write_text(
        f"""
_format_version: "1"
provider_keys:
  - {{display_name: prod, provider: anthropic, api_key: "${{KEY}}", api_base: "{standin.url}/v1/messages"}}
models:
  - {{display_name: small, provider: anthropic, model_name: claude-opus-5-5, provider_key: prod,
     cooldown: {{enabled: true}}, embedding: {{dimensions: 2}}}}
api_keys:
  - {{display_name: ci, key_env: CALLER, allowed_models: ["*"]}}
guardrails:
  - {{name: no-pii, kind: pii}}
"""
    )
    with gateway.running(KEY="sk-ant-1234", CALLER=CALLER):
        until(lambda: gateway.ask().status == 200)
        assert gateway.ask(stream=True).status == 200
        assert "drain complete" not in gateway.log
        gateway.process.send_signal(signal.SIGUSR2)  # it becomes the program that is installed now
        until(lambda: gateway.log.count("names: aisix (started without a verb)") == 2, gateway.log)
        until(lambda: gateway.ask().status == 200)
    assert "1 guardrails is stored and NOT enforced: no-pii" in gateway.log
    assert "embedding.dimensions: requests for embeddings are passed on as they come" in gateway.log
    assert "cooldown.enabled" not in gateway.log
    assert "sk-ant-1234" not in gateway.log
    assert "drain complete — closing listeners" in gateway.log
    assert (gateway.folder / "data").is_dir()


def test_a_group_goes_on_to_another_alias(standin: Standin, tmp_path: Path) -> None:
    gateway = Bare(tmp_path / "g", resources_file="r.yaml", upstream={"retries": 0})
    file = {
        "_format_version": "1",
        "provider_keys": [
            {**KEY, "display_name": "good", "api_base": standin.url},
            {**KEY, "display_name": "gone", "api_base": f"http://127.0.0.1:{free_port()}"},
        ],
        "models": [
            {**MODEL, "display_name": "a", "provider_key": "gone"},
            {**MODEL, "display_name": "b", "provider_key": "good"},
            {"display_name": "small", "routing": {"targets": [{"model": "a"}, {"model": "b"}]}},
            {
                "display_name": "tagged",
                "routing": {
                    "targets": [{"model": "b", "tags": ["eu"]}, {"model": "a", "tags": ["us"]}]
                },
            },
        ],
        "api_keys": [{"display_name": "ci", "key_env": "CALLER", "allowed_models": ["*"]}],
    }
    (gateway.folder / "r.yaml").write_text(yaml.safe_dump(file))
    with gateway.running(CALLER=CALLER):
        until(lambda: gateway.ask().status == 200)
        assert gateway.ask(stream=True).status == 200
        assert gateway.ask().headers["x-upstream-model"] == MODEL["model_name"]
        listed = send(
            gateway.port, "GET", "/v1/models", None, {"authorization": f"Bearer {CALLER}"}
        )
        owners = {one["id"]: one["owned_by"] for one in listed.json["data"]}
        assert owners == {"a": "anthropic", "b": "anthropic", "small": "aisix", "tagged": "aisix"}
        eu = gateway.ask(model="tagged", tags="eu")
        assert eu.status == 200
        asia = gateway.ask(model="tagged", tags="asia")
        assert asia.status == 400 and "matches request tags" in asia.json["error"]["message"]
    lines = [one for one in gateway.log.splitlines() if "proxy request completed" in one]
    served = [one for one in lines if 'model="small"' in one and "status=200" in one]
    assert served and "routing_attempt_count=2" in served[0]


def test_an_etcd_of_the_original_serves_and_is_left_as_it_is(
    etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    key = {"display_name": "prod", "provider": "anthropic", "api_key": "sk-ant-1"}
    model = {"display_name": "small", "provider": "anthropic", "model_name": "claude-opus-5-5"}
    caller = {"key_hash": hashlib.sha256(CALLER.encode()).hexdigest(), "allowed_models": ["*"]}
    put = {  # the model before its key, as their own tests have it
        "models/m": {**model, "provider_key_id": "k", "colour": 1, "embedding": {"dimensions": 2}},
        "models/shut": {**model, "display_name": "s", "provider_key_id": "k", "ensemble": {"panel": []}},
        "provider_keys/k": {**key, "api_base": standin.url},
        "api_keys/c": {**caller, "team_id": "t", "jwt_provider": "p"},
    }  # fmt: skip
    for name, document in put.items():
        etcd.put(f"/theirs/{name}", json.dumps(document).encode())
    before = etcd.all("/theirs/")
    place = {"endpoints": etcd.endpoints, "prefix": "/theirs"}
    gateway = Bare(tmp_path / "g", etcd=place)
    with gateway.running():
        until(lambda: gateway.ask().status == 200)
        shut = gateway.ask(model="s")
        assert shut.status == 404, shut.body  # what is more than it says does not serve
        store = gateway.admin("GET", "status").json["store"]
        assert store["partially_compatible"] == {"models/m": ["colour"]}
        assert store["ignored"] == {
            "models/m": ["embedding.dimensions"],
            "apikeys/c": ["jwt_provider"],
        }
        [refused] = store["quarantined"]
        assert (refused["id"], "ensemble" in refused["why"]) == ("shut", True)
        written = gateway.admin(
            "POST", "models", {**model, "display_name": "x", "provider_key_id": "k"}
        )
        assert written.status == 409
    assert etcd.all("/theirs/") == before
    assert "secrets in etcd are in clear" in gateway.log
