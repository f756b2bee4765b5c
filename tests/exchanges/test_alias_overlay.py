"""An alias with tables of its own, in a gateway as users run it: written, served, exported."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aisix.cli.main import main
from aisix.standin.server import Standin
from tests.running import Running

QUICKLY = ("tests.quick_checks",)
TABLES = Path("openai-chat/anthropic-messages")
CLAMP = 'for = "openai-chat"\n[request.field.max_tokens]\nmax = 77      # dear\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("overlay") / "site"
    (folder / TABLES).mkdir(parents=True)
    (folder / TABLES / "values.toml").write_text("[stop_reason]\nend_turn = 'stop'\n")
    return folder


@pytest.fixture(scope="module")
def gateway(
    site: Path, tmp_path_factory: pytest.TempPathFactory, standin: Standin
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("overlay") / "gateway"
    with Running(folder, {"mappings": [str(site)]}, workers=2, program=QUICKLY) as running:
        plain = {"model_name": "claude-opus-5-5"}
        running.set_up(standin.url, {"small": {**plain, "overlay": CLAMP}, "other": plain})
        running.allow("small", "other")
        yield running
        assert not running.bugs


def tokens(gateway: Running, standin: Standin, alias: str) -> tuple[int, str, str]:
    """(max_tokens upstream, warnings, tables) of a request for 5000."""
    answer = gateway.ask("Hi", alias, max_tokens=5000)
    assert answer.status == 200, answer.body
    sent = list(standin.received)[-1].body["max_tokens"]
    return sent, answer.headers.get("x-aisix-warnings", ""), answer.headers["x-aisix-mapping"]


def cli(gateway: Running, *words: str) -> tuple[int, str]:
    config = str(gateway.folder / "config.yaml")
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = main([*words, "--config", config])
    return code, out.getvalue()


def test_it_is_served_and_told_and_is_no_other_alias_s(gateway: Running, standin: Standin) -> None:
    sent, warnings, tables = tokens(gateway, standin, "small")
    assert (sent, warnings) == (77, "max_tokens=clamped")
    assert "+" in tables
    sent, warnings, tables = tokens(gateway, standin, "other")
    assert (sent, warnings) == (5000, "")
    assert "+" not in tables


def test_it_is_written_read_and_refused_in_every_way(gateway: Running, tmp_path: Path) -> None:
    [small] = gateway.admin("GET", "models?display_name=small").json["items"]
    path = f"models/{small['id']}"
    assert small["value"]["overlay"] == CLAMP  # as it was written, with its comments
    slip = {"request": {"field": {"max_tokens": {"maxx": 1}}}}
    for answer in (
        gateway.admin("PATCH", path, {"overlay": [CLAMP, slip]}),
        gateway.admin("PUT", path, {**small["value"], "overlay": [CLAMP, slip]}),
        gateway.admin("POST", "models", {**small["value"], "display_name": "x", "overlay": [CLAMP, slip]}),
    ):  # fmt: skip
        assert answer.status == 400
        [fault] = answer.error["faults"]
        assert fault["path"] == "overlay[1].request.field.max_tokens.maxx"
        assert 'did you mean "max"' in fault["message"]
    for wrong in (
        "x" * 40_000,
        [],
        {},
        7,
        [["a"]],
        "[request",
        {"request": {"field": {"a": [None]}}},
    ):
        answer = gateway.admin("PATCH", path, {"overlay": wrong})
        assert answer.status == 400, wrong
        assert answer.error["faults"][0]["path"].startswith("overlay")
    good = tmp_path / "good.toml"
    good.write_text(CLAMP.replace("77", "78"))
    assert cli(gateway, "models", "set", "small", "--overlay", str(good))[0] == 0
    assert gateway.admin("GET", path).json["value"]["overlay"] == good.read_text()
    thing = tmp_path / "thing.json"
    thing.write_text(
        json.dumps({"for": "openai-chat", "request": {"field": {"max_tokens": {"max": 77}}}})
    )
    code, told = cli(
        gateway, "models", "set", "small", "--overlay", str(good), "--overlay", str(thing)
    )
    assert code == 0, told
    assert gateway.admin("GET", path).json["value"]["overlay"][1]["for"] == "openai-chat"
    assert gateway.admin("PATCH", path, {"overlay": None}).json["value"]["overlay"] is None
    assert cli(gateway, "models", "set", "small")[0] == 2
    assert gateway.admin("PATCH", path, {"overlay": CLAMP}).status == 200


def test_it_goes_out_and_comes_in_with_a_resources_file(gateway: Running, tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    assert cli(gateway, "export", "--output", str(file))[0] == 0
    text = file.read_text()
    assert "max = 77" in text
    assert cli(gateway, "validate", str(file), "--no-env")[0] == 0
    file.write_text(text.replace("max = 77", "maxx = 77"))
    code, told = cli(gateway, "validate", str(file), "--no-env")
    assert code == 1
    assert "overlay.request.field.max_tokens.maxx: line 3: unknown key" in told
    assert f"{file}:" in told


def test_tables_that_it_does_not_fit_put_it_in_quarantine_and_no_other(
    tmp_path: Path, standin: Standin
) -> None:
    """It serves on as it did, and everybody who asks is told."""
    file = tmp_path / "site" / TABLES / "request.toml"
    file.parent.mkdir(parents=True)
    site = {"mappings": [str(tmp_path / "site")]}
    with Running(
        tmp_path / "gateway", site, workers=1, program=QUICKLY
    ) as gateway:  # who has had it keeps it
        plain = {"model_name": "claude-opus-5-5"}
        gateway.set_up(standin.url, {"small": {**plain, "overlay": CLAMP}, "other": plain})
        gateway.allow("small", "other")
        before = tokens(gateway, standin, "small")
        gauge = "aisix_models_quarantined"
        assert gateway.metrics()[gauge] == 0
        file.write_text("[field]\nmax_tokens = 4096\n")
        told = gateway.admin("POST", "mappings/reload").json
        assert told["ok"], told
        [one] = told["quarantined"]
        assert (one["alias"], one["serving"]) == ("small", "with the tables it fitted last")
        assert one["why"][0].startswith("overlay.request.field.max_tokens")
        status = gateway.admin("GET", "status").json
        assert status["mappings"]["quarantined"] == [one]
        assert any(fault.startswith("models/small: overlay.") for fault in status["faults"])
        assert gateway.metrics()[gauge] == 1
        assert tokens(gateway, standin, "small") == before
        assert tokens(gateway, standin, "other")[0] == 4096
        assert "in quarantine: models/small: overlay.request.field.max_tokens" in gateway.log
        file.unlink()
        assert gateway.admin("POST", "mappings/reload").json["quarantined"] == []
        assert gateway.metrics()[gauge] == 0
        assert not gateway.bugs
