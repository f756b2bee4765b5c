"""Documents of kinds that aisix does not serve: looked at, counted, told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aisix.store.config_state import NOT_ENFORCED
from aisix.store.etcd.layout import Layout
from aisix.store.etcd.observed import Seen
from aisix.store.etcd.unserved import UnservedKinds

WORD = {"name": "no-names", "kind": "keyword", "secret_word": "hidden-in-it"}


def found(refuse: bool = False, **documents: Any) -> UnservedKinds:
    """{"guardrails/a": document}, the older ones first."""
    kinds = UnservedKinds(Layout("/a"), refuse)
    for number, (name, document) in enumerate(documents.items(), 1):
        value = document if isinstance(document, bytes) else json.dumps(document).encode()
        kinds.put(b"/a/" + name.encode(), Seen(number, number, value))
    return kinds


def test_they_are_counted_and_those_that_restrict_are_told_apart() -> None:
    kinds = found(
        **{
            "guardrails/1": WORD,
            "guardrails/2": {**WORD, "name": "no-words"},
            "cache_policies/1": {"name": "short"},
            "guardrail_attachments/1": {"guardrail_id": "1", "scope_type": "env"},
            "mcp_servers/a/b": {"name": "tools"},
        }
    )
    told = kinds.judged()
    assert told.counts == {
        "guardrails": 2,
        "cache_policies": 1,
        "guardrail_attachments": 1,
        "mcp_servers": 1,
    }
    assert not told.refused
    assert told.unguarded == [
        "1 guardrail_attachments is stored and NOT enforced",
        "2 guardrails are stored and NOT enforced: no-names, no-words",
    ]
    assert told.others == [
        "1 cache_policies is stored and not served: short",
        "1 mcp_servers is stored and not served: tools",
    ]
    kinds.gone(b"/a/guardrails/1")
    kinds.gone(b"/a/guardrails/never-seen")
    assert kinds.judged().counts["guardrails"] == 1


@pytest.mark.parametrize(
    ("name", "document", "error_kind", "said"),
    [
        ("guardrails/x", {**WORD, "kind": "hidden-kind"}, "schema_failed", "kind: must be one of"),
        ("guardrails/x", {"kind": "pii"}, "schema_failed", "name: required: a name"),
        ("mcp_servers/x", {"url": "hidden-in-it"}, "schema_failed", "display_name: required"),
        ("cache_policies/x", ["hidden-in-it"], "schema_failed", "no object"),
        ("cache_policies/x", b"{hidden-in-it", "non_json", "not JSON"),
        ("lamps/x", {"name": "hidden-in-it"}, "unknown_kind", "no such kind"),
        ("hidden-in-it", {"name": "a"}, "bad_key", "its key"),
        ("models-of-nobody/", {"name": "a"}, "bad_key", "its key"),
    ],
)
def test_one_that_does_not_fit_is_refused_without_a_value_of_it(
    name: str, document: Any, error_kind: str, said: str
) -> None:
    told = found(**{name: document, "guardrails/good": WORD}).judged()
    assert told.counts == {"guardrails": 1}
    ((_, id, kind, text),) = told.refused.values()
    assert (id, kind) == ("" if error_kind == "bad_key" else "x", error_kind)
    assert said in text and "hidden" not in text


def test_of_two_with_one_name_the_older_is_right() -> None:
    kinds = found(**{"guardrails/z": WORD, "guardrails/a": WORD})
    assert kinds.judged().refused == {
        b"/a/guardrails/a": ("guardrails", "a", "schema_failed", "name: is that of z too")
    }
    kinds.gone(b"/a/guardrails/z")
    assert not kinds.judged().refused and kinds.judged().counts == {"guardrails": 1}


def test_who_must_not_run_unguarded_has_what_restricts_refused() -> None:
    told = found(True, **{"guardrails/1": WORD, "cache_policies/1": {"name": "short"}}).judged()
    assert told.counts == {"cache_policies": 1} and not told.unguarded
    ((*_, error_kind, text),) = told.refused.values()
    assert (error_kind, text) == ("schema_failed", NOT_ENFORCED)
