"""The command line beside a running gateway: keys, models, providers; and on its data directory."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aisix.cli.main import main
from aisix.standin.server import Standin
from tests.running import ADMIN_KEY, ROOT, Running, audits_in, until

SECRET = "sk-ant-the-secret-of-the-provider"
ASK = {"model": "small", "messages": [{"role": "user", "content": "Hi"}]}


@dataclass(frozen=True)
class Done:
    stdout: str
    stderr: str


class Shell:
    """`aisix` as a person calls it, for one gateway; in this process, which saves half a second."""

    def __init__(self, gateway: Running) -> None:
        self.config = str(gateway.folder / "config.yaml")

    def __call__(self, *words: str, code: int = 0, given: str = "", **env: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        before, stdin = dict(os.environ), sys.stdin
        for name in [name for name in before if name.startswith("AISIX_")]:
            del os.environ[name]
        os.environ.update(env)
        sys.stdin = io.StringIO(given)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                found = main([*words, "--config", self.config])
        finally:
            sys.stdin = stdin
            os.environ.clear()
            os.environ.update(before)
        assert found == code, (out.getvalue(), err.getvalue())
        return Done(out.getvalue(), err.getvalue())

    def json(self, *words: str, **env: str) -> Any:
        return json.loads(self(*words, "--json", **env).stdout)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("cli"), workers=2) as gateway:
        yield gateway


@pytest.fixture
def shell(served: Running) -> Shell:
    return Shell(served)


def test_from_nothing_to_an_answer_without_hashing_a_key(
    shell: Shell, served: Running, standin: Standin
) -> None:
    shell("providers", "create", "prod", "--provider", "anthropic", "--secret-env", "KEY",
          "--api-base", standin.url, KEY=SECRET)  # fmt: skip
    shell("models", "create", "small", "claude-opus-5-5", "--provider-key", "prod",
          "--field", "rate_limit.rpm=100")  # fmt: skip
    made = shell("keys", "create", "--name", "ci", "--allow", "sm*", "--allow", "other")
    key = made.stdout.split("\nkey  ")[1].split()[0]
    assert "only its hash is stored" in made.stdout
    assert served.call(ASK, key=key).status == 200

    table = shell("keys", "list").stdout
    assert "ci" in table and "sm*, other" in table and key not in table
    assert "rate_limit" in shell("models", "show", "small").stdout
    assert "****ider" in shell("providers", "list").stdout
    assert [m["value"]["display_name"] for m in shell.json("models", "list")] == ["small"]

    turned = shell.json("keys", "rotate", "ci", "--grace", "600")["key"]
    assert {served.call(ASK, key=k).status for k in (key, turned)} == {200}
    turned_again = shell.json("keys", "rotate", "ci")["key"]
    assert [served.call(ASK, key=k).status for k in (key, turned, turned_again)] == [401, 401, 200]

    shell("keys", "set", "ci", "--field", "disabled=true")
    assert served.call(ASK, key=turned_again).status == 401
    assert "disabled" in shell("keys", "list").stdout
    shell("keys", "set", "ci", "--field", "disabled=null")
    assert served.call(ASK, key=turned_again).status == 200
    assert "deleted apikeys/" in shell("keys", "revoke", "ci").stdout
    assert served.call(ASK, key=turned_again).status == 401

    own = shell.json("keys", "create", "--key-env", "MINE", "--allow", "*", MINE="sk-my-own")
    assert "key" not in own
    assert served.call(ASK, key="sk-my-own").status == 200
    again = shell("providers", "delete", "prod", code=1)
    assert "still used by the models small" in again.stderr
    gone = shell("providers", "delete", "prod", "--cascade").stdout
    assert "deleted models/" in gone and "deleted provider_keys/" in gone


def test_as_a_process_it_prints_json_for_scripts(served: Running) -> None:
    config = str(served.folder / "config.yaml")
    command = [sys.executable, "-m", "aisix", "keys", "list", "--json", "--config", config]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), list)


def test_a_refusal_lists_every_fault(shell: Shell) -> None:
    done = shell("models", "create", "a", "m", "--provider-key", "nobody", code=1)
    assert "there is none with the id or name nobody" in done.stderr
    done = shell("keys", "create", "--allow", "a**", "--field", "tpm=1", "--expires", "soon",
                 code=1)  # fmt: skip
    assert "allowed_models[0]: may hold one `*`" in done.stderr
    assert "tpm: unknown field" in done.stderr
    assert "expires_at: must be a time" in done.stderr
    told = json.loads(shell("keys", "create", "--allow", "a**", "--json", code=1).stdout)
    assert told["error"]["code"] == "invalid"


def test_a_secret_is_never_taken_from_the_command_line(shell: Shell, tmp_path: Path) -> None:
    words = ("providers", "create", "x", "--provider", "anthropic")
    assert "--secret-env" in shell(*words, code=2, given="").stderr
    assert "variable NONE is not set" in shell(*words, "--secret-env", "NONE", code=2).stderr
    shell(*words, "--secret-file", "-", "--id", "x", given=SECRET + "\n")
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    again = shell(*words, "--secret-file", str(file), "--id", "x")  # twice is once
    assert SECRET not in again.stdout + again.stderr
    shell("providers", "delete", "x")


def test_a_key_that_has_ended_is_not_listed_as_open(shell: Shell, served: Running) -> None:
    soon = int(time.time()) + 2
    body = {"display_name": "brief", "generate": True, "allowed_models": [], "expires_at": soon}
    served.create("apikeys", body)
    served.create("apikeys", {"display_name": "long", "generate": True, "allowed_models": []})
    until(lambda: time.time() >= soon)
    rows = {"brief": "expired", "long": "open"}
    for line in shell("keys", "list").stdout.split("\n"):
        for name in rows.copy():
            if f" {name} " in line:
                assert f" {rows.pop(name)} " in line
    assert rows == {}


def test_who_has_no_key_or_no_gateway_is_told(shell: Shell, tmp_path: Path) -> None:
    assert "admin key" in shell("keys", "list", code=1, AISIX_ADMIN_KEY="wrong").stderr
    file = tmp_path / "admin_key"
    file.write_text(ADMIN_KEY)
    shell("keys", "list", "--admin-key-file", str(file))
    nobody = shell("keys", "list", "--admin", "http://127.0.0.1:9", code=2)
    assert "no gateway answers at http://127.0.0.1:9" in nobody.stderr
    assert "must be a URL" in shell("keys", "list", "--admin", "127.0.0.1", code=2).stderr


def test_export_and_import_carry_everything_and_secrets_only_when_told(
    shell: Shell, served: Running, tmp_path: Path
) -> None:
    served.set_up("http://127.0.0.1:9", {"one": {"model_name": "m"}, "two": {"model_name": "m"}})
    served.allow("one", expires_at="2050-01-01T00:00:00Z", display_name="${not a reference}")
    plain = shell("export").stdout
    assert SECRET not in plain and "secret: ${SECRET_" in plain
    file = tmp_path / "all.yaml"
    shell("export", "--secrets", "--output", str(file))
    assert SECRET in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    before = {kind: served.admin("GET", kind).json["items"] for kind in ("models", "apikeys")}

    same = shell("import", str(file))
    assert "unchanged" in same.stdout
    dry = shell("import", str(file), "--prune", "--dry-run")
    assert "would be: " in dry.stdout
    assert same.stderr == dry.stderr == ""
    for item in served.admin("GET", "provider_keys").json["items"]:
        served.admin("DELETE", f"provider_keys/{item['id']}?cascade=true")
    assert served.admin("GET", "models").json["total"] == 0
    made = shell("import", str(file))
    assert "3 created" in made.stdout
    told = audits_in(made.stderr)
    assert {(o["event"], o["by"], o["uid"]) for o in told} == {("admin_write", "cli", os.geteuid())}
    assert {o["action"] for o in told} == {"create"}
    assert [o["kind"] for o in told] == ["provider_keys", "models", "models"]
    assert told[0]["changed"] == ["adapter", "api_base", "display_name", "provider", "secret"]
    after = {kind: served.admin("GET", kind).json["items"] for kind in ("models", "apikeys")}
    for kind, items in before.items():
        values = {i["id"]: i["value"] for i in items}
        assert {i["id"]: i["value"] for i in after[kind]} == values

    shown = tmp_path / "plain.yaml"
    shown.write_text(plain)
    refused = shell("import", str(shown), code=2).stderr
    assert "plain.yaml:" in refused and "is not set" in refused
    name = plain.split("${")[1].split("}")[0]
    other = shell("import", str(shown), **{name: "sk-another-secret-9876"})
    assert "1 changed" in other.stdout
    assert [(o["action"], o["changed"]) for o in audits_in(other.stderr)] == [
        ("replace", ["secret"])
    ]
    assert "9876" not in other.stderr and SECRET not in made.stderr
    key = served.admin("GET", "provider_keys").json["items"][0]
    assert key["value"]["secret"] == "****9876"

    bad = tmp_path / "bad.yaml"
    bad.write_text("models:\n  - display_name: x\n    provider_key: nobody\n")
    said = shell("import", str(bad), code=1).stderr
    assert "bad.yaml:3: models[0].provider_key: no provider key has this display_name" in said
    assert served.admin("GET", "models").json["total"] == 2
    bad.write_text("models: []\n")
    gone = shell("import", str(bad), "--prune")
    assert "deleted" in gone.stdout
    told = audits_in(gone.stderr)
    assert {o["action"] for o in told} == {"delete"}
    assert [o["kind"] for o in told[:3]] == ["provider_keys", "models", "models"]
    assert {o["kind"] for o in told[3:]} == {"apikeys"}
    assert served.admin("GET", "provider_keys").json["total"] == 0


def test_the_key_of_the_secrets_can_be_changed_under_a_running_gateway(
    shell: Shell, served: Running, standin: Standin
) -> None:
    served.set_up(standin.url, {"small": {"model_name": "claude-opus-5-5"}})
    served.allow("small", key="sk-of-rotation")
    folder = served.folder / "data"
    old = (folder / "secret.key").read_text()
    rotated = shell("secrets", "rotate-key")
    assert "1 secrets are now encrypted with a new key" in rotated.stdout
    told = audits_in(rotated.stderr)
    assert [(o["by"], o["action"], o["kind"], o["count"]) for o in told] == [
        ("cli", "rotate_key", "secrets", 1)
    ]
    assert (folder / "secret.key").read_text() != old
    assert {served.call(ASK, key="sk-of-rotation").status for _ in range(4)} == {200}
    body = {"display_name": "later", "provider": "anthropic", "secret": SECRET}
    served.create("provider_keys", body)
    served.restart()
    assert served.call(ASK, key="sk-of-rotation").status == 200
    assert served.admin("GET", "status").json["store"]["trouble"] is None


def test_a_write_that_cannot_be_done_is_told_without_a_traceback(
    shell: Shell, served: Running, tmp_path: Path
) -> None:
    body = {"display_name": "kept", "provider": "anthropic", "secret": SECRET}
    served.create("provider_keys", body)
    folder = served.folder / "data"
    key = (folder / "secret.key").read_text()
    # No file may grow, as on a full disk.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        said = shell("secrets", "rotate-key", code=2).stderr
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert said == f"aisix: {folder / 'secret.key'}: cannot be written: File too large\n"
    assert (folder / "secret.key").read_text() == key
    other = sqlite3.connect(folder / "aisix.db")
    other.execute("BEGIN IMMEDIATE")
    said = shell("secrets", "rotate-key", code=2).stderr
    assert said == "aisix: the database is busy with another program's work: try again\n"
    other.close()
    shell("secrets", "rotate-key")


def test_validate_says_everything_with_file_and_line(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    file.write_text(
        """\
