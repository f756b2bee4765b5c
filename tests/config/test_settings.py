"""config.yaml and the environment: what may be said, and what is told when it is wrong."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from aisix.config.declared import SETTINGS
from aisix.config.settings import load_settings
from aisix.errors import OperatorError
from aisix.store.resources import ROUTINGS
from tests.running import ROOT, Running


def written(folder: Path, text: str) -> Path:
    file = folder / "config.yaml"
    file.write_text(text)
    return file


def complaint(folder: Path, text: str, env: dict[str, str] | None = None) -> str:
    with pytest.raises(OperatorError) as caught:
        load_settings(written(folder, text), env or {})
    return str(caught.value)


def test_without_a_file_there_are_defaults() -> None:
    settings = load_settings(None, {})
    assert settings.proxy.addr == "127.0.0.1:3000"
    assert settings.admin.addr == "127.0.0.1:3001"


def test_the_shipped_file_names_every_setting_with_its_default() -> None:
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text())
    flat: dict[str, object] = {}

    def walk(below: dict[str, Any], prefix: str) -> None:
        for key, value in below.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                flat[prefix + key] = value

    walk(shipped, "")
    defaults = {
        s.name: list(s.default) if type(s.default) is tuple else s.default for s in SETTINGS
    }
    assert flat == defaults


def test_an_unknown_setting_is_refused_with_file_line_and_a_hint(tmp_path: Path) -> None:
    said = complaint(tmp_path, "proxy:\n  adr: 127.0.0.1:1\n")
    assert "config.yaml:2: proxy.adr: unknown setting" in said
    assert 'did you mean "proxy.addr"' in said
    said = complaint(tmp_path, "proxi: {addr: a}\nwokers: 1\nfoo: 1\n")
    assert 'proxi: unknown setting (did you mean "proxy"?)' in said
    assert 'wokers: unknown setting (did you mean "workers"?)' in said


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    said = complaint(tmp_path, "proxy:\n  addr: nowhere\nworkers: many\nadmin: 3\n")
    assert "config.yaml:2: proxy.addr" in said
    assert "config.yaml:3: workers" in said
    assert "config.yaml:4: admin" in said


@pytest.mark.parametrize(
    "text", ["proxy: [", "- a\n- b", "a: 1\na: 2", "\t: x", "workers: 1\nworkers: 2"]
)
def test_what_is_no_settings_file_says_where(tmp_path: Path, text: str) -> None:
    assert "config.yaml:" in complaint(tmp_path, text)


def test_the_environment_wins_and_is_checked_too(tmp_path: Path) -> None:
    file = written(tmp_path, "proxy: {addr: 127.0.0.1:1}\n")
    env = {
        "AISIX_PROXY__ADDR": "127.0.0.1:2",
        "AISIX_ADMIN__ADMIN_KEYS": "one, two",
        "AISIX_WORKERS": "3",
    }
    settings = load_settings(file, env)
    assert settings.proxy.addr == "127.0.0.1:2"
    assert settings.admin.admin_keys == ("one", "two")
    assert settings.workers == 3
    assert "AISIX_PROXY__ADR" in complaint(tmp_path, "", {"AISIX_PROXY__ADR": "x"})


def test_a_weak_admin_key_is_for_loopback_only(tmp_path: Path) -> None:
    for key in ("short", "change-me-please-now", "your-admin-key-goes-here", "a" * 40):
        load_settings(written(tmp_path, f'admin: {{admin_keys: ["{key}"]}}'), {})
        said = complaint(tmp_path, f'admin: {{addr: "0.0.0.0:3001", admin_keys: ["{key}"]}}')
        assert "admin.admin_keys[0]" in said
        assert key not in said


def test_no_secret_is_in_the_settings_repr(tmp_path: Path) -> None:
    text = 'admin: {admin_keys: ["top-hidden-key"]}\nencryption_key: "other-hidden"\n'
    assert "hidden" not in repr(load_settings(written(tmp_path, text), {}))


def test_a_bad_file_stops_the_start_with_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, "proxy:\n  adr: x\n")
    command = [sys.executable, "-m", "aisix", "serve", "--config", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "config.yaml:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_start_makes_an_admin_key_and_says_where(tmp_path: Path) -> None:
    with Running(tmp_path / "gateway", {"admin": {"admin_keys": []}}) as gateway:
        file = tmp_path / "gateway" / "data" / "admin_key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        key = file.read_text().strip()
        assert str(file) in gateway.log
        assert key not in gateway.log
        assert gateway.admin("GET", "models", key=key).status == 200
        gateway.restart()
        assert file.read_text().strip() == key


def test_it_serves_from_any_directory_and_says_when_a_port_is_taken(tmp_path: Path) -> None:
    with Running(tmp_path / "gateway") as gateway:
        command = [sys.executable, "-m", "aisix", "serve"]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "AISIX_DATA_DIR": str(tmp_path / "other")}
        env |= {"AISIX_PROXY__ADDR": f"127.0.0.1:{gateway.proxy_port}"}
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 2
        assert f"proxy.addr 127.0.0.1:{gateway.proxy_port}" in done.stderr


def test_the_page_on_resilience_names_its_settings_and_fields() -> None:
    """A setting that is renamed or added must be there."""
    page = (ROOT / "docs" / "resilience.md").read_text()
    names = [s.name for s in SETTINGS]
    wanted = [n for n in names if n.startswith(("upstream.retr", "upstream.cooldown"))]
    wanted += [n for n in names if n.startswith("upstream.") and "timeout" in n]
    wanted += ["proxy.max_in_flight", "proxy.max_queue", "proxy.queue_timeout_ms"]
    wanted += ["proxy.bodies_limit_bytes"]
    wanted += ["downstream.stalled_timeout_secs", "upstream.stream_event_limit_bytes"]
    assert len(wanted) > 10
    assert [name for name in wanted if f"`{name}`" not in page] == []
    quoted = re.findall(r"`((?:upstream|proxy|downstream)\.[a-z_]+)`", page)
    assert set(quoted) <= set(names)
    assert [name for name in ROUTINGS if f"| `{name}`" not in page] == []


def test_in_the_originals_form_a_variable_that_sets_nothing_is_told(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("proxy: {addr: '127.0.0.1:0'}\nadmin: {enabled: false}\nresources_file: r\n")
    env = {"AISIX_OSS_PORT": "tcp://10.9.9.9:1", "AISIX_CONFIG": "f", "AISIX_WORKERS": "1"}
    told = [one for one in load_settings(file, env, "aisix").said if one.where == "environment"]
    assert [(one.name, one.lost) for one in told] == [("AISIX_OSS_PORT", True)]
    assert "was not applied as a configuration override" in told[0].why
    assert "10.9.9.9" not in told[0].why


def test_a_name_of_the_originals_form_says_how_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("proxy: {thread_per_core: true}\n")
    with pytest.raises(OperatorError, match="say `names: aisix` here, or AISIX_NAMES=aisix"):
        load_settings(file, {})
