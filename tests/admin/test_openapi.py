"""The OpenAPI document is true: every operation is called, and every answer is held against it."""

from __future__ import annotations

import http.client
import json
import random
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.long import times
from tests.running import ADMIN_KEY, Answer, Running, send

KEY = {"display_name": "prod", "provider": "anthropic", "secret": "sk-1234567890abcdef"}
METHODS = ("get", "put", "post", "patch", "delete")
ROUNDS = times(600)  # of the fuzzer


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("api"), workers=2) as running:
        yield running
        assert not running.bugs


@pytest.fixture(scope="module")
def document(api: Running) -> Any:
    return send(api.admin_port, "GET", "/admin/openapi.json").json


class Spec:
    """Answers held against the document; what was called and seen."""

    def __init__(self, api: Running, document: Any) -> None:
        self.api, self.document = api, document
        self.called: set[tuple[str, str]] = set()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        id: str = "",
        query: str = "",
        **headers: str,
    ) -> Answer:
        operation = self.document["paths"][path][method.lower()]
        self.called.add((method.lower(), path))
        sent = {"Authorization": f"Bearer {ADMIN_KEY}", **headers}
        answer = send(self.api.admin_port, method, path.replace("{id}", id) + query, body, sent)
        self.check(operation, answer)
        return answer

    def check(self, operation: Any, answer: Answer) -> None:
        told = operation["responses"].get(str(answer.status))
        assert told is not None, (operation["operationId"], answer.status, answer.body)
        assert answer.headers["content-type"] == "application/json"
        found = told["content"]["application/json"]["schema"]
        whole = {**found, "components": self.document["components"]}
        Draft202012Validator(whole).validate(answer.json)
        for name in told.get("headers", {}):
            assert name.lower() in answer.headers, (operation["operationId"], name)


def test_the_document_is_sound(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    for found in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(found)
    refs = re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))
    for ref in refs:
        assert ref.rpartition("/")[2] in document["components"]["schemas"]
    ids = [
        o["operationId"] for p in document["paths"].values() for m, o in p.items() if m in METHODS
    ]
    assert len(ids) == len(set(ids))


def test_every_operation_answers_as_the_document_says(api: Running, document: Any) -> None:
    spec = Spec(api, document)
    keys, models, callers = (f"/admin/v1/{kind}" for kind in ("provider_keys", "models", "apikeys"))
    key = spec.call("POST", keys, KEY).json
    model = {"display_name": "a", "provider": "anthropic", "model_name": "m"}
    made = spec.call("POST", models, {**model, "provider_key_id": key["id"]}).json
    caller = spec.call("POST", callers, {"generate": True, "allowed_models": ["a"]}).json
    for base, one in ((keys, key), (models, made), (callers, caller)):
        item = base + "/{id}"
        spec.call("GET", base)
        spec.call("GET", base, query="?limit=1&display_name=a")
        assert spec.call("GET", base, query="?limit=0").status == 400
        assert spec.call("POST", base, {}).status == 400
        read = spec.call("GET", item, id=one["id"])
        assert spec.call("GET", item, id="nothing").status == 404
        assert spec.call("PATCH", item, {"display_name": "new"}, id="nothing").status == 404
        tag = {"If-Match": read.headers["etag"]}
        again = spec.call("PUT", item, read.json["value"], id=one["id"], **tag)  # type: ignore[arg-type]
        assert again.status == 200
        shown = {k: v for k, v in again.json.items() if k not in ("revision", "updated_at")}
        assert shown == {k: v for k, v in read.json.items() if k not in ("revision", "updated_at")}
        stale = {"If-Match": '"0"'}
        assert spec.call("PATCH", item, {}, id=one["id"], **stale).status == 412  # type: ignore[arg-type]
        assert spec.call("PATCH", item, {"nmae": 1}, id=one["id"]).status == 400
        assert spec.call("PATCH", item, {}, id=one["id"]).status == 200
    assert spec.call("POST", keys, KEY).status == 409
    other = {**KEY, "display_name": "other"}
    assert spec.call("PUT", keys + "/{id}", other, id="mine").status == 201
    rotated = spec.call("POST", callers + "/{id}/rotate", id=caller["id"]).json
    assert rotated["key"] != caller["key"]
    rotation = spec.call("POST", callers + "/{id}/rotate", {"grace_secs": 60}, id=caller["id"])
    assert rotation.json["value"]["previous"]["key_hash"] == rotated["value"]["key_hash"]
    assert spec.call("POST", callers + "/{id}/rotate", {"x": 1}, id=caller["id"]).status == 400
    assert spec.call("DELETE", keys + "/{id}", id=key["id"]).status == 409
    gone = spec.call("DELETE", keys + "/{id}", id=key["id"], query="?cascade=true").json
    assert gone["cascaded"] == [{"kind": "models", "id": made["id"]}]
    spec.call("DELETE", models + "/{id}", id=made["id"])
    spec.call("DELETE", callers + "/{id}", id=caller["id"])
    status = spec.call("GET", "/admin/v1/status").json
    assert [worker["state"] for worker in status["workers"]] == ["ready", "ready"]
    assert status["pid"] in {worker["pid"] for worker in status["workers"]}
    assert status["resources"] == {"provider_keys": 1, "models": 0, "apikeys": 0}
    assert len(status["config"]["digest"]) == 16
    assert {one["status"] for one in spec.call("GET", "/admin/v1/models/status").json} <= {
        "healthy"
    }
    assert spec.call("GET", "/admin/v1/health").json["status"] == "ok"
    nodes = spec.call("GET", "/admin/v1/nodes").json
    assert [one["name"] for one in nodes["items"]] == [nodes["node"]]
    assert spec.call("POST", "/admin/v1/mappings/reload").status == 200
    assert spec.call("POST", "/admin/v1/mappings/check").status == 200
    assert spec.call("POST", "/admin/v1/mappings/rollback").status == 409  # nothing was replaced
    captures(spec, keys)
    spec.call("DELETE", keys + "/{id}", id="mine")
    every = {(m, path) for path, found in document["paths"].items() for m in found if m in METHODS}
    assert spec.called == every


