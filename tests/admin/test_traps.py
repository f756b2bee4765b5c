"""What an operator could write and regret: refused when it is written, wherever it is written."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aisix.cli.main import main
from aisix.config.settings import load_settings
from aisix.config.shipped import shipped_mappings
from aisix.errors import OperatorError
from aisix.mapping.mappings import load_mappings
from aisix.routing import resource_checks
from aisix.runtime.first_look import first_look
from aisix.runtime.resources import store_of
from aisix.runtime.service import check_endpoint
from aisix.standin.server import Standin
from aisix.store import writes
from aisix.store.opening import open_store
from tests.authority import Authority
from tests.running import ADMIN_KEY, Answer, Running, send

KEY = {"display_name": "trap", "provider": "anthropic", "secret": "sk-ant-0123456789abcdef"}
METADATA = "http://169.254.169.254/latest"
NOWHERE = "/nowhere/sk-named/ca.pem"


@pytest.fixture(scope="module", params=["fast", "tornado"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, standin: Standin
) -> Iterator[Running]:
    more = {"proxy": {"http": request.param}, "admin": {"allowed_hosts": ["gw.example"]}}
    with Running(tmp_path_factory.mktemp("traps"), more) as running:
        running.set_up(standin.url, {"good": {"model_name": "claude-opus-5-5"}})
        yield running
        assert not running.bugs


def refused(answer: Answer) -> str:
    """The one path that is complained of."""
    assert answer.status == 400, answer.body
    (fault,) = answer.error["faults"]
    return str(fault["path"])


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ({"api_base": METADATA}, "api_base"),
        ({"api_base": "http://0xA9FEA9FE"}, "api_base"),
        ({"api_base": "http://[::ffff:a9fe:a9fe]:80/"}, "api_base"),
        ({"api_base": "http://metadata.google.internal"}, "api_base"),
        ({"api_base": "http://good.example@169.254.169.254"}, "api_base"),
        ({"api_base": "http://%31%36%39.254.169.254"}, "api_base"),
        ({"tls": {"ca_file": NOWHERE}}, "tls.ca_file"),
        ({"headers": {"x-api-key": "sk-ant-another"}}, "headers.x-api-key"),
    ],
)
def test_a_write(gateway: Running, field: dict[str, Any], path: str) -> None:
    there = gateway.create("provider_keys", KEY)
    try:
        whole = {**KEY, "display_name": "another", **field}
        for answer in (
            gateway.admin("POST", "provider_keys", whole),
            gateway.admin("PUT", f"provider_keys/{there}", {**KEY, **field}),
            gateway.admin("PUT", "provider_keys/new", whole),
            gateway.admin("PATCH", f"provider_keys/{there}", field),
        ):
            assert refused(answer) == path
            assert "sk-named" not in answer.body.decode()
        name, value = next(iter(field.items()))
        words = ["providers", "set", there, "--field", f"{name}={json.dumps(value)}"]
        with contextlib.redirect_stderr(io.StringIO()) as said:
            assert main([*words, "--config", str(gateway.folder / "config.yaml")]) == 1
        assert path in said.getvalue()
        value = gateway.admin("GET", f"provider_keys/{there}").json["value"]
        assert (value["api_base"], value["tls"], value["headers"]) == (None, {}, {})
    finally:
        gateway.admin("DELETE", f"provider_keys/{there}")


def test_a_resources_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A reload names line and path; what has gone by the next start stops nothing else."""
    mappings = load_mappings([shipped_mappings()])
    authority = Authority(tmp_path / "tls")
    file = tmp_path / "resources.yaml"
    (tmp_path / "config.yaml").write_text(f'{{"resources_file": "{file}", "data_dir": "data"}}')
    settings = load_settings(tmp_path / "config.yaml", {})

    def write(**more: Any) -> None:
        key = {**KEY, "api_base": "http://127.0.0.1:9"}
        keys = [{**key, "display_name": "a"}, {**key, "display_name": "b", **more}]
        file.write_text(json.dumps({"provider_keys": keys}, indent=1))

    write(tls={"ca_file": str(authority.file)})
    store = store_of(settings)
    extra = partial(resource_checks.faults, mappings, settings)
    store.reload(extra)
    for more, path in (
        ({"api_base": METADATA}, "api_base"),
        ({"tls": {"ca_file": NOWHERE}}, "tls.ca_file"),
    ):
        write(**more)
        with pytest.raises(OperatorError) as refused:
            store.reload(extra)
        (complaint,) = refused.value.complaints
        assert complaint.where.startswith(f"{file}:1")
        assert complaint.path == f"provider_keys[1].{path}"
        assert len(store.current().entries("provider_keys")) == 2
    store.close()
    write(tls={"ca_file": str(authority.file)})
    authority.file.unlink()
    first_look(settings, mappings)
    assert "provider_keys/b: tls.ca_file: cannot be read" in caplog.text


