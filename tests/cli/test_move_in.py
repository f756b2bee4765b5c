"""`aisix move-in --check`, `validate --resources`, and a start without a verb: what they say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from aisix.cli.main import main
from tests.cluster.servers import Etcd
from tests.movein.test_resources import GOOD

CONFIG: dict[str, Any] = {
    "resources_file": "r.yaml",
    "proxy": {"addr": "127.0.0.1:3000"},
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AISIX_")]:
        monkeypatch.delenv(name)  # whoever runs the tests has set them, and each is told
    monkeypatch.setenv("KEY", "sk-1234")
    monkeypatch.setenv("CALLER", "caller-key")


def written(**files: Any) -> None:
    for name, document in files.items():
        Path(f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def asked(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(argv)
    out, err = capsys.readouterr()
    return code, out, err


def test_all_that_is_unchanged_or_renamed_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    written(c={**CONFIG, "proxy": {"addr": "127.0.0.1:1", "workers": 2}}, r=GOOD)
    code, out, _ = asked(capsys, "move-in", "--check", "--config", "c.yaml")
    assert code == 0
    assert "proxy.workers" in out and "0 not served, 0 refused" in out
    assert not Path("data").exists()  # it changes nothing


def test_what_is_not_served_is_a_finding_and_lines_to_add_are_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tracing = {"tracing": {"otlp": {"enabled": True}}}
    guardrails = [{"name": "no-pii", "kind": "pii"}]
    written(c={**CONFIG, "observability": tracing}, r={**GOOD, "guardrails": guardrails})
    code, out, _ = asked(capsys, "move-in", "--check", "--config", "c.yaml")
    assert code == 1
    assert "NOT enforced: no-pii" in out
    assert "lines to add:\n  observability: {otlp_endpoint:" in out
    code, out, _ = asked(capsys, "move-in", "--check", "--config", "c.yaml", "--json")
    found = json.loads(out)
    assert (code, found["ok"]) == (1, False)
    assert {"where", "name", "outcome", "ours", "why", "add"} == {*found["said"][0]}


def test_what_would_stop_the_start_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    written(c={**CONFIG, "managed": {"enabled": True}}, r=GOOD)
    code, out, _ = asked(capsys, "move-in", "--check", "--config", "c.yaml")
    assert code == 1 and "no control plane" in out
    assert asked(capsys, "move-in", "--check", "--config", "gone.yaml")[0] == 2


def test_a_file_alone_and_its_faults(capsys: pytest.CaptureFixture[str]) -> None:
    written(r=GOOD)
    assert asked(capsys, "move-in", "--check", "--resources", "r.yaml")[0] == 0
    written(r={**GOOD, "modles": []})
    code, out, _ = asked(capsys, "move-in", "--check", "--resources", "r.yaml")
    assert code == 1 and "modles" in out and "sk-1234" not in out


def test_an_etcd_is_judged_as_a_node_judges_it(
    etcd: Etcd, capsys: pytest.CaptureFixture[str]
) -> None:
    key = {"display_name": "k", "provider": "deepseek", "adapter": "openai", "api_key": "sk-S3CRET"}
    model = {"display_name": "m", "provider": "x", "model_name": "a", "provider_key_id": "k"}
    put = {
        "provider_keys/k": key,
        "models/m": {**model, "embedding": {"dimensions": 2}, "colour": 1},
        "models/shut": {**model, "display_name": "s", "ensemble": {"models": ["m"]}},
        "guardrails/g": {"name": "g", "kind": "pii"},
        "gizmos/g": {},
    }
    for name, document in put.items():
        etcd.put(f"/moved/{name}", json.dumps(document).encode())
    before = etcd.all("/moved/")
    argv = ("move-in", "--check", "--etcd", ",".join(etcd.endpoints), "--prefix", "/moved")
    code, out, _ = asked(capsys, *argv, "--json")
    said = {(one["where"], one["name"]): one for one in json.loads(out)["said"]}
    assert code == 1
    assert said["models/m", "embedding.dimensions"]["outcome"] == "not served"
    assert "neither gateway knows" in said["models/m", "colour"]["why"]
    assert said["models/shut", ""]["outcome"] == "refused"
    assert "ensemble" in said["models/shut", ""]["why"]
    assert "NOT enforced: g" in said["guardrails", "guardrails"]["why"]
    assert said["gizmos", "gizmos"]["outcome"] == "refused"
    assert "S3CRET" not in out and etcd.all("/moved/") == before
    assert asked(capsys, *argv)[1].count("refused") >= 2


def test_validate_in_the_words_of_the_original(capsys: pytest.CaptureFixture[str]) -> None:
    written(r={**GOOD, "guardrails": [{"name": "g", "kind": "pii"}]})
    code, out, err = asked(capsys, "validate", "--resources", "r.yaml")
    assert (code, out, err) == (0, "OK: r.yaml loaded 4 resource(s)\n", "")
    written(r={**GOOD, "modles": [], "x": []})
    code, out, err = asked(capsys, "validate", "--resources", "r.yaml")
    assert (code, out) == (1, "")
    assert err.startswith("resources file r.yaml: 2 error(s):\n  - r.yaml:")
    written(r={"models": []})
    code, out, err = asked(capsys, "validate", "--resources", "r.yaml")
    assert code == 1 and "missing mandatory _format_version" in err
    assert asked(capsys, "validate")[0] == 2
    written(r={"models": []})
    assert asked(capsys, "validate", "r.yaml")[0] == 0


@pytest.mark.parametrize(
    "argv", [("--config", "c.yaml"), ("-c", "c.yaml"), ("--config=c.yaml",), ()]
)
def test_a_start_without_a_verb_is_in_the_originals_form(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not argv:
        monkeypatch.setenv("AISIX_CONFIG", "c.yaml")
    written(c={"proxy": {"addr": "127.0.0.1:1"}})
    code, _, err = asked(capsys, *argv)
    assert code == 1 and "give one of etcd.endpoints and resources_file" in err
    assert asked(capsys, "serve", "--config", "gone.yaml")[0] == 2


def test_what_needs_no_settings_is_not_kept_from_it_by_variables_for_a_gateway(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AISIX_ETCD__ENDPOINTS", "http://127.0.0.1:9")
    written(r=GOOD)
    assert asked(capsys, "validate", "--resources", "r.yaml")[0] == 0
    code, _, err = asked(capsys, "export", "--etcd", "nowhere")
    assert code == 2 and "--etcd: expected http://HOST:PORT" in err


def test_the_form_decides_what_a_refused_start_ends_with(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(c={"names": "aisix"}, ours={"etcd": {"endpoints": ["http://127.0.0.1:9"]}})
    assert asked(capsys, "serve", "--config", "c.yaml")[0] == 1
    assert asked(capsys, "serve", "--config", "ours.yaml")[0] == 2
    monkeypatch.setenv("AISIX_NAMES", "aisix")
    assert asked(capsys, "serve", "--config", "ours.yaml")[0] == 1
