"""What became of the configuration, as `/status/config` and metrics tell it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from aisix.movein.declared import DIFFERENT, SAME, TheirSaid
from aisix.store.config_state import (
    ConfigState,
    LoadRecord,
    Rejected,
    canonical,
    hash_of,
    of_snapshot,
    rejected_rows,
)
from aisix.store.snapshot import Entry, Quarantined, Snapshot

BAD = Rejected("models", "b", "schema_failed", "display_name: too short", 100.0)
STALE = Rejected("api_keys", "a", "non_json", "it is not JSON", 90.0, 95.0)


def loaded(*rejected: Rejected, counts: dict[str, int] | None = None) -> ConfigState:
    record = LoadRecord(source_hash="s" * 64, observed_at=120.0)
    record.applied("c" * 64, {"models": 1} if counts is None else counts, 110.0)
    record.judged([(one.error_kind, one.error) for one in rejected], 111.0, reload=True)
    return ConfigState("etcd", record, rejected, True, True, 9, 7)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (ConfigState("etcd", LoadRecord(), ready=False, connected=False), "never_loaded"),
        (loaded(), "synced"),
        (loaded(BAD), "degraded"),
        (loaded(BAD, counts={}), "out_of_sync"),
        (loaded(counts={}), "empty"),
        (ConfigState("file", LoadRecord(counts={"models": 1}, whole=True)), "out_of_sync"),
    ],
)
def test_the_state_is_one_word(found: ConfigState, state: str) -> None:
    assert found.state == found.shown(200.0)["state"] == state


def test_what_is_not_known_is_absent_and_a_failure_is_null() -> None:
    page = ConfigState("etcd", LoadRecord(), ready=False, connected=False).shown(1.0)
    assert page == {
        "state": "never_loaded",
        "source": {"type": "etcd", "connected": False},
        "last_failure": None,
        "rejected": [],
        "partially_compatible": [],
        "moved_in": {"ignored": [], "not_served": {}},
    }
    file = ConfigState("file", loaded().record).shown(1.0)
    assert set(file["source"]) == {"type", "source_hash", "observed_at"}
    assert "applied_revision" not in file["applied"]


def test_a_page_has_everything_that_was_read_and_refused() -> None:
    page = loaded(BAD, STALE).shown(200.0)
    assert page["source"] == {
        "type": "etcd",
        "connected": True,
        "observed_revision": 9,
        "source_hash": "s" * 64,
        "observed_at": "1970-01-01T00:02:00Z",
    }
    assert page["applied"] == {
        "applied_revision": 7,
        "config_hash": "c" * 64,
        "apply_seq": 1,
        "applied_at": "1970-01-01T00:01:50Z",
        "resource_counts": {"models": 1},
    }
    assert page["last_reload"] == {"successful": False, "at": "1970-01-01T00:01:51Z"}
    assert page["last_failure"]["last_error_kind"] == "schema_failed"
    stale, bad = page["rejected"]  # by kind, then id
    assert (bad["resource_kind"], bad["resource_id"]) == ("models", "b")
    assert bad["last_seen_at"] == "1970-01-01T00:02:00Z" and "serving_stale_since" not in bad
    assert stale["first_seen_at"] == "1970-01-01T00:01:30Z"
    assert stale["serving_stale_since"] == "1970-01-01T00:01:35Z"
    assert stale["serving_stale_age_seconds"] == 105


def test_a_sequence_moves_with_the_hash_alone_and_a_failure_stays() -> None:
    record = LoadRecord.decoded(loaded(BAD).record.encoded())
    record.applied("c" * 64, {"models": 2, "api_keys": 0}, 300.0)
    record.judged([], 300.0)
    assert (record.apply_seq, record.applied_at, record.counts) == (1, 110.0, {"models": 2})
    assert record.successful and record.failure is not None and record.failure[0] == 111.0
    record.applied("d" * 64, {}, 301.0)
    assert (record.apply_seq, record.former_hash) == (2, "c" * 64)
    record.unreachable("cannot be reached", 302.0)
    assert record.failure == (302.0, "fetch", "cannot be reached")
    assert (record.reloads, record.failures) == (2, {"validate": 1, "fetch": 1})
    assert LoadRecord.decoded(b"{") == LoadRecord()


def test_numbers_fall_back_to_nought_and_only_an_etcd_has_revisions() -> None:
    numbers = loaded(BAD, STALE).numbers()
    assert numbers["aisix_config_rejected_resources", "models"] == 1.0
    assert numbers["aisix_config_stale_served_resources", "models"] == 0.0
    assert numbers["aisix_config_stale_served_resources", "api_keys"] == 1.0
    assert numbers["aisix_config_last_reload_successful",] == 0.0
    assert numbers["aisix_config_source_connected",] == 1.0
    assert numbers["aisix_config_hash_info", "c" * 64] == 1.0
    assert numbers["aisix_config_not_served", "guardrails"] == 0.0
    assert ("aisix_config_not_served", "models") not in numbers
    file = ConfigState("file", loaded().record).numbers()
    assert file["aisix_config_rejected_resources", "models"] == 0.0
    assert not {"aisix_config_source_connected", "aisix_config_applied_revision"} & {
        key[0] for key in file
    }


def test_what_does_nothing_here_is_one_list() -> None:
    found = loaded()
    found.record.ignored = [("api_keys", "jwt_provider", 3)]
    found.record.partial = [("models", "colour", 1)]
    found.record.not_served = {"guardrails": 2}
    said = (
        TheirSaid("c.yaml:3", "cache.backend", DIFFERENT, "", "why"),
        TheirSaid("c.yaml:4", "proxy.addr", SAME),
    )
    assert found.moved_in(said) == {
        "ignored": [
            {"where": "api_keys", "field": "jwt_provider", "count": 3},
            {"where": "c.yaml:3", "field": "cache.backend", "count": 1},
            {"where": "models", "field": "colour", "count": 1},
        ],
        "not_served": {"guardrails": 2},
    }
    assert found.shown(1.0)["partially_compatible"] == [
        {"resource_kind": "models", "field": "colour", "count": 1}
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"b": [1, {"z": None, "a": "é\u2028\x01"}], "a": 1.5},
        {"n": 1e-7, "m": 1e16, "o": -3, "p": True},
        [],
        "text",
    ],
)
def test_values_are_hashed_in_one_spelling(value: Any) -> None:
    spelled = json.dumps(value, indent=2, ensure_ascii=True).encode()
    other = json.dumps(value, sort_keys=True, ensure_ascii=False).encode()
    assert canonical(spelled) == canonical(other)
    assert b"\n" not in canonical(spelled)


def test_a_hash_is_of_keys_and_values_as_the_original_takes_it() -> None:
    whole = b'/a/models/x\x00{"a":1e-7,"b":"\xc3\xa9"}\n/a/models/y\x00{no json\n'
    lines = [
        (b"/a/models/x", canonical(b'{"b": "\\u00e9", "a": 1e-7}')),
        (b"/a/models/y", canonical(b"{no json")),
    ]
    assert hash_of(lines) == hashlib.sha256(whole).hexdigest()


def test_a_store_of_its_own_serves_what_it_holds() -> None:
    document = {"display_name": "k", "provider": "p"}
    entry = Entry("provider_keys", "k", 1, 3, 100, 160, document, "sk-secret")
    snapshot = Snapshot([entry], 3)
    page = of_snapshot(snapshot).shown(200.0)
    assert page["state"] == "synced" and page["source"]["type"] == "sqlite"
    assert page["applied"]["config_hash"] == page["source"]["source_hash"]
    assert page["applied"]["applied_at"] == "1970-01-01T00:02:40Z"
    assert "sk-secret" not in json.dumps(page)
    other = Snapshot([Entry("provider_keys", "k", 1, 4, 100, 160, document, "sk-other")], 4)
    assert of_snapshot(other).record.config_hash != page["applied"]["config_hash"]
    bad = Quarantined("models", "m", 2, "it is not JSON: no", serves=True, since=150)
    [row] = rejected_rows([bad])
    assert (row.kind, row.error_kind, row.stale_since) == ("models", "non_json", 150.0)
    assert of_snapshot(Snapshot([entry], 3, (bad,))).state == "degraded"
    assert of_snapshot(Snapshot([], 0)).state == "empty"