def test_a_collector_is_at_no_such_address() -> None:
    for env in ({}, {"AISIX_UPSTREAM__ALLOW_LINK_LOCAL": "true"}):
        settings = load_settings(None, env)
        check_endpoint(settings, "http://127.0.0.1:4318/v1/traces")
        with contextlib.nullcontext() if env else pytest.raises(OperatorError):
            check_endpoint(settings, "http://2852039166:4318/v1/traces")


def test_what_was_stored_before_is_told_and_goes_nowhere(tmp_path: Path, standin: Standin) -> None:
    store = open_store(tmp_path / "gateway" / "data")
    writes.create(store, "provider_keys", {**KEY, "api_base": METADATA}, now=1.0, new_id="old")
    store.close()
    with Running(tmp_path / "gateway") as gateway:
        (fault,) = gateway.admin("GET", "status").json["faults"]
        assert "trap: api_base: is a link-local address" in fault and fault in gateway.log
        model = {"provider": "anthropic", "model_name": "claude-opus-5-5", "provider_key_id": "old"}
        gateway.create("models", {"display_name": "old", "retries": 3, **model})
        gateway.allow("old")
        for more in ({}, {"stream": True}):
            answer = gateway.ask("Hi", "old", **more)
            assert answer.status == 502 and b"169.254" not in answer.body
            line = gateway.line(answer)
            assert line["upstream_fault"] == "address" and line["attempts"] == 1
            assert "169.254.169.254 is a link-local address" in line["upstream_detail"]
        counted = 'aisix_upstream_errors_total{alias="old",kind="address"}'
        assert gateway.metrics()[counted] == 2
        assert gateway.log.count("upstream refused: 169.254.169.254") == 1


def test_what_may_be_regretted_is_told_in_the_answer(gateway: Running) -> None:
    base = "http://api.example.com/v1/x"
    answer = gateway.admin("POST", "provider_keys", {**KEY, "api_base": base})
    assert answer.status == 201
    (told,) = answer.json["warnings"]
    assert told["path"] == "api_base" and "clear text" in told["message"]
    assert f"api_base: {told['message']}" in gateway.log
    answer = gateway.admin("PATCH", f"provider_keys/{answer.json['id']}", {"api_base": None})
    assert "warnings" not in answer.json
    gateway.admin("DELETE", f"provider_keys/{answer.json['id']}")


# ---------------------------------------------------------------- names
def test_only_under_its_own_names(gateway: Running) -> None:
    key = {"Authorization": f"Bearer {ADMIN_KEY}"}

    def admin(method: str = "GET", path: str = "/admin/v1/status", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(gateway.admin_port, method, path, None, {**key, **named})

    port = gateway.admin_port
    for host in (f"127.0.0.1:{port}", "localhost", f"LOCALHOST:{port}", "[::1]", "gw.example"):
        assert admin(Host=host).status == 200, host
    for host in ("evil.example", f"evil.example:{port}", "10.0.0.7", "127.0.0.1.nip.io"):
        for path in (
            "/admin/v1/status",
            "/admin/openapi.json",
            "/admin/docs",
            "/",
            "/admin/v1/models",
        ):
            answer = admin("GET", path, Host=host)
            assert answer.status == 421 and answer.error["code"] == "wrong_host", (host, path)
            assert "admin.allowed_hosts" in answer.error["message"]
            assert b"evil" not in answer.body
        assert send(gateway.metrics_port, "GET", "/metrics", None, {"Host": host}).status == 421
    assert send(gateway.metrics_port, "GET", "/metrics", None, {"Host": "localhost"}).status == 200
    assert send(gateway.proxy_port, "GET", "/livez", None, {"Host": "evil.example"}).status == 200
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Origin": f"http://localhost:{port + 1}"},
    ):
        answer = admin("DELETE", "/admin/v1/models/none", **headers)
        assert (answer.status, answer.error["code"]) == (403, "foreign_origin")
        assert admin(**headers).status == 200
    for headers in (
        {"Origin": f"http://127.0.0.1:{port}"},
        {"Origin": "https://gw.example"},
        {"Sec_Fetch_Site": "same-origin"},
        {},
    ):
        assert admin("DELETE", "/admin/v1/models/none", **headers).status == 404


def test_the_command_line_may_use_any_name(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As "gw.test" in a site's DNS would lead to the gateway."""
    import socket

    real = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host == "gw.test" else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    config = ["--config", str(gateway.folder / "config.yaml")]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert (
            main(["models", "list", "--admin", f"http://gw.test:{gateway.admin_port}", *config])
            == 0
        )
    assert "good" in said.getvalue()
