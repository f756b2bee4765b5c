"""`aisix use` beside a running gateway: a key that works, settings printed or merged, no secret told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.standin.server import Standin
from tests.running import ADMIN_KEY, ROOT, Running, free_port, send

MODELS = {
    "claude-prod": {"model_name": "claude-sonnet-4-6"},
    "eu-*": {"model_name": "claude-sonnet-4-6"},
}
Use = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("use")) as running:
        running.set_up(standin.url, MODELS)
        yield running


@pytest.fixture
def use(gateway: Running, tmp_path: Path) -> Use:
    """`aisix use ...` of a person whose home and current folder is tmp_path."""

    def run(*words: str, code: int = 0, given: str = "", **env: str) -> Any:
        config = str(gateway.folder / "config.yaml")
        done = subprocess.run(
            [sys.executable, "-m", "aisix", "use", *words, "--config", config],
            cwd=tmp_path, input=given, capture_output=True, text=True, timeout=60,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **env},
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    return run


def keys(gateway: Running) -> list[Any]:
    return list(gateway.admin("GET", "apikeys?limit=1000").json["items"])


def allowed(gateway: Running, key: str, alias: str = "claude-prod") -> int:
    body = {"model": alias, "messages": [{"role": "user", "content": "Hi"}]}
    return gateway.call(body, key=key).status


def test_without_a_client_it_lists_them(use: Use) -> None:
    said = use().stdout
    assert "codex" in said and "/v1/responses" in said
    assert json.loads(use("--json").stdout)["codex"]["wire"] == ["/v1/responses"]


def test_printed_settings_hold_a_key_that_opens_this_alias_and_no_other(
    use: Use, gateway: Running, tmp_path: Path
) -> None:
    done = use("openai-python", "claude-prod")
    (key,) = re.findall(r"OPENAI_API_KEY=(sk-aisix-\S+)", done.stdout)
    assert f"OPENAI_BASE_URL={gateway.base_url}\n" in done.stdout
    assert 'model="claude-prod"' in done.stdout
    assert allowed(gateway, key) == 200 and allowed(gateway, key, "eu-1") == 403
    assert "aisix keys revoke openai-python" in done.stderr and key not in done.stderr
    assert key not in gateway.log + (gateway.folder / "out.log").read_text()
    assert list(tmp_path.iterdir()) == [], "printed, not written"
    shown = json.loads(use("openai-python", "claude-prod", "--json").stdout)
    assert shown["url"] + "/v1" == gateway.base_url
    assert allowed(gateway, shown["key"]) == 200 and shown["key"] in shown["files"][0]["text"]


def test_written_settings_are_merged_and_a_second_time_changes_nothing(
    use: Use, gateway: Running, tmp_path: Path
) -> None:
    home = tmp_path / ".codex"
    home.mkdir()
    mine = '# mine\nmodel = "gpt-5"  # for now\n\n[mcp_servers.x]\ncommand = "y"\n'
    (home / "config.toml").write_text(mine)
    done = use("codex", "claude-prod", "--write")
    said = tomllib.loads((home / "config.toml").read_text())
    assert (said["model"], said["mcp_servers"]) == ("claude-prod", {"x": {"command": "y"}})
    assert said["model_providers"]["aisix"]["base_url"] == gateway.base_url
    assert (home / "config.toml").read_text().startswith('# mine\nmodel = "claude-prod"  # for now')
    assert (home / "config.toml.aisix-backup-1").read_text() == mine
    key = (home / ".env").read_text().strip().removeprefix("AISIX_API_KEY=")
    assert allowed(gateway, key) == 200
    assert "another value before: model\n" in done.stdout
    assert key not in done.stdout + done.stderr and "gpt-5" not in done.stdout + done.stderr
    assert {one.stat().st_mode & 0o777 for one in home.iterdir()} == {0o600}

    files = {one: one.read_text() for one in home.iterdir()}
    count = len(keys(gateway))
    again = use("codex", "claude-prod", "--write")
    assert {one: one.read_text() for one in home.iterdir()} == files
    assert len(keys(gateway)) == count
    assert again.stdout.count("has them already") == 2 and "is kept" in again.stderr


def test_a_key_that_does_not_open_the_alias_is_not_kept_nor_sent_anywhere(
    use: Use, gateway: Running, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-of-somebody-else\nOTHER=1\n")
    use("openai-node", "claude-prod", "--write")
    text = (tmp_path / ".env").read_text()
    first = re.findall(r"OPENAI_API_KEY=(\S+)", text)[0]
    assert first.startswith("sk-aisix-") and "OTHER=1\n" in text
    use("openai-node", "eu-1", "--write")
    second = re.findall(r"OPENAI_API_KEY=(\S+)", (tmp_path / ".env").read_text())[0]
    assert second != first and allowed(gateway, second, "eu-1") == 200
    assert not [one for one in gateway.lines if one["path"] == "/v1/models"]


def test_a_file_that_cannot_be_merged_is_left_alone_and_nothing_else_is_written(
    use: Use, gateway: Running, tmp_path: Path
) -> None:
    count = len(keys(gateway))
    file = tmp_path / ".config" / "opencode" / "opencode.json"
    file.parent.mkdir(parents=True)
    file.write_text('{\n  // mine\n  "theme": "x"\n}\n')
    done = use("opencode", "claude-prod", "--write", code=2)
    assert "opencode.json: cannot take the settings: line 2" in done.stderr
    assert '"apiKey": "<the key>"' in done.stderr and "sk-aisix" not in done.stderr
    assert file.read_text().startswith("{\n  // mine") and len(list(file.parent.iterdir())) == 1
    assert len(keys(gateway)) == count, "a key was made in vain"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("codx", "claude-prod"), "there is no client 'codx': did you mean codex"),
        (("codex", "claude-pord"), "there is no alias 'claude-pord': did you mean claude-prod?"),
        (("codex", "eu-*"), "'eu-*' is a pattern: name one model"),
        (("codex",), "which alias? aisix use CLIENT ALIAS, with one of: claude-prod, eu-*"),
        (("codex", "claude-prod", "--url", "host:3000"), "--url: expected http://HOST:PORT"),
        (("codex", "claude-prod", "--url", "http://u:sk-secret@h"), "--url: expected http://HOST:PORT"),
        (("codex", "claude-prod", "--key-env", "NO_SUCH"), "the environment variable NO_SUCH is not set"),
        (("codex", "claude-prod", "--key-file", "no-such"), "no-such: cannot be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_and_nothing_is_done(
    use: Use, gateway: Running, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    count = len(keys(gateway))
    done = use(*words, "--write", code=2)
    assert told in done.stderr and "secret" not in done.stderr
    assert len(keys(gateway)) == count and list(tmp_path.iterdir()) == []


def test_a_key_that_is_there_is_used_once_the_gateway_lets_it_in(
    use: Use, gateway: Running, tmp_path: Path
) -> None:
    mine = "sk-a-key-of-my-own-0123456789"
    gateway.allow("claude-prod", key=mine)
    count = len(keys(gateway))
    done = use("openai-python", "--key-env", "MINE", "--write", MINE=mine)  # its only alias
    assert f"OPENAI_API_KEY={mine}\n" in (tmp_path / ".env").read_text()
    assert mine not in done.stdout + done.stderr
    use("openai-python", "claude-prod", "--key-file", "-", given=f"{mine}\n")
    done = use("openai-python", "eu-1", "--key-env", "MINE", MINE=mine, code=2)
    assert "the key may not use 'eu-1'" in done.stderr
    done = use("openai-python", "claude-prod", "--key-env", "MINE", MINE="sk-nobodys", code=2)
    assert "does not let this key in" in done.stderr and "nobodys" not in done.stderr
    done = use("openai-python", "claude-prod", "--key-file", "-", given="two words\n", code=2)
    assert "expected one word" in done.stderr
    assert len(keys(gateway)) == count


def test_where_nobody_answers(use: Use, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    done = use("aider", "claude-prod", "--url", f"{nobody}/v1/", "--key-env", "MINE", MINE="sk-x1")
    assert "neither key nor alias were checked" in done.stderr
    assert f'openai-api-base: "{nobody}/v1"\n' in done.stdout
    done = use("aider", "claude-prod", "--admin", nobody, code=2)
    assert f"no gateway answers at {nobody}" in done.stderr


def test_what_the_gateway_refuses_is_told(use: Use) -> None:
    done = use("aider", "claude-prod", code=1, AISIX_ADMIN_KEY="not-" + ADMIN_KEY)
    assert "admin" in done.stderr.lower() and ADMIN_KEY not in done.stderr


def test_names_of_keys_stay_apart(use: Use, gateway: Running) -> None:
    use("llm", "claude-prod")
    use("llm", "claude-prod")
    names = [one["value"].get("display_name") for one in keys(gateway)]
    assert {"llm", "llm-2"} <= {*names}
    assert send(gateway.proxy_port, "GET", "/livez").status == 200
