"""The original's resources file: what it holds here, and every fault of it at once."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import yaml

from aisix.errors import OperatorError
from aisix.movein.declared import kinds, kinds_in_files
from aisix.movein.resources import id_of
from aisix.store import yaml_document
from aisix.store.batch import ImportItem

ENV = {"KEY": "sk-1234", "CALLER": "caller-key", "EMPTY": "", "REF": "${X}"}
GOOD: dict[str, Any] = {
    "_format_version": "1",
    "provider_keys": [{"display_name": "prod", "provider": "openai", "api_key": "${KEY}"}],
    "models": [
        {"display_name": "small", "provider": "openai", "model_name": "m", "provider_key": "prod"}
    ],
    "api_keys": [{"display_name": "ci", "key_env": "CALLER", "allowed_models": ["small", "x*"]}],
}

NO_MODEL = dict.fromkeys(("provider", "model_name", "provider_key"), "(left out)")


def changed(section: str, **fields: Any) -> dict[str, Any]:
    first = {**GOOD.get(section, [{}])[0], **fields} if section in GOOD else fields
    return {**GOOD, section: [{k: v for k, v in first.items() if v != "(left out)"}]}


def read(document: Any) -> tuple[list[ImportItem], yaml_document.Lines]:
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    return yaml_document.read(text, "r.yaml", ENV)


def complaints(document: Any) -> str:
    with pytest.raises(OperatorError) as caught:
        read(document)
    return str(caught.value)


def test_ids_names_and_secrets() -> None:
    items, lines = read(GOOD)
    key, model, caller = items
    assert (key.kind, key.id) == ("provider_keys", id_of("provider_keys", "prod"))
    assert key.body["secret"] == "sk-1234"
    assert model.body["provider_key_id"] == key.id and "provider_key" not in model.body
    assert (caller.kind, caller.id) == ("apikeys", id_of("api_keys", "ci"))
    assert caller.body["key_hash"] == hashlib.sha256(b"caller-key").hexdigest()
    assert not lines.not_served and not any(one.lost for one in lines.said)
    # Of the namespace of the original: counters by id go on.
    assert id_of("models", "small") == "560b4e6b-f8d4-51a4-a2ed-c46d073e70ec"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({**GOOD, "_format_version": 1}, '_format_version: must be the text "1"'),
        ({**GOOD, "_format_version": "2"}, '_format_version: must be the text "1"'),
        ({**GOOD, "modles": []}, "modles: unknown section"),
        ({**GOOD, "models": {}}, "models: must be a list"),
        ({**GOOD, "models": ["a"]}, "models[0]: must be an object"),
        (changed("models", id="a"), "models[0].id: is made of kind and name"),
        (changed("models", display_name="(left out)"), "models[0].display_name: required: a name"),
        (changed("api_keys", display_name="(left out)"), "api_keys[0].display_name: required"),
        ({**GOOD, "models": [{**GOOD["models"][0]}, {**GOOD["models"][0]}]}, "models[1].display_name: is that of models[0] too"),
        (changed("models", provider_key="other"), "no provider key of this file has this"),
        (changed("models", provider_key_id="x"), "provider_key: not beside provider_key_id"),
        (changed("models", provider_key="(left out)", provider_key_id="x"), "is no id that follows from"),
        (changed("api_keys", key_env="EMPTY"), "variable EMPTY is not set, is empty"),
        (changed("api_keys", key_env="REF"), "variable REF is not set, is empty or holds"),
        (changed("api_keys", key_hash="a" * 64), "key_env: not beside key_hash"),
        (changed("api_keys", allowed_models=["gone"]), "allowed_models[0]: no model of this file"),
        (changed("models", **{**NO_MODEL, "routing": {"targets": [{"model": "gone"}]}}), "routing.targets[0].model: no model"),
        (changed("models", **{**NO_MODEL, "retries": 1, "routing": {"targets": []}}), "retries: does nothing in a group"),
        (changed("models", colour=1), "models[0].colour: unknown field"),
        (changed("models", cooldown={"colour": 1}), "models[0].cooldown.colour: unknown field"),
        (changed("provider_keys", api_key="${GONE}"), "variable GONE is not set, or empty"),
        (changed("provider_keys", api_key="${EMPTY}"), "variable EMPTY is not set, or empty"),
        (changed("provider_keys", api_key="${1}"), "expected ${NAME}; for a plain $ write $$"),
        (changed("guardrails", name="g", kind="magic"), "guardrails[0].kind: must be one of"),
        (changed("mcp_servers", url="g"), "mcp_servers[0].display_name: required: a name"),
        ({**GOOD, "a2a_agents": [{"name": "a"}, {"display_name": "a"}]}, "a2a_agents[1].display_name: is that of a2a_agents[0] too"),
        (changed("guardrails", name="g", kind="pii", id="x"), "guardrails[0].id: is made of kind and name"),
        (changed("models", provider_key="(left out)", provider_key_id=["x"]), "is no id that follows from"),
        (changed("provider_keys", api_key="${model}"), "variable model is not set, or empty"),
        (changed("mcp_policies", name="g"), "mcp_policies: unknown section (known: provider_keys,"),
        (changed("guardrail_attachments", name="g"), "guardrail_attachments: unknown section"),
        ("_format_version: '1'\nmodels: &a []\n", "anchors and references are not read"),
        ("_format_version: '1'\nmodels: []\nmodels: []\n", "is there twice"),
        ("_format_version: '1'\nmodels: [\n", "not valid YAML"),
    ],
)  # fmt: skip
def test_each_fault_is_told_with_its_line(document: Any, text: str) -> None:
    told = complaints(document)
    assert text in told and told.startswith("r.yaml:")
    assert "sk-1234" not in told and "caller-key" not in told


def test_all_faults_at_once() -> None:
    document = changed("models", colour=1, provider_key="other")
    assert len(complaints({**document, "x": []}).splitlines()) == 3


@pytest.mark.parametrize(
    "kind", [name for name, rows in kinds_in_files().items() if not rows.served]
)
def test_a_kind_that_is_not_served_is_counted_and_named(kind: str) -> None:
    rows = kinds()[kind]
    entry = {name: values[0] for name, values in rows.values.items()}
    if rows.named:
        entry[rows.named] = "mine"
    items, lines = read({**GOOD, kind: [entry]})
    assert len(items) == 3 and sum(lines.not_served.values()) == 1
    [said] = [one for one in lines.said if one.lost]
    assert said.name == kind and ("mine" in said.why) == bool(rows.named)
    assert ("NOT enforced" in said.why) == rows.restricts


def test_values_are_read_by_the_core_rules_of_yaml_1_2() -> None:
    text = (
        "_format_version: '1'\nprovider_keys:\n- {display_name: yes, provider: openai,"
        " api_key: 'a$$b$c'}\n"
        "models:\n- {display_name: 1:30, provider: openai, model_name: 1_000, provider_key: yes,"
        " timeout: 010}\napi_keys: null\n"
    )
    [key, model], _ = read(text)
    assert (key.body["display_name"], key.body["secret"]) == ("yes", "a$b$c")
    assert (model.body["display_name"], model.body["model_name"]) == ("1:30", "1_000")
    assert model.body["timeout"] == 10


def test_a_file_of_ours_is_read_as_before() -> None:
    items, lines = read("models: []\napikeys: []\n")
    assert items == [] and lines.said == []
    with pytest.raises(OperatorError, match="missing mandatory _format_version"):
        yaml_document.read("models: []\n", "r.yaml", ENV, theirs=True)


def test_a_name_is_read_by_the_same_rules_as_a_value() -> None:
    text = (
        "models: null\nprovider_keys:\n- display_name: prod\n  provider: openai\n  api_key: =\n"
        "  request: {default_headers: {on: a}}\n'_format_version': \"1\"\n"
    )
    [key], _ = read(text)
    assert (key.body["secret"], key.body["default_headers"]) == ("=", {"on": "a"})
    assert len(read('{"_format_version": "1", "models": []}')[0]) == 0
