"""`aisix mappings` as a person runs it: what it prints, in which width, with which exit code."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from aisix.cli import main
from aisix.mapping.grammar.roots import ROOTS
from aisix.mapping.grammar.tables import UNITS
from tests.running import ROOT

NAME = "openai-chat/anthropic-messages"
CASES = ROOT / "mappings" / NAME / "cases"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(*argv: str, width: int = 100) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(width))
        try:
            code = main.main(["mappings", *argv])
        except SystemExit as error:
            code = int(error.code or 0)
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "mine" / NAME
    (folder / "traits").mkdir(parents=True)
    (folder / "values.toml").write_text('[stop_reason]\nend_turn = "length"\n')
    (folder / "models.toml").write_text("[model.opus-5-5]\nmax_tokens = 4321\n")
    (folder / "traits/no-sampling.toml").write_text('[request.field.top_k]\npolicy = "drop"\n')
    return tmp_path / "mine"


REQUEST = {
    "model": "claude-prod",
    "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}],
    "temperature": 1.7,
    "seed": 7,
    "logit_bias": {"5": 1},
}


def asked(folder: Path, body: Any = REQUEST, name: str = "request.json") -> str:
    (folder / name).write_text(json.dumps(body))
    return str(folder / name)


# ---------------------------------------------------------------- tables that fit
@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize(
    "argv",
    [["list"], ["show"], ["verbs"], ["keys"], ["explain", "REQUEST"], ["diff", "SITE"]],
    ids=lambda a: a[0],
)
def test_a_table_fits_the_terminal(
    said: Any, site: Path, tmp_path: Path, argv: list[str], width: int
) -> None:
    words = {"REQUEST": asked(tmp_path), "SITE": str(site)}
    _, out, _ = said(*(words.get(word, word) for word in argv), width=width)
    head = next(i for i, line in enumerate(out.split("\n")) if line.startswith("---"))
    assert all(
        len(line) <= width for line in out.split("\n")[head:] if not line.startswith("x-aisix")
    )


def test_numbers_are_shown_as_they_are(said: Any, tmp_path: Path) -> None:
    """tabulate would make 4321 of "4321", and 1.10 of "1.10"."""
    _, out, _ = said("explain", asked(tmp_path, {**REQUEST, "user": "0012"}), width=200)
    assert re.search(r"metadata\.user_id +0012 ", out)


# ---------------------------------------------------------------- what is shown
def test_show_says_where_each_rule_comes_from(said: Any, site: Path) -> None:
    code, out, _ = said("show", "--json", "--dir", str(site))
    assert code == 0
    rules = {rule["rule"]: rule for rule in json.loads(out)["rules"]}
    for name, origin, file in (
        ("request.field.top_p.policy", "trait no-sampling", "mappings/anthropic-messages/upstream/traits/no-sampling.toml:6"),
        ("request.field.top_k.policy", "mine: trait no-sampling", f"mine/{NAME}/traits/no-sampling.toml:2"),
        ("values.stop_reason.end_turn", "mine", f"mine/{NAME}/values.toml:2"),
        ("model.max_tokens", "mine: model row", f"mine/{NAME}/models.toml:2"),
        ("model.bound", "model row", None),
        ("values.stop_reason.refusal", "shipped", None),
    ):  # fmt: skip
        assert rules[name]["from"] == origin, name
        assert file is None or rules[name]["file:line"] == file
    code, out, _ = said("show", "--rule", "stop_reason.end_turn", "--dir", str(site))
    assert "length" in out
    assert said("show", "--rule", "nothing.like.it")[0] == 1


def test_explain_follows_every_field_of_a_request(said: Any, tmp_path: Path) -> None:
    code, out, _ = said("explain", asked(tmp_path), "--model", "claude-sonnet-4-6", "--json")
    assert code == 0
    report = json.loads(out)
    lines = {line["target"]: line for line in report["lines"]}
    assert lines["temperature"]["why"] == "1.7 clamped to max"
    assert lines["max_tokens"]["why"].startswith("default")
    # Where things ended up, not where they stood before the passes moved them.
    assert lines["system[0].text"]["value"] == "s"
    assert lines["messages[0].content[0].text"]["value"] == "q"
    assert "messages[1].role" not in lines
    for target in ("(dropped) seed", "(dropped) logit_bias", "(clamped) temperature"):
        assert "/request/" in lines[target]["where"]
    assert report["warnings"] == "temperature=clamped, logit_bias=dropped"

    def leaves(node: Any, at: str = "") -> list[str]:
        if isinstance(node, dict) and node:
            return [x for k, v in node.items() for x in leaves(v, f"{at}.{k}" if at else k)]
        if isinstance(node, list) and node:
            return [x for n, v in enumerate(node) for x in leaves(v, f"{at}[{n}]")]
        return [at]

    for leaf in leaves(report["result"]):
        assert any(leaf == t or leaf.startswith((f"{t}.", f"{t}[")) for t in lines), leaf


def test_explain_names_the_pass_that_put_something_there(said: Any, tmp_path: Path) -> None:
    body = {
        **REQUEST,
        "messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "q"}],
    }
    _, out, _ = said("explain", asked(tmp_path, body), "--json")
    lines = {line["target"]: line for line in json.loads(out)["lines"]}
    assert lines["messages[0].content[0].text"]["value"] == "(continue)"
    assert lines["messages[0].content[0].text"]["why"] == "begin (first)"


def test_explain_names_the_row_that_passes_a_field_on(said: Any, tmp_path: Path) -> None:
    body = {"model": "claude-prod", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}
    same = "anthropic-messages/anthropic-messages"
    _, out, _ = said("explain", asked(tmp_path, body), "--mapping", same, "--json")
    lines = {line["target"]: line for line in json.loads(out)["lines"]}
    assert lines["max_tokens"]["why"] == "passed on"
    assert f"{same}/request.toml:" in lines["max_tokens"]["where"]


def test_explain_says_why_a_request_was_refused(said: Any, tmp_path: Path) -> None:
    code, out, _ = said("explain", asked(tmp_path, {**REQUEST, "temperature": "hot"}))
    assert code == 1
    assert "refused with 400" in out
    assert "temperature" in out


def test_explain_of_a_plain_answer(said: Any) -> None:
    code, out, _ = said("explain", str(CASES / "answer-text/upstream-response.json"), "--json")
    assert code == 0
    lines = {line["target"]: line for line in json.loads(out)["lines"]}
    finish = lines["choices[0].finish_reason"]
    assert finish["value"] == "stop"
    assert "by table" in finish["why"]
    assert "values.toml:" in finish["where"]
    content = lines["choices[0].message.content"]
    assert content["why"].startswith("from ")
    assert "answer.toml:" in content["where"]
    assert all(line["where"] for line in lines.values())


def test_explain_of_a_captured_stream(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (CASES / "stream-two-calls/upstream-stream.sse").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    code, out, _ = said("explain", "-", width=300)
    assert code == 0
    assert re.search(r"event 1 +message_start +row message_start +\S*answer\.toml:\d+", out)
    assert re.search(
        r"choices\[0\]\.delta\.content +Both\. +#3/delta/text by given\.text +"
        r"from \$given\.text +\S*answer\.toml:\d+",
        out,
    )
    assert re.search(
        r"choices\[0\]\.finish_reason +tool_calls +#11/delta/stop_reason by state\.ending +"
        r'"\w+" by table \w+ +\S*values\.toml:\d+',
        out,
    )
    assert "[DONE]" in out


def test_explain_of_an_upstream_error(said: Any) -> None:
    file = CASES / "error-rate-limit/upstream-response.json"
    code, out, _ = said("explain", str(file), "--status", "429", width=200)
    assert code == 1
    assert re.search(r"error\.message +.* row rate-limit, from message +errors\.toml:\d+", out)


def test_diff_names_what_changes_and_is_empty_for_nothing(
    said: Any, site: Path, tmp_path: Path
) -> None:
    code, out, _ = said("diff", str(site), "--json")
    assert code == 1
    changes = {row["key"]: row for row in json.loads(out)["changes"]}
    assert changes["values.stop_reason.end_turn"]["shipped"] == "stop"
    assert changes["values.stop_reason.end_turn"]["yours"] == "length"
    assert set(changes) == {
        "values.stop_reason.end_turn",
        "models.model.opus-5-5.max_tokens",
        "traits.no-sampling.request.field.top_k.policy",
    }
    (tmp_path / "empty").mkdir()
    assert said("diff", str(tmp_path / "empty"))[:2] == (0, "no difference\n")


def test_a_site_named_in_the_settings_is_used(said: Any, site: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mappings: [mine]\n")
    for argv in (["show", "--config", str(tmp_path / "config.yaml")], ["show", "--dir", str(site)]):
        _, out, _ = said(*argv, "--rule", "stop_reason.end_turn")
        assert "length" in out


def test_a_case_is_run_and_accepted(said: Any, site: Path) -> None:
    case = site / NAME / "cases" / "ours"
    case.mkdir(parents=True)
    (case / "case.toml").write_text('reason = "our limit"\nmodel = "claude-opus-5-5"\n')
    (case / "upstream-request.json").write_text('{"max_tokens": 1}')
    argv = ["test", "/ours", "--dir", str(site)]
    code, out, _ = said(*argv)
    assert code == 1
    assert "max_tokens: expected 1, found 4321" in out
    assert said(*argv, "--accept")[0] == 0
    assert json.loads((case / "upstream-request.json").read_bytes())["max_tokens"] == 4321
    assert said(*argv)[:2] == (0, "1 of 1 cases hold\n")


# ---------------------------------------------------------------- exit codes
@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["list"], 0),
        (["check", "--no-cases"], 0),
        (["test", "text-minimal"], 0),
        (["bogus"], 2),
        (["show", "nosuch"], 2),
        (["show", "--option", "auto_cache"], 2),
        (["show", "--option", "auto_cash=true"], 1),
        (["explain", "no/such/file.json"], 2),
        (["test", "no-case-is-called-so"], 2),
        (["diff", "no/such/folder"], 2),
        (["check", "no/such/folder"], 1),
    ],
)
def test_the_exit_code_says_how_it_went(said: Any, argv: list[str], expected: int) -> None:
    code, out, err = said(*argv)
    assert code == expected
    assert "Traceback" not in out + err


def test_complaints_are_json_when_asked_for(said: Any, site: Path) -> None:
    (site / NAME / "values.toml").write_text("[stop_reason\n")
    for argv in (["check", str(site), "--json"], ["list", "--json", "--dir", str(site)]):
        code, out, _ = said(*argv)
        assert code == 1
        assert json.loads(out)["findings"][0]["where"] == f"mine/{NAME}/values.toml:1"


# ---------------------------------------------------------------- keys
def test_keys_are_shown_as_they_are_declared(said: Any) -> None:
    code, out, _ = said("keys", "request.accept", width=160)
    assert code == 0 and "longest" in out and "one_of" in out and "shape" not in out
    _, out, _ = said("keys", "request.field", "--json")
    (rule, *others) = json.loads(out)
    assert rule["unit"] == "rule" and {"find", "arrange"} <= {one["unit"] for one in others}
    (top,) = [key for key in rule["keys"] if key["name"] == "max"]
    assert top["holds"] == ["number", "$lookup"] and top["loses to"] == ["policy"]


def test_every_unit_and_every_root_is_shown(said: Any) -> None:
    _, out, _ = said("keys", "--json")
    assert {one["unit"] for one in json.loads(out)} == set(UNITS)
    _, out, _ = said("keys", "roots")
    assert all(f"${name} " in out for name in ROOTS)


@pytest.mark.parametrize(
    ("place", "near"),
    [("requst", 'did you mean "request"?'), ("request.acept", 'did you mean "accept"?')],
)
def test_a_place_there_is_not_is_told(said: Any, place: str, near: str) -> None:
    code, _, err = said("keys", place)
    assert code == 1 and near in err
