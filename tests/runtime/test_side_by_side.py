"""Gateways of the original's form and of ours on one etcd: neither is in the other's way."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from aisix.standin.server import Standin
from tests.cluster.servers import Etcd
from tests.running import until
from tests.runtime.test_moved_in import CALLER, MODEL, Bare

PREFIX = "/both"


def test_what_one_writes_the_other_serves_or_refuses_by_name(
    etcd: Etcd, standin: Standin, tmp_path: Path
) -> None:
    there = {
        "provider_keys/k": {
            "display_name": "prod",
            "provider": "anthropic",
            "adapter": "anthropic",
            "api_key": "sk-ant-of-theirs",
            "api_base": standin.url,
        },
        "models/m": {**MODEL, "display_name": "small", "provider_key_id": "k"},
        "api_keys/c": {
            "key_hash": hashlib.sha256(CALLER.encode()).hexdigest(),
            "allowed_models": ["*"],
        },
    }
    for name, document in there.items():
        etcd.put(f"{PREFIX}/{name}", json.dumps(document).encode())
    before = etcd.all(f"{PREFIX}/")
    place = {"endpoints": etcd.endpoints, "prefix": PREFIX}
    key = base64.b64encode(bytes(range(32))).decode()
    reader = Bare(tmp_path / "reader", etcd=place)
    plain = Bare(tmp_path / "plain", etcd={**place, "secrets": "plain"}, encryption_key=key)
    sealed = Bare(tmp_path / "sealed", etcd=place, encryption_key=key)
    secret = {"display_name": "ours", "provider": "anthropic", "secret": "sk-ant-of-ours"}
    with reader.running():
        until(lambda: reader.ask().status == 200)
        with plain.running():
            until(lambda: plain.ask().status == 200)
            made = plain.admin("POST", "provider_keys", {**secret, "api_base": standin.url})
            assert made.status == 201, made.body
            model = {**MODEL, "display_name": "x", "provider_key_id": made.json["id"]}
            assert plain.admin("POST", "models", model).status == 201
            until(lambda: reader.ask(model="x").status == 200)
            assert standin.received[-1].headers["x-api-key"] == "sk-ant-of-ours"
        with sealed.running():
            until(lambda: sealed.ask(model="x").status == 200)
            hidden = {**secret, "display_name": "hidden", "api_base": standin.url}
            made = sealed.admin("POST", "provider_keys", hidden)
            assert made.status == 201, made.body
            model = {**MODEL, "display_name": "y", "provider_key_id": made.json["id"]}
            assert sealed.admin("POST", "models", model).status == 201
            until(lambda: sealed.ask(model="y").status == 200)
            # The reader cannot open it: told by name, and the rest serves on.
            names = ("provider_keys", made.json["id"])
            until(lambda: names in [(o["kind"], o["id"]) for o in quarantined(reader)])
            assert reader.ask().status == reader.ask(model="x").status == 200
            assert reader.ask(model="y").status in (404, 503)
    now = etcd.all(f"{PREFIX}/")
    assert before.items() <= now.items(), "what the original wrote stays as it is"
    ours = [json.loads(now[key]) for key in now.keys() - before.keys()]
    assert len(ours) == 4 and all("_meta" in one for one in ours)


def quarantined(gateway: Bare) -> list[dict[str, str]]:
    found: list[dict[str, str]] = gateway.admin("GET", "status").json["store"]["quarantined"]
    return found
