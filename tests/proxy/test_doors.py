"""Which route a URL means, however its base is spelled; whose a URL is that means none."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisix.config.shipped import shipped_mappings
from aisix.errors import OperatorError
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.proxy.doors import EXCHANGE, REFUSED, Doors
from tests.running import CALLER_KEY, Running, send

ANTHROPIC = {"anthropic-version": "2023-06-01"}
WORDS = [{"role": "user", "content": "Hi"}]
BODY = {"model": "claude-prod", "max_tokens": 10, "messages": WORDS}
KEY = {"Authorization": f"Bearer {CALLER_KEY}"}


@pytest.fixture(scope="module")
def mappings() -> Mappings:
    return load_mappings([shipped_mappings()])


@pytest.fixture(scope="module")
def doors(mappings: Mappings) -> Doors:
    return Doors(mappings)


@pytest.fixture
def gateway(either_gateway: Running) -> Running:
    return either_gateway


def spellings(path: str) -> list[str]:
    """Of a route with a version: what people make of a base URL."""
    tail = path.removeprefix("/v1")
    bases = ["", "/v1", "/v1/v1", "/v1/v1/v1", "/", "/v1/", "//v1//", "/v1//v1"]
    return [f"{base}{tail}{end}" for base in bases for end in ("", "/")]


def test_every_declared_route_is_found_in_every_spelling(doors: Doors) -> None:
    assert len(doors.routes) >= 5
    for route in doors.routes:
        headers = (route.header,) if route.header else ()
        behind = "/x" if route.kind == REFUSED else ""  # itself may be another's
        for spelled in spellings(route.path + behind):
            found = doors.find(spelled, headers)
            assert found is not None and found.route == route, spelled
            assert found.path.rstrip("/") == route.path + behind


def test_a_whole_route_that_was_pasted_as_the_base_is_one_spelling(doors: Doors) -> None:
    for exchange in doors.routes:
        for route in doors.routes:
            if route.kind == REFUSED:
                continue
            if exchange.kind == EXCHANGE and exchange.dialect == route.dialect:
                headers = (route.header,) if route.header else ()
                for more in (route.path, route.path.removeprefix("/v1")):
                    found = doors.find(exchange.path + more, headers)
                    assert found is not None and found.route == route


def test_the_base_may_name_the_alias(doors: Doors) -> None:
    for alias, spelled in (
        ("prod", "prod"),
        ("org/prod", "org/prod"),
        ("org/prod", "org%2Fprod"),
        ("chat", "chat"),
        ("chat/completions", "chat/completions"),
        ("ü", "%C3%BC"),
    ):
        found = doors.find(f"/openai/deployments/{spelled}/chat/completions", ())
        assert found is not None
        assert (found.route.path, found.alias) == ("/v1/chat/completions", alias)
    found = doors.find("/openai/deployments/org/prod/models/org%2Fprod", ())
    assert found is not None and (found.alias, found.rest) == ("org/prod", "org/prod")
    for nothing in (
        "/openai/deployments/chat/completions",
        "/openai/deployments//chat/completions",
    ):
        assert doors.find(nothing, ()) is None


def test_what_is_no_spelling_is_not_found(doors: Doors) -> None:
    for path in (
        *("", "/", "/v1", "/v1/", "/v2/chat/completions", "/v1/v1/v1/v1/messages", "/v1/chat"),
        *("/v1/chat%2Fcompletions", "/v1/%63hat/completions", "/V1/messages", "/v1/./messages"),
        *(
            "/v1/../v1/messages",
            "/x/v1/messages",
            "/v1/messages/x",
            "/v1/messages;x",
            "/v1\\messages",
        ),
    ):
        assert doors.find(path, ()) is None, path


@given(
    st.lists(st.sampled_from(["v1", "models", "messages", "openai", "deployments", "%", "é", ""]))
)
def test_any_path_has_an_answer(parts: list[str]) -> None:
    mappings = load_mappings([shipped_mappings()]) if not KNOWN else KNOWN[0]
    KNOWN[:] = [mappings]
    doors = Doors(mappings)
    path = "/" + "/".join(parts)
    found = doors.find(path, ())
    assert found is None or found.route in doors.routes
    assert doors.dialect_of(path, ()) in mappings.callers


KNOWN: list[Mappings] = []  # hypothesis takes no fixture of a module


def test_the_route_it_stands_below_counts_then_the_header_then_the_base_then_the_default(
    doors: Doors,
) -> None:
    for path, headers, dialect in (
        ("/v1/messages", (), "anthropic-messages"),
        ("//v1/%6Dessages/x", (), "anthropic-messages"),
        ("/messages/x", (), "anthropic-messages"),
        ("/v1/v1/messages/x", (), "anthropic-messages"),
        ("/v1/chat/completions/", ("anthropic-version",), "openai-chat"),
        ("/v1/messagesque", (), "openai-chat"),
        ("/v1/files", ("anthropic-version",), "anthropic-messages"),
        ("/anthropic/v1/files", (), "anthropic-messages"),
        ("/openai/deployments/x/files", (), "openai-chat"),
        ("", (), "openai-chat"),
        ("/" * 10_000, (), "openai-chat"),
        ("/v1/messages" + "/x" * 8_000, (), "anthropic-messages"),
    ):
        assert doors.dialect_of(path, headers) == dialect, path[:80]
    assert doors.default == "openai-chat"


def test_what_is_answered_is_told_without_what_is_stored(doors: Doors) -> None:
    told = doors.told("/").split(", ")
    assert "POST /v1/messages" in told and told.count("GET /v1/models") == 1
    assert doors.told("/v1/chat").startswith("POST /v1/chat/completions, ")
    assert doors.told("/x/Models//").startswith("GET /v1/models, ")
    assert {*doors.told("/messages/" + "x/" * 8000).split(", ")} == {*told}


def test_a_base_that_makes_no_url_is_told(tmp_path: Path) -> None:
    (tmp_path / "openai-chat").mkdir()
    site = tmp_path / "openai-chat" / "caller.toml"
    for base in ("openai", "/openai/", "/a b", "/{model}/x", "/a{alias}", "//a", "/a?b"):
        site.write_text(f'bases = ["{base}"]\n')
        with pytest.raises(OperatorError, match=r"caller\.toml:1: bases.*expected a path"):
            load_mappings([shipped_mappings(), tmp_path])
    site.write_text('bases = ["/acme/{alias}/api"]\n')
    doors = Doors(load_mappings([shipped_mappings(), tmp_path]))
    found = doors.find("/acme/prod/api/v1/chat/completions", ())
    assert found is not None and found.alias == "prod"


def test_every_dialect_has_words_for_every_refusal(mappings: Mappings) -> None:
    from aisix.listener.refusals import STATUS

    for caller in mappings.callers.values():
        rows = caller.data["fault"]
        assert {kind: rows[kind]["status"] for kind in STATUS} == STATUS
        assert rows["stopping"]["status"] == 503


# ---------------------------------------------------------------- from outside
def test_every_spelling_is_answered_and_told(gateway: Running) -> None:
    for route in ("/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"):
        for path in spellings(route):
            answer = send(gateway.proxy_port, "POST", path, BODY, KEY)
            assert answer.status == 200, path
            line = gateway.line(answer)
            assert line["path"] == route
            assert line.get("requested_path") == (path if path != route else None)
            assert line["alias"] == "claude-prod"


def test_lists_and_names_of_models_too_in_both_shapes(gateway: Running) -> None:
    for path in spellings("/v1/models"):
        answer = send(gateway.proxy_port, "GET", path, headers=KEY)
        assert answer.json["object"] == "list"
        line = gateway.line(answer)
        assert line["path"] == "/v1/models"
        assert line.get("requested_path") == (path if path != "/v1/models" else None)
        assert "has_more" in send(gateway.proxy_port, "GET", path, headers=KEY | ANTHROPIC).json
    for path in spellings("/v1/models/claude-prod"):
        assert send(gateway.proxy_port, "GET", path, headers=KEY).json["id"] == "claude-prod"
        shown = send(gateway.proxy_port, "GET", path, headers=KEY | ANTHROPIC).json
        assert (shown["type"], shown["id"]) == ("model", "claude-prod")
    assert "has_more" in send(gateway.proxy_port, "GET", "/anthropic/v1/models", headers=KEY).json


def test_a_stream_comes_through_another_door(gateway: Running) -> None:
    body = {**BODY, "stream": True}
    answer = send(gateway.proxy_port, "POST", "/chat/completions", body, KEY)
    assert answer.body.endswith(b"data: [DONE]\n\n")
    answer = send(gateway.proxy_port, "POST", "/v1/v1/messages", body, KEY)
    assert b"event: message_stop" in answer.body


def test_the_url_names_the_alias_and_wins_over_the_body(gateway: Running) -> None:
    path = "/openai/deployments/claude-prod/chat/completions?api-version=2024-10-21"
    for body in ({"messages": WORDS}, {**BODY, "model": "no-such"}, {**BODY, "model": 7}, BODY):
        answer = send(gateway.proxy_port, "POST", path, body, {"api-key": CALLER_KEY})
        assert answer.status == 200, answer.body
        told = "claude-prod" if body.get("model") not in (None, "claude-prod") else None
        assert answer.headers.get("x-aisix-alias") == told
        line = gateway.line(answer)
        assert (line["path"], line["alias"]) == ("/v1/chat/completions", "claude-prod")
        assert line["requested_path"] == path.partition("?")[0]
    for alias, status in (("claude-nobody", 403), ("no-such-alias", 404), ("x" * 9000, 403)):
        path = f"/openai/deployments/{alias}/chat/completions"
        answer = send(gateway.proxy_port, "POST", path, BODY, {"api-key": CALLER_KEY})
        assert (answer.status, answer.error["param"]) == (status, "model")
        assert len(gateway.line(answer)["requested_path"]) <= 256


def test_any_query_is_passed_over(gateway: Running) -> None:
    for query in (
        "api-version=preview",
        "beta=true",
        "x" * 5000,
        "%",
        "%ff=%00",
        "a&&=&b",
        "?",
        ";",
    ):
        answer = send(gateway.proxy_port, "POST", f"/openai/v1/chat/completions?{query}", BODY, KEY)
        assert answer.status == 200, query
        answer = send(gateway.proxy_port, "GET", f"/v1/models?{query}", headers=KEY)
        assert answer.status == 200, query


def test_a_wrong_method_at_another_door_is_told_which_is_right(gateway: Running) -> None:
    for path, method, allowed in (
        ("/chat/completions/", "GET", "POST"),
        ("/v1/v1/messages", "DELETE", "POST"),
        ("/openai/deployments/x/chat/completions", "PUT", "POST"),
        ("/models", "POST", "GET, HEAD"),
        ("/v1/models/a/b", "OPTIONS", "GET, HEAD"),
    ):
        answer = send(gateway.proxy_port, method, path)
        assert (answer.status, answer.headers["allow"]) == (405, allowed)
        assert allowed in answer.error["message"]


ODD = st.text("v1/.%2eEfF-_{}[]\\?#&=+:;@~é\x7f", max_size=40)


def test_no_path_makes_it_fail(gateway: Running) -> None:
    """Whatever bytes stand in the URL: an answer, in JSON, which is no 5xx."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.proxy_port, timeout=30)

    @given(st.sampled_from(["", "/v1", "/v1/models/", "/openai/deployments/", "//"]), ODD)
    def ask(begin: str, rest: str) -> None:
        path = "".join(c if " " < c < "\x7f" else f"%{ord(c):02x}" for c in begin + rest) or "/"
        for method in ("GET", "POST"):
            connection.request(method, path, b"{}", KEY)
            answer = connection.getresponse()
            read = answer.read()
            assert answer.status < 500, (method, path, answer.status)
            assert json.loads(read)

    ask()
    connection.close()