def captures(spec: Spec, keys: str) -> None:
    base, item, one = (f"/admin/v1/captures{end}" for end in ("", "/{id}", "/{id}/{number}"))
    model = {"display_name": "a", "provider": "anthropic", "model_name": "m"}
    made = spec.call("POST", "/admin/v1/models", {**model, "provider_key_id": "mine"}).json
    assert spec.call("POST", base, {"alias": "b", "next": 0, "sex": 1}).json["error"]["faults"] == [
        {"path": "sex", "message": "no such field (there are: alias, next, secs, redact)"},
        {"path": "alias", "message": 'there is no model "b"'},
        {"path": "next", "message": "must be a whole number from 1 to 100 (capture.max_exchanges)"},
    ]
    first, *others = (spec.call("POST", base, {"alias": "a"}) for _ in range(4))
    assert {answer.status for answer in (first, *others)} == {201}
    assert spec.call("POST", base, {"alias": "a"}).status == 409, "there are four already"
    assert len(spec.call("GET", base).json["items"]) == 4
    id = first.json["id"]
    assert spec.call("GET", item, id=id).json["waiting"] is True
    path = one.replace("{number}", "1")
    spec.document["paths"][path] = spec.document["paths"][one]
    assert spec.call("GET", path, id=id).status == 404, "it has none yet"
    del spec.document["paths"][path]
    spec.called = {(m, one if p == path else p) for m, p in spec.called}
    for answer in (first, *others):
        assert spec.call("DELETE", item, id=answer.json["id"]).status == 200
    assert spec.call("GET", item, id=id).status == 404
    assert spec.call("DELETE", item, id=id).status == 404
    spec.call("DELETE", "/admin/v1/models/{id}", id=made["id"])


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(api: Running, document: Any) -> None:
    answer = send(api.admin_port, "GET", "/admin/docs")
    assert answer.headers["content-type"].startswith("text/html")
    text = answer.body.decode()
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="([^"#]+)"', text) == ["openapi.json"]
    for path, found in document["paths"].items():
        for method in set(found) & set(METHODS):
            assert f"<b>{method.upper()}</b> <code>{path}</code>" in text

    class Balanced(HTMLParser):
        open_: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag != "meta":
                self.open_.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open_.pop() == tag

    parser = Balanced()
    parser.feed(text)
    assert parser.open_ == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/admin/v1/models", "GET, HEAD, POST"),
        ("POST", "/admin/v1/models/x", "GET, HEAD, PUT, PATCH, DELETE"),
        ("GET", "/admin/v1/apikeys/x/rotate", "POST"),
        ("DELETE", "/admin/v1/status", "GET, HEAD"),
        ("OPTIONS", "/admin/v1/api_keys", "GET, HEAD, POST"),
        ("TRACE", "/admin/v1/api_keys", "GET, HEAD, POST"),
        ("PROPFIND", "/admin/v1/api_keys", "GET, HEAD, POST"),
    ],
)
def test_a_wrong_method_says_which_are_right(
    api: Running, method: str, path: str, allow: str
) -> None:
    answer = send(api.admin_port, method, path, None, {"Authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status == 405
    assert answer.headers["allow"] == allow
    assert answer.error["code"] == "wrong_method"


@pytest.mark.parametrize(
    "path", ["/", "/admin", "/admin/v1/", "/admin/v1/modles", "/admin/v1/models/a/b", "/admin/v1/models/%FF", "/admin/v2/models", "/%00"]
)  # fmt: skip
def test_an_unknown_url_is_a_404_in_json(api: Running, path: str) -> None:
    answer = send(api.admin_port, "GET", path, None, {"Authorization": f"Bearer {ADMIN_KEY}"})
    assert answer.status in (400, 404)
    assert answer.error["code"] in ("not_found", "bad_request")
    assert send(api.admin_port, "GET", path).status in (400, 401)


def test_a_body_of_the_wrong_kind_or_size_is_refused_in_json(api: Running) -> None:
    def post(body: bytes, **headers: str) -> Answer:
        sent = {"Authorization": f"Bearer {ADMIN_KEY}", **headers}
        return send(api.admin_port, "POST", "/admin/v1/models", body, sent)

    assert post(b" " * (1 << 20) + b"{}").error["code"] == "too_large"
    assert post(b"x" * (3 << 20)).status == 413
    assert post(b"--x", **{"Content-Type": "multipart/form-data; boundary=x"}).status == 415
    assert post(b"{}", **{"Content-Encoding": "gzip"}).status == 415
    for nothing in (b"", b" \n"):
        assert post(nothing).error["message"] == "the body is empty; a JSON object is needed"
    bad = post(b'{\n  "a": 1,\n  oops\n}')
    assert bad.error["code"] == "bad_json"
    assert "line 3" in bad.error["message"]
    for twice in (b'{"a": 1, "a": 1}', b'{"b": [{"a": {}, "c": 1, "a": null}]}'):
        assert 'says "a" twice in one object' in post(twice).error["message"]
    # `curl -d` says form; what it sends is JSON all the same.
    form = post(b"{}", **{"Content-Type": "application/x-www-form-urlencoded"})
    assert form.error["code"] == "invalid"


# ---------------------------------------------------------------- fuzzing
class Fuzz:
    """Random calls of every operation: near what is right, and far from it."""

    def __init__(self, document: Any, seed: int) -> None:
        self.document = document
        self.random = random.Random(seed)
        self.ids = ["mine", "other", "third"]
        self.hostile: list[Any] = [
            None, True, 0, -1, 2**31, 2**63, 2**70, 1e308, 0.1, "", " ", "\x00", "\ud83d\ude00", "*", "**", "a*b*c",
            "x" * 5000, "' OR 1=1 --", "../../etc/passwd", "${HOME}", "{{7*7}}", "%s%n", "http://", "http://[", "http://a:99999",
            "https://user:pw@h", "file:///etc/passwd", "2020-01-01T00:00:00Z", "2999-13-01", "9999-12-31T23:59:59+23:59",
            [], {}, [[]], [None], {"a": {"b": {"c": []}}}, ["a"] * 2000, {"rpm": -1}, {"": 1}, "\u202e", "\r\nX: y",
        ]  # fmt: skip

    def value(self, found: Any, depth: int = 0) -> Any:
        pick = self.random
        if pick.random() < 0.12 or depth > 4:
            return pick.choice(self.hostile)
        if "$ref" in found:
            found = self.document["components"]["schemas"][found["$ref"].rpartition("/")[2]]
        if "anyOf" in found:
            return self.value(pick.choice(found["anyOf"]), depth + 1)
        if "const" in found:
            return found["const"]
        if "enum" in found:
            return pick.choice(found["enum"])
        kind = found.get("type", "string")
        kind = pick.choice(kind) if isinstance(kind, list) else kind
        if kind == "object":
            names = [n for n in found.get("properties", {}) if pick.random() < 0.4]
            names += [n for n in found.get("required", ()) if pick.random() < 0.95]
            names += ["surprise"] * (pick.random() < 0.05)
            inside = found.get("properties", {})
            return {n: self.value(inside.get(n, {"type": "string"}), depth + 1) for n in names}
        if kind == "array":
            return [self.value(found.get("items", {}), depth + 1) for _ in range(pick.randrange(4))]
        if kind == "integer":
            return pick.choice([0, 1, 5, found.get("maximum", 9), found.get("maximum", 9) + 1])
        if kind == "number":
            return pick.choice([0, 0.5, 3, -0.5])
        if kind == "boolean":
            return pick.random() < 0.5
        if kind == "null":
            return None
        return self.text(found)

    def text(self, found: Any) -> str:
        pick = self.random
        if found.get("pattern", "").startswith("^[0-9a-f]"):
            return f"{pick.randrange(20):064x}"
        if found.get("format") == "date-time":
            return "2040-01-01T00:00:00Z"
        if found.get("pattern", "").startswith("^https"):
            return "http://127.0.0.1:1/v1"
        return pick.choice(["anthropic", "mine", "other", "claude-*", "a", f"n{pick.randrange(9)}"])

    def good(self, name: str) -> dict[str, Any]:
        """A body that is right, if the names it uses are there and not taken."""
        number = self.random.randrange(10**6)
        return {
            "ProviderKey": {**KEY, "display_name": f"k{number}"},
            "Model": {"display_name": f"m{number}", "provider": "anthropic", "model_name": "m", "provider_key_id": "mine"},
            "ApiKey": {"generate": True, "allowed_models": ["*"]},
        }.get(name, {})  # fmt: skip

    def raw(self, found: Any) -> bytes:
        value = self.value(found)
        if self.random.random() < 0.5:  # a good one, in which a field or two are different
            changed = (
                self.random.choices(list(value), k=self.random.randrange(3))
                if value and isinstance(value, dict)
                else []
            )
            name = found["$ref"].rpartition("/")[2]
            value = self.good(name) | {field: value[field] for field in changed}
        text = json.dumps(value).encode()
        if self.random.random() < 0.08:  # cut, doubled or spoiled
            at = self.random.randrange(len(text) + 1)
            return self.random.choice(
                [text[:at], text + text, text[:at] + b"\xff" + text[at:], b""]
            )
        return text

    def call(self) -> tuple[Any, str, str, bytes | None, dict[str, str]]:
        pick = self.random
        path = pick.choice(sorted(self.document["paths"]))
        if path.endswith(("reload", "mappings/check")):  # they take their time
            path = "/admin/v1/models"
        method = pick.choice(sorted(set(self.document["paths"][path]) & set(METHODS)))
        operation = self.document["paths"][path][method]
        id = pick.choice(
            [*self.ids, "mine", pick.choice(["%00", "a" * 200, "..", "a%2Fb", "-x", "é"])]
        )
        target = path.replace("{id}", id if id.isascii() else "%C3%A9")
        asked = [
            p for p in operation.get("parameters", ()) if p["in"] == "query" and pick.random() < 0.4
        ]
        if asked:
            # Control characters and spaces cannot stand in a request line.
            given = [
                f"{p['name']}={re.sub(r'[^!-~]', '%20', str(self.value(p['schema'])))[:200]}"
                for p in asked
            ]
            target += "?" + "&".join(given)
        body = None
        if "requestBody" in operation and pick.random() < 0.97:
            found = operation["requestBody"]["content"]["application/json"]["schema"]
            body = self.raw(found)
        headers = (
            {"If-Match": pick.choice(['"1"', "*", "", "x", '"1", "2"'])}
            if pick.random() < 0.1
            else {}
        )
        return operation, method.upper(), target, body, headers


def test_random_calls_of_every_operation_never_fail(api: Running, document: Any) -> None:
    fuzz, spec = Fuzz(document, seed=20261), Spec(api, document)
    for name in ("mine", "other"):  # so that much of what is tried can succeed
        spec.call("PUT", "/admin/v1/provider_keys/{id}", {**KEY, "display_name": name}, id=name)
    connection = http.client.HTTPConnection("127.0.0.1", api.admin_port, timeout=30)
    seen: dict[str, set[int]] = {}

    def one_sided() -> list[str]:
        """Of each that takes a body, it is to try both what is right and what is not."""
        words = ("create", "replace", "merge")
        found = {name: seen[name] for name in seen if name.startswith(words)}
        found.pop("create_captures", None)  # an alias is there by chance, if at all
        return [name for name, got in found.items() if not min(got) < 300 <= max(got)]

    for turn in range(5 * ROUNDS):
        if turn >= ROUNDS and not one_sided():
            break
        operation, method, target, body, headers = fuzz.call()
        if method == "DELETE" and "provider_keys/mine" in target:
            continue  # it is what good models refer to
        sent = {"Authorization": f"Bearer {ADMIN_KEY}", **headers}
        connection.request(method, target, body, sent)
        got = connection.getresponse()
        named = {name.lower(): value for name, value in got.getheaders()}
        answer = Answer(got.status, named, got.read())
        assert answer.status < 500, (method, target, body, answer.body)
        seen.setdefault(operation["operationId"], set()).add(answer.status)
        spec.check(operation, answer)
        if answer.status in (200, 201) and "id" in answer.json and method == "POST":
            fuzz.ids.append(answer.json["id"])
            fuzz.ids = fuzz.ids[-12:]
    connection.close()
    assert not one_sided()
    answer = send(
        api.admin_port, "GET", "/admin/v1/status", None, {"Authorization": f"Bearer {ADMIN_KEY}"}
    )
    assert answer.json["store"]["trouble"] is None