provider_keys:
  - display_name: prod
    provider: anthropic
    secret: ${PROVIDER_KEY}
    api_base: ftp://x
modles: []
"""
    )
    said = shell("validate", str(file), code=1).stdout
    assert "resources.yaml:4: provider_keys[0].secret: the environment variable" in said
    assert 'resources.yaml:6: modles: unknown section (did you mean "models"?)' in said
    text = file.read_text().replace("modles", "models").replace("ftp:", "http:")
    file.write_text(
        text
        + "apikeys:\n  - {key_hash: '${H}', allowed_models: []}\n"
        + "  - {key_hash: '${I}', allowed_models: []}\n"
    )
    assert "is fine" in shell("validate", "--no-env", str(file)).stdout
    file.write_text(text.replace("models: []", "models:\n  - {display_name: a, provider_key: prod,"
                    "\n     options: {default_max_tokns: 5}, model_name: m, provider: p}"))  # fmt: skip
    said = shell("validate", str(file), code=1, PROVIDER_KEY=SECRET).stdout
    assert "resources.yaml:8: models[0].options" in said
    assert SECRET not in said
    for text in ("a: [", "- 1", "models: 3", "models: [3]", "models: [{1: 2}]", "a: 1\na: 2"):
        file.write_text(text)
        assert f"{file}:" in shell("validate", str(file), code=1).stdout
    assert "cannot be read" in shell("validate", str(tmp_path / "none"), code=1).stdout
