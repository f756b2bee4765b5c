"""The record of what was read has an end, whatever stands there."""

from __future__ import annotations

from aisix.store.config_state import MOST_FIELDS, LoadRecord
from aisix.store.etcd.judge import IGNORED, Judge
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.observed import Observed
from aisix.store.etcd.report import LoadReport
from aisix.store.etcd.unserved import UnservedKinds
from tests.store.etcd.following import keyring


def test_fields_that_are_passed_over_have_a_most() -> None:
    layout, judge = Layout("/a"), Judge(keyring())
    names = [f"field_{n}" for n in range(MOST_FIELDS + 5)]
    judge.partial["models", "m"] = tuple(f"{mark}{n}" for mark in ("", IGNORED) for n in names)
    report = LoadReport("", Observed(layout, {}), judge, UnservedKinds(layout))
    record = LoadRecord.decoded(report.told(1.0))
    assert len(record.partial) == len(record.ignored) == MOST_FIELDS
    assert record.partial_documents == {"models": 1}
