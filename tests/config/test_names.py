"""What is said of a setting's name that is not known, from the file and from the environment."""

from __future__ import annotations

from typing import Any

from aisix.config import names
from aisix.errors import Complaint

KNOWN = {"workers", "proxy.addr", "proxy.max_in_flight", "a.b.c", "a.d"}


def flattened(given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    complaints: list[Complaint] = []
    where = "config.yaml:{}".format
    flat = names.flatten(given, KNOWN, where, complaints)
    return flat, [str(one) for one in complaints]


def test_sections_may_be_nested_or_dotted_or_empty() -> None:
    assert flattened({"proxy": {"addr": "a"}, "workers": 2}) == (
        {"proxy.addr": "a", "workers": 2},
        [],
    )
    assert flattened({"proxy.addr": "a", "proxy": None}) == ({"proxy.addr": "a"}, [])
    deep = {"a": {"b": {"c": 1}, "d": 2}}, {"a.b": {"c": 1}, "a": {"d": 2}}, {"a.b.c": 1, "a.d": 2}
    assert all(flattened(one) == ({"a.b.c": 1, "a.d": 2}, []) for one in deep)


def test_an_unknown_name_is_told_with_what_it_may_have_meant() -> None:
    for given, hint in (
        ({"proxy": {"adr": 1}}, 'did you mean "proxy.addr"?'),
        ({"proxi": {}}, 'did you mean "proxy"?'),
        ({"wokers": 1}, 'did you mean "workers"?'),
        ({"a": {"b": {"cc": 1}}}, 'did you mean "a.b.c"?'),
    ):
        flat, (said,) = flattened(given)
        assert flat == {} and "unknown setting" in said and hint in said
    _, (said,) = flattened({"quite_other": 1})
    assert "did you mean" not in said


def test_a_section_that_is_a_value_is_told() -> None:
    assert flattened({"proxy": 8080})[1] == [
        "config.yaml:proxy: proxy: expected names and values below it"
    ]
    assert "expected names and values" in flattened({"a": {"b": 1}})[1][0]


def test_of_the_environment_only_names_with_a_section_are_ours() -> None:
    env = {"AISIX_WORKERS": "2", "AISIX_HOME": "/", "PATH": "/", "AISIX_PROXY__ADDR": "a"}
    assert names.unknown_variables(env, KNOWN) == []
    assert names.unused_variables({**env, "AISIX_CONFIG": "f"}, KNOWN) == ["AISIX_HOME"]
    (told,) = names.unknown_variables({"AISIX_PROXY__ADR": "a"}, KNOWN)
    assert "AISIX_PROXY__ADDR" in str(told)
