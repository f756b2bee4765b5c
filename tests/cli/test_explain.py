"""`aisix mappings explain`: what it is given, what it compares, what it follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aisix.cli import main
from aisix.cli.mappings import output
from tests.running import ROOT

NAME = "openai-chat/anthropic-messages"
CASES = ROOT / "mappings" / NAME / "cases"
REQUEST = {"model": "a", "messages": [{"role": "user", "content": "q"}], "temperature": 1.7}
RESOURCES = """
provider_keys:
  - id: key
    display_name: key
    provider: anthropic
    adapter: anthropic
    secret: ${NOT_SET_ANYWHERE}
models:
  - id: one
    display_name: quiet
    model_name: claude-sonnet-4-6
    provider_key_id: key
    options: {reasoning_display: hidden}
  - id: two
    display_name: any-*
    model_name: claude-opus-4-1
    provider_key_id: key
    traits: [no-sampling]
  - id: three
    display_name: clamped
    model_name: claude-sonnet-4-6
    provider_key_id: key
    overlay: "[request.field.temperature]\\nmax = 0.25"
"""


OWN = {"request": {"field": {"max_tokens": {"max": 30}}}}  # tables of an alias


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(*argv: str, width: int = 100) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(width))
        code = main.main(["mappings", "explain", *argv])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def written(folder: Path, content: Any, name: str = "request.json") -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text)
    return str(folder / name)


def test_an_alias_brings_its_model_options_and_traits(told: Any, tmp_path: Path) -> None:
    resources = written(tmp_path, RESOURCES, "resources.yaml")
    request = written(tmp_path, {**REQUEST, "reasoning_effort": "high"})
    known = ("--resources", resources, "--json")
    first = json.loads(told(request, "--alias", "quiet", *known)[1])
    assert first["result"]["model"] == "claude-sonnet-4-6"
    other = json.loads(told(request, "--alias", "any-thing", *known)[1])
    assert "temperature" not in other["result"]
    assert any("no-sampling" in rule["layer"] for rule in other["rules"].values())
    plain = written(tmp_path, REQUEST, "plain.json")
    own = json.loads(told(plain, "--alias", "clamped", *known)[1])
    assert own["result"]["temperature"] == 0.25
    assert own["rules"]["field.temperature"]["layer"] == "alias clamped"
    code, _, err = told(request, "--alias", "quit", *known)
    assert code == 2
    assert "no alias quit (there are: any-*, clamped, quiet)" in err


def test_a_site_s_tables_are_compared_for_this_very_request(told: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / NAME
    folder.mkdir(parents=True)
    (folder / "request.toml").write_text("[field.temperature]\nmax = 0.5\n")
    request = written(tmp_path, REQUEST)
    model = ("--model", "claude-sonnet-4-6")
    code, out, _ = told(request, *model, "--diff", str(tmp_path / "mine"), "--json")
    assert code == 1
    changes = json.loads(out)["changes"]
    assert [(c["field"], c["without"], c["with"], c["rule"]) for c in changes] == [
        ("/temperature", "1", "0.5", "field.temperature")
    ]
    untouched = written(tmp_path, {**REQUEST, "temperature": 0.1}, "other.json")
    code, out, _ = told(untouched, *model, "--diff", str(tmp_path / "mine"))
    assert (code, out) == (0, "no difference\n")


def test_a_rule_is_followed_to_what_it_wrote_or_why_not(told: Any, tmp_path: Path) -> None:
    request = written(tmp_path, REQUEST)
    model = ("--model", "claude-sonnet-4-6", "--json")
    code, out, _ = told(request, *model, "--trace", "field.temperature")
    run = json.loads(out)["runs"][0]
    assert (code, run["outcome"]) == (0, "written")
    assert run["steps"] == [["found temperature", 1.7], ["max 1", 1]]
    code, out, _ = told(request, *model, "--trace", "field.top_k")
    run = json.loads(out)["runs"][0]
    assert (code, run["outcome"], run["why"]) == (1, "nothing", "nothing at top_k")
    code, out, _ = told(request, *model, "--trace", "shape.part.is.image_url")
    run = json.loads(out)["runs"][0]
    assert (code, run["outcome"]) == (1, "never ran")


def test_requests_may_stand_one_a_line_and_events_too(told: Any, tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({**REQUEST, "temperature": t}) for t in (0.1, 0.2))
    _, out, _ = told(written(tmp_path, lines, "many.ndjson"), "--json")
    assert len(json.loads(out)["reports"]) == 2
    stream = (CASES / "stream-two-calls/upstream-stream.sse").read_text()
    events = [line.removeprefix("data: ") for line in stream.split("\n") if line[:5] == "data:"]
    _, whole, _ = told(str(CASES / "stream-two-calls/upstream-stream.sse"), "--json")
    _, out, _ = told(written(tmp_path, "\n".join(events), "stream.ndjson"), "--json")

    def pairs(text: str) -> list[Any]:
        return [(link["out"], link["in"], link["rule"]) for link in json.loads(text)["links"]]

    assert pairs(out) == pairs(whole)


def test_a_caller_s_header_is_looked_at(told: Any, tmp_path: Path) -> None:
    same = "anthropic-messages/anthropic-messages"
    request = written(tmp_path, {**REQUEST, "max_tokens": 9})
    given = ("--mapping", same, "--json", "--header", "Anthropic-Beta=one-2026")
    report = json.loads(told(request, *given)[1])
    assert report["headers"]["anthropic-beta"] == "one-2026"
    beta = next(one for one in report["links"] if one["out"] == "header:anthropic-beta")
    assert beta["in"] == [{"at": "header:anthropic-beta", "part": "value"}]


def test_the_check_that_failed_is_named(told: Any, tmp_path: Path) -> None:
    answer = written(tmp_path, {"type": "massage", "content": []}, "answer.json")
    code, out, _ = told(answer, "--as", "answer", "--json")
    report = json.loads(out)
    assert code == 1
    refused = next(one for one in report["links"] if one["how"] == "refused")
    assert refused["rule"] == "plain.check.type"
    assert refused["in"] == [{"at": "/type", "part": "value"}]
    assert 'type should be "message", found "massage"' in report["lines"][0]["why"]


@pytest.mark.parametrize(
    ("body", "pointer", "rule"),
    [
        ({"temperature": "hot"}, "/temperature", "accept.temperature"),
        ({"stop": 7}, "/stop", "accept.stop"),
        ({"messages": [{"role": "nobody", "content": "q"}]}, "/messages/0/role", None),
    ],
)
def test_a_refusal_says_what_and_where(
    told: Any, tmp_path: Path, body: Any, pointer: str, rule: str | None
) -> None:
    code, out, _ = told(written(tmp_path, {**REQUEST, **body}), "--json")
    report = json.loads(out)
    assert (code, report["status"]) == (1, 400)
    refused = report["links"][0]
    assert refused["how"] == "refused"
    assert refused["in"] == [{"at": pointer, "part": "value"}]
    assert rule in (None, refused["rule"])
    assert report["rules"][refused["rule"]]["line"] > 0
    assert {one["out"] for one in report["links"][1:]} == {
        f"/error/{name}" for name in ("message", "type", "param", "code")
    }


def test_the_layers_of_a_key_are_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "mine" / NAME
    folder.mkdir(parents=True)
    (folder / "request.toml").write_text("[field.temperature]\nmax = 0.5\n")
    asked = ["show", "--key", "request.field.temperature", "--dir", str(tmp_path / "mine")]
    assert main.main(["mappings", *asked, "--model", "claude-sonnet-4-6", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    told_ = [(r["layer"], r["value"], r["wins"]) for r in rows if r["key"].endswith(".max")]
    assert told_ == [("shipped (anthropic-messages/upstream)", "1", ""), ("mine", "0.5", "wins")]
    capsys.readouterr()
    assert main.main(["mappings", "show", "--key", "request.field.temperatur"]) == 1
    assert '(did you mean "request.field.temperature"?)' in capsys.readouterr().out
    assert main.main(["mappings", *asked[:2], "field.temperature", *asked[3:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[-1]["key"].startswith("request.field.temperature.")
    assert main.main(["mappings", "show", "--key", "stop_reason.refusal", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["key"] == "values.stop_reason.refusal"


def test_so_are_those_of_a_like_mapping_and_of_an_alias(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, most in ((NAME, 60), ("openai-chat/variant", 50)):
        folder = tmp_path / "mine" / name
        folder.mkdir(parents=True)
        (folder / "request.toml").write_text(f"[field.max_tokens]\nmax = {most}\n")
    like = 'format = 1\nlike = "anthropic-messages"\ntitle = "like it"\n'
    (tmp_path / "mine/openai-chat/variant/mapping.toml").write_text(like)
    own = [written(tmp_path, "[request.field.max_tokens]\nmax = 40\n", "a.toml")]
    own.append(written(tmp_path, OWN, "b.json"))
    laid = [word for file in own for word in ("--overlay", file)]
    asked = ["variant", "--key", "request.field.max_tokens", "--dir", str(tmp_path / "mine")]
    assert main.main(["mappings", "show", *asked, *laid, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(r["layer"], r["value"], r["wins"]) for r in rows if r["key"].endswith(".max")] == [
        ("shipped (anthropic-messages/upstream)", "$model.max_tokens", ""),
        (f"mine ({NAME})", "60", ""),
        ("mine", "50", ""),
        (own[0], "40", ""),
        (own[1], "30", "wins"),
    ]
    resources = written(tmp_path, RESOURCES, "resources.yaml")
    asked = ["--key", "request.field.temperature", "--alias", "clamped", "--resources", resources]
    assert main.main(["mappings", "show", *asked, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    rows = [row for row in said if row["key"].endswith(".max")]
    assert rows[-1]["layer"] == "alias clamped"
    assert {row["wins"] for row in rows if row["layer"] == "alias clamped"} == {"wins"}
    assert main.main(["mappings", "show", *asked[2:], "--json"]) == 0
    rules = {row["rule"]: row["from"] for row in json.loads(capsys.readouterr().out)["rules"]}
    limit = {said for rule, said in rules.items() if rule.startswith("request.field.max_tokens.")}
    assert limit == {"shipped"}
    assert rules["request.field.temperature.max"] == "alias clamped"


def test_a_rule_of_an_aliass_own_tables_is_shown_as_it_is_written(
    told: Any, tmp_path: Path
) -> None:
    request = written(tmp_path, {**REQUEST, "max_tokens": 99})
    for name, own, lines in (
        (
            "a.toml",
            "[request.field.max_tokens]\nmax = 30\n",
            ["[request.field.max_tokens]", "max = 30"],
        ),
        ("b.json", OWN, ['"max_tokens": {', '  "max": 30', "}"]),
    ):
        file = written(tmp_path, own, name)
        report = json.loads(told(request, "--overlay", file, "--json")[1])
        assert report["result"]["max_tokens"] == 30
        rule = report["rules"]["field.max_tokens"]
        assert (rule["layer"], rule["lines"]) == (file, lines)


def test_it_happens_at_the_moment_that_is_asked_for(told: Any, tmp_path: Path) -> None:
    answer = ROOT / "mappings" / NAME / "cases/answer-text/upstream-response.json"
    _, said, _ = told(str(answer), "--now", "1700000000", "--json")
    assert json.loads(said)["result"]["created"] == 1700000000


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_that_matters_is_cut(width: int, told: Any, tmp_path: Path) -> None:
    request = written(tmp_path, {**REQUEST, "user": "u" * 90})
    _, narrow, _ = told(request, width=width)
    assert all(len(line) <= width for line in narrow.split("\n") if "files below" not in line)
    assert "…" not in narrow
    _, wide, _ = told(request, "--wide", width=80)
    assert "u" * 90 in wide


def test_what_does_nothing_in_the_tables_asked_for_is_told_beside(
    told: Any, tmp_path: Path
) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(REQUEST))
    idle = "[request.accept]\nuser = { range = [0, 2] }\n"
    (tmp_path / "own.toml").write_text(idle)
    folder = tmp_path / "mine" / NAME
    folder.mkdir(parents=True)
    (folder / "request.toml").write_text(idle.replace("request.", ""))
    for way, file in (("--overlay", "own.toml"), ("--dir", "mine")):
        code, out, err = told(str(request), way, str(tmp_path / file), "--json")
        assert code == 0 and json.loads(out)
        (line,) = [line for line in err.splitlines() if line.startswith("warning: ")]
        assert line.endswith("toml:2: accept.user.range: never acts: user is string")


def test_places_that_are_in_no_folder_share_none(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([{"why": "refused", "file:line": "alias small:4"}], as_json=False)
    assert "files below" not in capsys.readouterr().out
