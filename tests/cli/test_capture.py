"""`aisix capture` against a gateway of two workers, and what is made of its files."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.cli import capture
from aisix.cli.main import main
from aisix.standin.handler import Scripted
from aisix.standin.server import Standin
from tests.running import ADMIN_KEY, CALLER_KEY, Answer, Running, send, until

SECRETS = (ADMIN_KEY, CALLER_KEY, "sk-ant-the-secret-of-the-provider")
KEY = {"provider": "anthropic", "adapter": "anthropic", "secret": SECRETS[2]}
BODY = {"model": "small", "messages": [{"role": "user", "content": "My name is Bobcat 42"}]}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    standin = Standin().start()
    nobody = socket.socket()  # takes a connection, and says nothing
    nobody.bind(("127.0.0.1", 0))
    nobody.listen()
    silent = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with Running(tmp_path_factory.mktemp("capture"), workers=2) as running:
        overlay = "[request.field.max_tokens]\nmax = 77"
        key = running.set_up(
            standin.url, {"small": {"model_name": "claude-sonnet-4-6", "overlay": overlay}}
        )
        keys = [
            running.create("provider_keys", {**KEY, "display_name": name, "api_base": url})
            for name, url in (("other", standin.url), ("silent", silent))
        ]
        named = [key, keys[0]]
        targets = [{"provider_key_id": one, "model_name": "claude-sonnet-4-6"} for one in named]
        both = {"display_name": "both", "targets": targets, "routing": "failover"}
        alone = {"provider_key_id": keys[1], "model_name": "claude-sonnet-4-6"}
        late = {"display_name": "late", **alone, "first_byte_timeout": 300}
        for model in (both, late):
            running.create("models", {"provider": "anthropic", **model})
        running.allow("small", "both", "late")
        running.standin = standin  # type: ignore[attr-defined]
        yield running
        assert not running.bugs
    standin.stop()
    nobody.close()


@pytest.fixture(scope="module", params=["", "--redact"])
def files(request: Any, gateway: Running, tmp_path_factory: Any) -> list[Path]:
    """A plain answer, a stream and a refusal."""
    folder = tmp_path_factory.mktemp("seen")
    config = str(gateway.folder / "config.yaml")
    command = [sys.executable, "-m", "aisix", "capture", "--config", config, "--alias", "small"]
    more = ["--next", "3", "--for", "60", "--to", str(folder), *filter(None, [request.param])]
    process = subprocess.Popen([*command, *more])
    rows = lambda: gateway.admin("GET", "captures").json["items"]  # noqa: E731
    until(lambda: any(row["waiting"] for row in rows()))
    assert gateway.call(BODY).status == 200
    assert gateway.call({**BODY, "stream": True}).status == 200
    assert gateway.call({**BODY, "temperature": "hot"}).status == 400
    assert process.wait(60) == 0
    assert rows() == [], "the gateway keeps nothing that was fetched"
    return sorted(folder.iterdir())


def test_no_secret_is_in_a_file_and_no_text_of_a_redacted_one(files: list[Path]) -> None:
    assert len(files) == 3
    for file in files:
        text = file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600
        assert not [one for one in SECRETS if one in text]
        assert ("Bobcat" in text) is not json.loads(text).get("redacted", False)


def test_its_files_are_read_by_explain_test_and_new_case(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in files:
        assert main(["mappings", "test", str(file)]) == 0, capsys.readouterr().out
        refused = json.loads(file.read_text())["answer"]["status"] == 400
        capsys.readouterr()
        assert main(["mappings", "explain", str(file), "--json"]) == int(refused)
        found = json.loads(capsys.readouterr().out)
        assert (found.get("status") == 400) is refused
        if not refused:
            asked, answered = found["reports"]
            assert asked["result"]["max_tokens"] == 77, "with the alias's own tables"
            assert answered["links"]
        assert main(["mappings", "new-case", "--from", str(file), "--to", str(tmp_path)]) == 0
        assert "look at what must come out" in capsys.readouterr().out


def test_what_an_overlay_changes_of_it_is_told(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = json.loads(files[0].read_text())["target"]["mapping"]
    folder = tmp_path / "mine" / name
    folder.mkdir(parents=True)
    (folder / "request.toml").write_text("[field.top_k]\nvalue = 7\n")
    [plain, *_] = [f for f in files if json.loads(f.read_text())["answer"]["status"] == 200]
    mine = str(tmp_path / "mine")
    assert main(["mappings", "explain", str(plain), "--diff", mine]) == 1
    assert "top_k" in capsys.readouterr().out
    assert main(["mappings", "test", str(plain), "--dir", mine]) == 1
    assert "top_k" in capsys.readouterr().out


def test_reading_and_beginning_are_audited_and_a_key_is_needed(
    gateway: Running, files: list[Path]
) -> None:
    assert gateway.admin("GET", "captures", key="no").status == 401
    told = [one["action"] for one in gateway.audits if one["kind"] == "captures"]
    assert {"create", "read", "delete"} <= set(told)


def test_an_alias_of_a_running_gateway_is_explained(
    gateway: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(BODY))
    config = str(gateway.folder / "config.yaml")
    given = [str(tmp_path / "a.json"), "--alias", "small", "--json", "--config", config]
    assert main(["mappings", "explain", *given]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["max_tokens"] == 77


def test_a_file_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"aisix_capture": 1, "alias": 3}')
    assert main(["mappings", "explain", str(file)]) == 2
    assert "no captured exchange" in capsys.readouterr().err


# ---------------------------------------------------------------- what else an exchange can come to
JSON = (("content-type", "application/json"),)
BUSY = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'


def asked(gateway: Running, alias: str, text: str, **more: Any) -> Answer:
    return gateway.call({"model": alias, "messages": [{"role": "user", "content": text}], **more})


def of_anthropic(gateway: Running, alias: str, text: str, **more: Any) -> Answer:
    body = {"model": alias, "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    headers = {"x-api-key": CALLER_KEY, "content-type": "application/json"}
    return send(gateway.proxy_port, "POST", "/v1/messages", {**body, **more}, headers)


# alias, what the stand-in is asked for, streamed, status for the caller, attempts
ENDS: dict[str, tuple[str, str, bool, int, int]] = {
    "another target": ("both", "hi", False, 200, 2),
    "another target, streamed": ("both", "hi", True, 200, 2),
    "cut in its midst": ("small", "standin:cut standin:long-9", True, 200, 1),
    "an error in its midst": ("small", "standin:stream-error standin:long-9", True, 200, 1),
    "an error": ("small", "standin:status-401", False, 502, 1),
    "no JSON": ("small", "standin:garbage", False, 502, 1),
    "no stream": ("small", "standin:json-instead-of-sse", True, 502, 1),
    "no answer": ("late", "hi", False, 504, 1),
}


@pytest.mark.parametrize("call", [asked, of_anthropic])
@pytest.mark.parametrize("end", ENDS)
def test_whatever_it_comes_to_it_is_told_and_comes_out_the_same_again(
    end: str, call: Any, gateway: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alias, text, streamed, status, attempts = ENDS[end]
    if attempts == 2:
        gateway.standin.script(Scripted((BUSY,), 529, JSON))  # type: ignore[attr-defined]
    row = gateway.admin("POST", "captures", {"alias": alias, "next": 1, "secs": 60}).json
    assert call(gateway, alias, text, stream=streamed).status == status
    path = f"captures/{row['id']}"
    until(lambda: gateway.admin("GET", path).json["exchanges"] == 1)
    file = tmp_path / "one.json"
    file.write_bytes(gateway.admin("GET", f"{path}/1").body)
    gateway.admin("DELETE", path)
    found = json.loads(file.read_text())
    assert (len(found["attempts"]), found["answer"]["status"]) == (attempts, status)
    assert not [one for one in SECRETS if one in file.read_text()]
    assert main(["mappings", "test", str(file)]) == 0, capsys.readouterr().out
    assert main(["mappings", "explain", str(file)]) in (0, 1)
    told = capsys.readouterr()
    assert ("none came (first_byte)" in told.err) is (end == "no answer")
    assert main(["mappings", "new-case", "--from", str(file), "--to", str(tmp_path)]) == 0
    assert ("of the request alone" in capsys.readouterr().out) is (end == "no answer")


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_captured(
    gateway: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    config = str(gateway.folder / "config.yaml")
    given = ["--alias", "small", "--to", str(tmp_path / "file" / "x"), "--config", config]
    assert main(["capture", *given]) == 2
    assert "cannot be written: Not a directory" in capsys.readouterr().err
    assert gateway.admin("GET", "captures").json["items"] == []


@pytest.mark.parametrize("ended", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_file_that_cannot_be_finished_is_not_left_in_part(
    ended: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dump(document: Any, out: Any, **how: Any) -> None:
        out.write('{"aisix_capture": ')
        out.flush()
        raise ended

    monkeypatch.setattr(json, "dump", dump)
    with pytest.raises(type(ended)):
        capture._written(tmp_path, "small", {})
    assert list(tmp_path.iterdir()) == []
