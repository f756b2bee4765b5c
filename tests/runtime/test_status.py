"""The status pages of gateways in the original's form: on an etcd, on a file, on neither."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import yaml

from aisix.standin.server import Standin
from aisix.store.config_state import canonical, hash_of
from tests.cluster.servers import Etcd
from tests.running import free_port, send, until
from tests.runtime.test_moved_in import CALLER, KEY, MODEL, Bare

SECRET = "sk-in-a-list-that-is-no-secret"


class Shown(Bare):
    """With its metrics listener, and a place for what it keeps of etcd."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.metrics_port = free_port()
        prometheus = {"addr": f"127.0.0.1:{self.metrics_port}", "path": "prom"}
        more = {"observability": {"metrics": {"prometheus": prometheus}}, **more}
        super().__init__(folder, **more)

    def page(self, path: str) -> Any:
        return send(self.metrics_port, "GET", path)

    @property
    def told(self) -> Any:
        return self.page("/status/config").json

    def rejected(self, id: str) -> Any:
        return next((one for one in self.told["rejected"] if one["resource_id"] == id), None)


def put(etcd: Etcd, prefix: str, **documents: Any) -> None:
    for name, document in documents.items():
        etcd.put(f"/{prefix}/{name}", json.dumps(document).encode())


def documents(standin: Standin) -> dict[str, Any]:
    return {
        "models/m": {**MODEL, "display_name": "small", "provider_key_id": "k"},
        "provider_keys/k": {**KEY, "display_name": "prod", "api_base": standin.url},
        "api_keys/c": {
            "key_hash": hashlib.sha256(CALLER.encode()).hexdigest(),
            "allowed_models": ["*"],
            "jwt_provider": "p",
        },
        "guardrails/g": {"name": "no-names", "kind": "keyword"},
    }


