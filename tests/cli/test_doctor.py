"""`aisix check` and `aisix doctor`: what they find, how they say it, and what they leave alone."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from aisix.cli import doctor
from aisix.config.settings import load_settings
from aisix.mapping.verify.kept import Kept
from aisix.standin.server import Standin
from aisix.store import writes
from aisix.store.opening import open_store
from tests.authority import Authority
from tests.cluster.servers import Redis
from tests.running import ROOT, Running, free_port

MODELS = {"claude-prod": {"model_name": "claude-opus-5-5"}}


def run(verb: str, config: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aisix", verb, "--config", str(config), *more]
    env = {k: v for k, v in os.environ.items() if not k.startswith("AISIX_")}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def written(folder: Path, **more: Any) -> Path:
    config: dict[str, Any] = {
        "proxy": {"addr": f"127.0.0.1:{free_port()}"},
        "admin": {"addr": f"127.0.0.1:{free_port()}"},
        "observability": {"metrics_addr": None},
        "data_dir": str(folder / "data"),
    }
    for name, value in more.items():
        config[name] = {**config.get(name, {}), **value} if isinstance(value, dict) else value
    file = folder / "config.yaml"
    file.write_text(json.dumps(config))
    return file


def test_check_is_quiet_about_what_is_well_and_writes_nothing(tmp_path: Path) -> None:
    done = run("check", written(tmp_path), "--no-cases")
    assert (done.returncode, done.stdout) == (0, "everything is fine\n")
    assert not (tmp_path / "data").exists()


def test_where_results_of_checks_are_kept_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(str(written(tmp_path)), {})

    def said() -> list[str]:
        return [str(one) for one in doctor._kept(settings)]

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Kept(tmp_path / "cache/aisix/tables").put("some-result", b"x" * 2000)
    assert said() == [f"results of checks: {tmp_path}/cache/aisix/tables: 1 files, 1 KiB"]
    (tmp_path / "data").write_text("")
    assert "data is not a folder; every check takes seconds" in said()[1]
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert "neither XDG_CACHE_HOME nor HOME" in said()[0]


def test_check_tells_of_settings_tables_certificates_and_resources(
    tmp_path: Path, standin: Standin
) -> None:
    bad = run("check", written(tmp_path, proxy={"adr": 1}))
    assert bad.returncode == 2
    assert "config.yaml:1: proxy.adr: unknown setting" in bad.stderr
    site = tmp_path / "site" / "openai-chat" / "anthropic-messages"
    site.mkdir(parents=True)
    (site / "values.toml").write_text("[stop_reason]\nend_turn = 3\nx = [\n")
    bad = run("check", written(tmp_path, mappings=[str(tmp_path / "site")]), "--json")
    told = json.loads(bad.stdout)
    assert (bad.returncode, told["ok"]) == (1, False)
    assert "values.toml:" in told["findings"][0]["text"]
    authority = Authority(tmp_path / "tls")
    data = tmp_path / "lost"
    data.mkdir(mode=0o700)
    store = open_store(data)
    provider = {"display_name": "a", "provider": "p", "secret": "s" * 20}
    writes.create(store, "provider_keys", provider, now=1.0, new_id="a")
    store.close()
    (data / "secret.key").unlink()
    bad = run("check", written(tmp_path, data_dir=str(data)), "--no-cases")
    assert f"{data}/aisix.db: its secrets are encrypted with the key" in bad.stdout
    assert not (data / "secret.key").exists()
    cert, key = authority.sign("old", days=-1)
    config = written(tmp_path, proxy={"tls_cert": str(cert), "tls_key": str(key)})
    bad = run("check", config, "--no-cases")
    assert bad.returncode == 1
    assert "proxy.tls_cert" in bad.stdout
    assert "has ended on" in bad.stdout


def test_doctor_looks_at_a_running_gateway_and_its_upstreams(
    tmp_path: Path, standin: Standin
) -> None:
    with Running(tmp_path / "gateway") as gateway:
        gateway.set_up(standin.url, MODELS)
        dead = f"http://127.0.0.1:{free_port()}"
        config = gateway.folder / "config.yaml"
        done = run("doctor", config)
        assert done.returncode == 0, done.stdout
        assert f"{standin.url}: answers (status " in done.stdout
        assert "clock" in done.stdout
        assert (
            f"127.0.0.1:{gateway.proxy_port} is in use by something that answers /livez"
            in done.stdout
        )
        gateway.set_up(dead, {}, display_name="nobody", tls={"verify": False})
        done = run("doctor", config, "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["ok"]) == (1, False)
        faults = {one["about"]: one["text"] for one in told["findings"] if one["level"] == "fault"}
        assert set(faults) == {"upstream nobody"}
        assert "unreachable (connect)" in faults["upstream nobody"]
        warned = [one["about"] for one in told["findings"] if one["level"] == "warning"]
        assert "provider_keys/nobody" in warned
        assert "sk-ant-the-secret" not in done.stdout


class Late(http.server.BaseHTTPRequestHandler):
    """An upstream whose clock is an hour behind, or ours an hour ahead."""

    seen: list[set[str]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.seen.append({name.lower() for name in self.headers})
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() - 3600)

    def log_message(self, format: str, *args: Any) -> None:
        return


def test_the_redis_of_rate_limits_is_looked_at(tmp_path: Path) -> None:
    with Redis(tmp_path, password="p-of-the-tests") as redis:
        url = redis.url.replace("//", "//:p-of-the-tests@")
        limits = {"backend": "redis", "timeout_ms": 20_000, "redis": {"url": url}}
        config = written(tmp_path, ratelimit=limits)
        assert doctor.check(load_settings(config, {}), cases=False) == []
        at = f"127.0.0.1:{redis.port}"
        (found,) = doctor._limits(load_settings(config, {}))
        assert found == doctor.Finding(
            "ok", "rate limits", f"redis at {at} takes our writes in time"
        )
        limits["redis"] = {"url": redis.url.replace("//", "//:wrong-word@")}
        (found,) = doctor._limits(load_settings(written(tmp_path, ratelimit=limits), {}))
        assert found.level == "fault" and "WRONGPASS" in found.text and "-word" not in found.text
    limits["redis"] = {"mode": "cluster"}
    bad = run("check", written(tmp_path, ratelimit=limits), "--no-cases")
    assert "ratelimit.redis.nodes: needed with mode: cluster" in bad.stdout


def test_doctor_tells_of_a_wrong_clock_and_sends_no_credential(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Late)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with Running(tmp_path / "gateway") as gateway:
            gateway.set_up(f"http://127.0.0.1:{server.server_address[1]}", MODELS)
            done = run("doctor", gateway.folder / "config.yaml")
        assert done.returncode == 1
        assert re.search(
            r"fault +clock +\+36\d\d s from that of upstream anthropic-prod", done.stdout
        )
        assert Late.seen == [{"accept", "accept-encoding", "host"}]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_doctor_tells_of_open_folders_and_ports_of_others(tmp_path: Path, standin: Standin) -> None:
    port = int(standin.url.rpartition(":")[2])
    with Running(tmp_path / "gateway") as gateway:
        assert gateway.admin("GET", "models").status == 200
    data = tmp_path / "gateway" / "data"
    data.chmod(0o755)
    config = written(tmp_path, data_dir=str(data), proxy={"addr": f"127.0.0.1:{port}"})
    done = run("doctor", config)
    assert done.returncode == 1
    assert "mode 0755 lets others in; chmod 700" in done.stdout
    assert f"proxy.addr 127.0.0.1:{port}" in done.stdout
    assert data.stat().st_mode & 0o777 == 0o755  # it looks and does not touch
