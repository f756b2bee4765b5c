"""A new kind is one declaration: teams, of tests/admin/teams.py, wherever a kind is met."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aisix.cli.main import main
from aisix.store.kinds.registry import KINDS
from tests.admin.teams import TEAMS
from tests.admin.test_docs import table_of
from tests.running import Answer, Running, send

TOKEN = "token-of-the-webhook-wxyz"
KEY = {"display_name": "prod", "provider": "anthropic", "secret": "sk-1234567890abcdef"}

Shell = Callable[..., Any]


@pytest.fixture
def shell(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """`aisix` with teams, for that gateway: what it printed, on both ways out."""

    def call(*words: str, code: int = 0) -> str:
        monkeypatch.setenv("T", TOKEN)
        with KINDS.adding(TEAMS):
            found = main([*words, "--config", str(running.folder / "config.yaml")])
        said = "".join(capsys.readouterr())
        assert found == code, said
        return said

    return call


def fault(answer: Answer, status: int, code: str, path: str = "") -> str:
    """It is this refusal, about this field; what is said of it."""
    assert answer.status == status, answer.body
    assert answer.error["code"] == code
    faults = {one["path"]: str(one["message"]) for one in answer.error.get("faults", ())}
    return faults[path] if path else str(answer.error["message"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("teams")
    with Running(folder, workers=2, program=("tests.admin.teams",)) as gateway:
        yield gateway
        assert not gateway.bugs


@pytest.fixture
def gateway(running: Running) -> Iterator[Running]:
    """With the provider key `key` and its model `m`, which is called small."""
    assert running.admin("PUT", "provider_keys/key", KEY).status == 201
    model = {"display_name": "small", "provider": "anthropic", "model_name": "x"}
    assert running.admin("PUT", "models/m", {**model, "provider_key_id": "key"}).status == 201
    yield running
    running.admin("DELETE", "provider_keys/key?cascade=true")
    assert running.admin("GET", "teams").json["total"] == 0


def team(**more: Any) -> dict[str, Any]:
    return {"display_name": "search", "model_id": "m", **more}


def test_it_is_created_read_listed_searched_changed_and_deleted(gateway: Running) -> None:
    whole = team(members=["ann", "bob", "ann"], monthly_budget=250.5, webhook_token=TOKEN)
    made = gateway.admin("POST", "teams", whole)
    assert made.status == 201
    path = f"teams/{made.json['id']}"
    assert made.headers["location"] == f"/admin/v1/{path}"
    value = {
        "display_name": "search",
        "description": None,
        "members": ["ann", "bob"],
        "monthly_budget": 250.5,
        "webhook_token": "****wxyz",
        "model_id": "m",
    }
    assert list(made.json["value"].items()) == list(value.items())
    assert gateway.admin("GET", path).json == made.json
    assert gateway.admin("GET", path.replace("teams", "crews")).json == made.json
    gateway.admin("PUT", "teams/second", team(display_name="second"))
    assert [i["id"] for i in gateway.admin("GET", "teams?limit=1").json["items"]] == [
        made.json["id"]
    ]
    found = gateway.admin("GET", "teams?display_name=second").json
    assert [i["id"] for i in found["items"]] == ["second"]
    assert found["items"][0]["value"]["members"] == []
    told = fault(gateway.admin("GET", "teams?members=ann"), 400, "bad_request")
    assert told.endswith("limit, cursor, min_revision, shape, display_name")
    merged = gateway.admin("PATCH", path, {"description": "finds", "monthly_budget": None})
    assert merged.json["value"] == {**value, "description": "finds", "monthly_budget": None}
    assert gateway.admin("GET", "status").json["resources"]["teams"] == 2
    assert gateway.admin("DELETE", path).json == {"deleted": True, "id": made.json["id"]}
    fault(gateway.admin("GET", path), 404, "not_found")
    told_of = [(a["action"], a["changed"]) for a in gateway.audits if a["id"] == made.json["id"]]
    fields = ["display_name", "members", "model_id", "monthly_budget", "webhook_token"]
    assert told_of == [
        ("create", fields),
        ("merge", ["description", "monthly_budget"]),
        ("delete", []),
    ]


def test_every_fault_is_told_with_the_callers_path(gateway: Running) -> None:
    wrong = {"members": ["ann", 5, ""], "monthly_budget": -1, "descripton": "x", "model": "nobody"}
    answer = gateway.admin("POST", "teams", {**wrong, "webhook_token": "****wxyz"})
    assert answer.status == 400
    assert [(one["path"], one["message"]) for one in answer.error["faults"]] == [
        ("descripton", 'unknown field (did you mean "description"?)'),
        ("display_name", "required"),
        ("members[1]", "must be a string, not a number"),
        ("members[2]", "must not be empty"),
        ("model", "no model has this display_name"),
        ("monthly_budget", "must be from 0 to 1000000000"),
        ("webhook_token", "is the masked hint that a read shows, not a secret"),
    ]
    assert gateway.admin("GET", "teams").json["total"] == 0


def test_what_it_refers_to_must_be_there_and_stays(gateway: Running) -> None:
    told = fault(gateway.admin("POST", "teams", team(model_id="gone")), 400, "invalid", "model_id")
    assert told == "no model has this id"
    by_name = {"display_name": "search", "model": "small"}
    made = gateway.admin("PUT", "teams/t", by_name)
    assert made.json["value"]["model_id"] == "m"
    told = fault(gateway.admin("POST", "teams", by_name), 409, "conflict", "display_name")
    assert told == "is taken by the team t"
    told = fault(gateway.admin("DELETE", "models/m"), 409, "conflict")
    assert told == "still used by the teams search; delete them first, or with ?cascade=true"
    gone = gateway.admin("DELETE", "provider_keys/key?cascade=true").json
    assert gone["cascaded"] == [{"kind": "teams", "id": "t"}, {"kind": "models", "id": "m"}]


def test_its_secret_is_kept_hidden_and_can_be_taken_away(gateway: Running) -> None:
    gateway.admin("PUT", "teams/t", team(webhook_token=TOKEN))
    shown = gateway.admin("GET", "teams/t").json["value"]
    assert gateway.admin("PUT", "teams/t", shown).json["value"]["webhook_token"] == "****wxyz"
    assert gateway.admin("PUT", "teams/t", team()).json["value"]["webhook_token"] == "****wxyz"
    for file in (gateway.folder / "data").iterdir():
        assert TOKEN.encode() not in file.read_bytes(), file
    assert TOKEN not in gateway.log
    without = gateway.admin("PATCH", "teams/t", {"webhook_token": None})
    assert without.json["value"]["webhook_token"] is None
    assert gateway.audits[-1]["changed"] == ["webhook_token"]
    gateway.restart()
    assert gateway.admin("GET", "teams/t").json["value"] == without.json["value"]


def test_it_is_in_the_openapi_document_and_answers_as_that_says(gateway: Running) -> None:
    document = send(gateway.admin_port, "GET", "/admin/openapi.json").json
    assert {"get", "post"} <= document["paths"]["/admin/v1/teams"].keys()
    assert {"get", "put", "patch", "delete"} <= document["paths"]["/admin/v1/teams/{id}"].keys()
    assert "/admin/v1/teams/{id}/rotate" not in document["paths"]
    assert (
        "`/admin/v1/crews` is another name of `/admin/v1/teams`" in document["info"]["description"]
    )
    schemas = document["components"]["schemas"]
    assert schemas["Team"]["required"] == ["display_name"]
    assert schemas["Team"]["properties"]["monthly_budget"] == {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 10**9,
        "description": "what it may spend",
    }
    made = gateway.admin("PUT", "teams/t", team(webhook_token=TOKEN)).json
    whole = {"$ref": "#/components/schemas/TeamEnvelope", "components": document["components"]}
    Draft202012Validator(whole).validate(made)
    page = send(gateway.admin_port, "GET", "/admin/docs").body.decode()
    assert '<h3 id="Team">' in page and "what it may spend" in page


def test_the_command_line_has_a_noun_for_it(gateway: Running, shell: Shell) -> None:
    shell("teams", "create", "search", "--model", "small", "--member", "ann", "--member", "bob",
          "--budget", "12.5", "--token-env", "T")  # fmt: skip
    [item] = json.loads(shell("teams", "list", "--json"))
    assert item["value"] == {
        "display_name": "search",
        "description": None,
        "members": ["ann", "bob"],
        "monthly_budget": 12.5,
        "webhook_token": "****wxyz",
        "model_id": "m",
    }
    head, _, row = shell("teams", "list").splitlines()
    assert head.split() == ["id", "name", "members", "budget", "model", "created"]
    assert re.split(r" {2,}", row)[1:5] == ["search", "ann, bob", "12.5", "small"]
    shell("teams", "set", "search", "--field", "description=finds things")
    assert "finds things" in shell("teams", "show", "search")
    told = shell("models", "delete", "small", code=1)
    assert "still used by the teams search" in told
    assert "deleted teams/" in shell("teams", "delete", "search")


def test_it_goes_through_a_resources_file(gateway: Running, shell: Shell, tmp_path: Path) -> None:
    gateway.admin("PUT", "teams/t", team(webhook_token=TOKEN, members=["ann"]))
    file = tmp_path / "resources.yaml"
    hidden = shell("export")
    assert TOKEN not in hidden and "webhook_token: ${SECRET_T}" in hidden
    shell("export", "--secrets", "--output", str(file))
    before = gateway.admin("GET", "teams/t").json["value"]
    gateway.admin("DELETE", "provider_keys/key?cascade=true")
    shell("import", str(file))
    assert gateway.admin("GET", "teams/t").json["value"] == before
    assert "3 unchanged" in shell("import", str(file))

    file.write_text("crews:\n  - display_name: search\n    model: nobody\n    member: ann\n")
    said = shell("validate", str(file), code=1)
    assert f"{file}:3: crews[0].model: no model has this display_name" in said
    assert f'{file}:4: crews[0].member: unknown field (did you mean "members"?)' in said


def test_it_serves_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "resources.yaml"
    model = {"display_name": "small", "provider": "anthropic", "model_name": "x"}
    content: dict[str, Any] = {
        "teams": [{"display_name": "search", "model": "small", "webhook_token": "${T}"}],
        "models": [{**model, "provider_key": "prod"}],
        "provider_keys": [KEY],
    }
    file.write_text(json.dumps(content))
    more = {"resources_file": str(file)}
    folder, program = tmp_path / "gateway", ("tests.admin.teams",)
    with Running(folder, more, {"T": TOKEN}, program=program) as gateway:
        [item] = gateway.admin("GET", "teams").json["items"]
        assert (item["id"], item["value"]["model_id"]) == ("search", "small")
        assert item["value"]["webhook_token"] == "****wxyz"
        assert fault(gateway.admin("DELETE", "teams/search"), 409, "read_only")
        for kept in (folder / "data").iterdir():
            assert TOKEN.encode() not in kept.read_bytes(), kept


def test_it_has_a_table_for_the_documentation() -> None:
    rows = table_of(TEAMS).splitlines()
    assert "| `monthly_budget` | number | what it may spend | `250.5` |" in rows
    assert any(
        row.startswith("| `model_id` | id; required, or `model`; of `models` |") for row in rows
    )


def test_it_is_gone_when_nobody_declares_it_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    with KINDS.adding(TEAMS):
        assert KINDS.names == ("provider_keys", "models", "apikeys", "teams")
    assert KINDS.names == ("provider_keys", "models", "apikeys")
    with pytest.raises(SystemExit):
        main(["teams", "list"])
    assert "invalid choice: 'teams'" in capsys.readouterr().err