def test_an_etcd_is_told_from_the_first_document_to_the_last_good_one(
    etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    put(etcd, "shown", **documents(standin))
    place = {"endpoints": etcd.endpoints, "prefix": "/shown"}
    kept = {"snapshot_cache_path": str(tmp_path / "kept" / "cache.json")}
    gateway = Shown(tmp_path / "g", etcd=place, managed=kept, cache={"backend": "redis"})
    with gateway.running():
        until(lambda: gateway.told["state"] == "synced" and gateway.told["source"]["connected"])
        page = gateway.told
        assert page["applied"]["resource_counts"] == {
            "api_keys": 1,
            "guardrails": 1,
            "models": 1,
            "provider_keys": 1,
        }
        values = {key: canonical(value) for key, value in etcd.all("/shown/").items()}
        mine = hash_of(sorted((key.encode(), value) for key, value in values.items()))
        assert page["source"]["source_hash"] == page["applied"]["config_hash"] == mine
        assert page["source"]["observed_revision"] >= page["applied"]["applied_revision"] > 0
        assert page["source"]["connected"] and page["last_reload"]["successful"]
        assert page["rejected"] == page["partially_compatible"] == []
        moved = gateway.admin("GET", "status").json["moved_in"]
        assert moved["not_served"] == {"guardrails": 1} and "NOT enforced" in moved["trouble"]
        assert {(one["where"], one["field"]) for one in moved["ignored"]} >= {
            ("api_keys", "jwt_provider")
        }
        assert "cache.backend" in {one["field"] for one in moved["ignored"]}

        # An unknown field is served, a bad document alone is not, a slash in an id is an id.
        put(
            etcd,
            "shown",
            **{
                "api_keys/d": {"key_hash": "0" * 64, "allowed_models": [], "quota": "gold"},
                "models/team/one": {**MODEL, "display_name": "one", "provider_key_id": "k"},
                "models/bad": {**MODEL, "display_name": "", "provider_key_id": "k"},
                "provider_keys/bad": {"display_name": "leak", "api_key": [SECRET]},
                "lamps/l": {"name": "x"},
                "models/cheap": {
                    "display_name": "g",
                    "routing": {"targets": [{"model": "small", "priority": 0, "shade": 1}]},
                    "cost": {"input_per_1k": 1, "output_per_1k": 1},
                },
            },
        )
        until(lambda: gateway.told["applied"]["resource_counts"]["models"] == 3)
        page = gateway.told
        assert page["state"] == "degraded" and len(page["rejected"]) == 3
        assert {
            (one["resource_kind"], one["resource_id"], one["last_error_kind"])
            for one in page["rejected"]
        } == {
            ("models", "bad", "schema_failed"),
            ("provider_keys", "bad", "schema_failed"),
            ("lamps", "l", "unknown_kind"),
        }
        assert page["partially_compatible"] == [
            {"resource_kind": "api_keys", "field": "quota", "count": 1},
            {"resource_kind": "models", "field": "inapplicable:cost", "count": 1},
            {"resource_kind": "models", "field": "routing.targets[].shade", "count": 1},
        ]
        assert page["applied"]["config_hash"] != page["source"]["source_hash"] != mine
        assert SECRET not in gateway.page("/status/config").body.decode()
        assert gateway.ask(model="one").status == 200

        # One that served serves on, since an instant that outlives the process.
        put(etcd, "shown", **{"models/m": {"display_name": ""}})
        until(lambda: gateway.rejected("m") is not None)
        since = gateway.rejected("m")["serving_stale_since"]
        assert gateway.rejected("m")["serving_stale_age_seconds"] >= 0
        assert gateway.ask().status == 200
        hashes = gateway.told["applied"]["config_hash"]
        until(lambda: "in quarantine: models/bad" in gateway.log)
    assert not (tmp_path / "kept" / "cache.json").exists()
    again = Shown(tmp_path / "again", etcd=place, managed=kept)
    with again.running():
        until(lambda: again.told["source"]["connected"])
        assert again.rejected("m")["serving_stale_since"] == since
        assert again.told["applied"]["config_hash"] == hashes
        assert again.ask().status == 200
        for name in ("models/m", "models/bad", "provider_keys/bad", "lamps/l", "models/cheap"):
            etcd.delete(f"/shown/{name}")
        until(lambda: again.told["rejected"] == [])
        assert again.ask().status == 404 and again.told["last_failure"] is not None
        assert again.told["state"] == "synced"
    assert SECRET not in gateway.log + again.log
    for log in (gateway.log, again.log):  # at each start, and with each reading of everything
        assert log.count("1 guardrails is stored and NOT enforced: no-names") == 1
    assert "lamps/l is refused: no such kind" in gateway.log
    assert "cost: does nothing in a group" in gateway.log


def test_models_and_health_are_told_to_scrapers_and_to_admins_alike(
    standin: Standin, tmp_path: Path
) -> None:
    gateway = Shown(tmp_path / "g", resources_file="r.yaml", shutdown={"min_drain_secs": 20})
    file: dict[str, Any] = {
        "_format_version": "1",
        "provider_keys": [{**KEY, "display_name": "prod", "api_base": standin.url}],
        "models": [
            {**MODEL, "display_name": "small", "provider_key": "prod"},
            {"display_name": "g", "routing": {"targets": [{"model": "small"}]}},
        ],
        "cache_policies": [{"name": "short"}],
    }
    (gateway.folder / "r.yaml").write_text(yaml.safe_dump(file))
    admin_port = gateway.admin_port
    with gateway.running() as running:
        until(lambda: gateway.page("/status/ready").body == b"ok")
        ready = gateway.page("/status/ready")
        assert ready.headers["content-type"] == "text/plain; charset=utf-8"
        assert send(gateway.metrics_port, "HEAD", "/status/ready").status == 200
        page = gateway.told
        assert (page["state"], page["source"]["type"]) == ("synced", "file")
        raw = (gateway.folder / "r.yaml").read_bytes()
        assert page["source"]["source_hash"] == hashlib.sha256(raw).hexdigest()

        models, told = gateway.page("/status/models"), gateway.admin("GET", "models/status")
        assert models.body == told.body
        assert models.headers["content-type"] == told.headers["content-type"]
        direct, group = models.json
        assert {**direct, "id": ""} == {
            "id": "",
            "display_name": "small",
            "kind": "direct",
            "status": "healthy",
        }
        assert (group["kind"], group["status"]) == ("routing", "not_applicable")
        assert send(admin_port, "GET", "/admin/v1/models/status").status == 401
        health = gateway.admin("GET", "health").json
        assert health["status"] == "ok" and "config" not in health
        assert [one["health"] for one in health["models"]] == [0, 0]
        listed = gateway.admin("GET", "models?shape=array").json
        assert [set(one) for one in listed] == [{"id", "value", "revision"}] * 2
        assert gateway.admin("GET", "models?shape=tree").status == 400

        page = gateway.page("/prom").body.decode()
        assert 'aisix_config_not_served{kind="cache_policies"} 1' in page
        for path in ("/metrics", "/status", "/status/other"):
            assert gateway.page(path).status == 404
        for port in (gateway.port, admin_port):
            for path in ("/livez", "/readyz"):
                answer = send(port, "GET", path)
                assert (answer.status, answer.body) == (200, b"ok")
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert b"check passed\n" in send(port, "GET", f"{path}?verbose").body
            assert send(port, "GET", "/health").status == 404
        assert send(admin_port, "GET", "/healthz").status == 401
        assert send(gateway.port, "GET", "/healthz").status == 404

        # A file that is refused is refused as a whole, and what served serves on.
        file["guardrails"] = [{"name": "x", "kind": "no-such-kind"}]
        (gateway.folder / "r.yaml").write_text(yaml.safe_dump(file))
        running.process.send_signal(signal.SIGHUP)
        until(lambda: gateway.told["state"] == "out_of_sync")
        [bad] = gateway.told["rejected"]
        assert (bad["resource_kind"], bad["resource_id"]) == ("guardrails", "guardrails[0]")
        assert gateway.told["applied"]["config_hash"] == hashlib.sha256(raw).hexdigest()
        until(lambda: "reload failed" in gateway.log)
        running.process.send_signal(signal.SIGTERM)
        until(lambda: send(gateway.port, "GET", "/readyz").status == 503)
        assert send(admin_port, "GET", "/livez").body.startswith(b"[+]ping ok\n[-]shutdown failed")
        gateway.ends = (1,)  # at once, since another signal is no echo of the first
        running.process.send_signal(signal.SIGINT)


def test_a_model_that_failed_is_told_to_cool_down_and_its_key_to_be_wrong(
    standin: Standin, tmp_path: Path
) -> None:
    gateway = Shown(tmp_path / "g", resources_file="r.yaml")
    file: dict[str, Any] = {
        "_format_version": "1",
        "provider_keys": [{**KEY, "display_name": "prod", "api_base": standin.url}],
        "models": [{**MODEL, "display_name": "small", "provider_key": "prod"}],
        "api_keys": [{"display_name": "ci", "key_env": "CALLER", "allowed_models": ["*"]}],
    }
    (gateway.folder / "r.yaml").write_text(yaml.safe_dump(file))
    with gateway.running(CALLER=CALLER):
        until(lambda: gateway.ask().status == 200)
        [before] = gateway.page("/status/models").json
        assert before["status"] == "healthy" and "cooldown_until" not in before
        wrong = [{"role": "user", "content": "standin:status-401"}]
        assert gateway.ask(messages=wrong).status == 401
        [cools] = gateway.page("/status/models").json
        assert (cools["status"], cools["status_reason"]) == ("cooldown", "upstream_auth_failure")
        assert set(cools["cooldown_until"]) == {"secs_since_epoch", "nanos_since_epoch"}
        assert gateway.admin("GET", "models/status").json == [cools]
        broken = [{"role": "user", "content": "standin:status-503"}]
        for _ in range(4):
            assert gateway.ask(messages=broken).status == 502
        health = gateway.admin("GET", "health").json
        assert health["status"] in ("degraded", "unhealthy")  # each call is tried more than once
        assert gateway.ask().status == 200  # who asks for it directly is never kept from it
        assert gateway.page("/status/models").json == [before]
        assert gateway.admin("GET", "health").json["status"] == "ok"


def test_without_its_etcd_nothing_was_ever_loaded(tmp_path: Path) -> None:
    place = {"endpoints": [f"http://127.0.0.1:{free_port()}"], "prefix": "/none"}
    gateway = Shown(tmp_path / "g", etcd=place)
    with gateway.running():
        until(lambda: gateway.told["last_failure"] is not None)
        page = gateway.told
        assert page["state"] == "never_loaded" and "applied" not in page
        assert page["source"]["connected"] is False
        assert page["last_failure"]["last_error_kind"] == "fetch"
        ready = gateway.page("/status/ready")
        assert (ready.status, ready.body) == (503, b"no configuration available")
        assert b"[-]config failed: not ready" in send(gateway.port, "GET", "/readyz").body
