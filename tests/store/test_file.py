"""What is told of a resources file: what of it serves, and why none of it does."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import OperatorError
from aisix.store.file import FileStore
from aisix.store.opening import open_store

FILE = """
_format_version: "1"
provider_keys:
  - {display_name: prod, provider: openai, api_key: sk-secret-of-it}
models:
  - {display_name: small, provider: openai, model_name: m, provider_key: prod, embedding: {dimensions: 3}}
guardrails:
  - {name: no-names, kind: pii}
cache_policies:
  - {name: short}
"""


def opened(folder: Path, text: str, **more: Any) -> FileStore:
    file = folder / "r.yaml"
    file.write_text(text)
    store = open_store(folder / "data", resources_file=file, **more)
    assert isinstance(store, FileStore)
    return store


def test_what_serves_is_told_with_the_digest_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = opened(tmp_path, FILE)
    assert store.config_state().state == "never_loaded"
    store.reload()
    page = store.config_state().shown(1e9)
    digest = hashlib.sha256(FILE.encode()).hexdigest()
    assert page["source"]["source_hash"] == page["applied"]["config_hash"] == digest
    assert page["state"] == "synced" and page["last_failure"] is None
    assert page["applied"]["resource_counts"] == {
        "cache_policies": 1,
        "guardrails": 1,
        "models": 1,
        "provider_keys": 1,
    }
    assert page["moved_in"] == {
        "ignored": [{"where": "models", "field": "embedding.dimensions", "count": 1}],
        "not_served": {"cache_policies": 1, "guardrails": 1},
    }
    store.reload()
    again = open_store(tmp_path / "data", resources_file=tmp_path / "r.yaml")  # another process
    assert again.config_state().shown(1e9)["applied"] == page["applied"]
    assert "sk-secret" not in json.dumps(page)
    for one in (store, again):
        one.close()


def test_a_file_that_is_refused_leaves_what_serves_and_says_where(tmp_path: Path) -> None:
    store = opened(tmp_path, FILE)
    store.reload()
    good = store.config_state().record.config_hash
    bad = FILE.replace("kind: pii", "kind: sk-secret-kind").replace("model_name: m", "colour: m")
    (tmp_path / "r.yaml").write_text(bad)
    for _ in range(2):
        with pytest.raises(OperatorError):
            store.reload()
    page = store.config_state().shown(1e9)
    assert page["state"] == "out_of_sync" and page["applied"]["config_hash"] == good
    assert page["source"]["source_hash"] == hashlib.sha256(bad.encode()).hexdigest()
    found = {(one["resource_kind"], one["resource_id"]) for one in page["rejected"]}
    assert found == {("guardrails", "guardrails[0]"), ("models", "models[0]")}
    assert "sk-secret" not in json.dumps(page)
    (tmp_path / "r.yaml").unlink()
    with pytest.raises(OperatorError):
        store.reload()
    assert store.config_state().shown(1e9)["last_failure"]["last_error_kind"] == "fetch"
    (tmp_path / "r.yaml").write_text(FILE)
    store.reload()
    page = store.config_state().shown(1e9)
    assert page["state"] == "synced" and page["rejected"] == []
    assert page["last_failure"]["last_error_kind"] == "fetch"  # stays
    store.close()


def test_who_must_not_run_unguarded_has_the_whole_file_refused(tmp_path: Path) -> None:
    store = opened(tmp_path, FILE, refuse=True)
    with pytest.raises(OperatorError, match=r"r.yaml:\d+: guardrails: is not enforced here"):
        store.reload()
    assert store.config_state().state == "never_loaded"
    (tmp_path / "r.yaml").write_text(FILE.replace("guardrails:", "claim_mappings:"))
    store.reload()
    assert store.config_state().state == "synced"
    store.close()
