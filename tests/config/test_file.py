"""The settings file as YAML, TOML and JSON: the same document, and a line for each complaint."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.config.file import read
from aisix.config.settings import load_settings
from aisix.errors import OperatorError

WRITTEN = {
    "c.yaml": "proxy:\n  addr: 127.0.0.1:1\nadmin: {admin_keys: [a, b]}\n",
    "c.toml": '[proxy]\naddr = "127.0.0.1:1"\n[admin]\nadmin_keys = ["a", "b"]\n',
    "c.json": '{"proxy": {\n\t"addr": "127.0.0.1:1"},\n "admin": {"admin_keys": ["a", "b"]}}',
}


@pytest.mark.parametrize("name", WRITTEN)
def test_each_is_the_same_document(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(WRITTEN[name])
    data, lines = read(tmp_path / name)
    assert data == {"proxy": {"addr": "127.0.0.1:1"}, "admin": {"admin_keys": ["a", "b"]}}
    assert lines["proxy.addr"] == 2 and lines["proxy"] == 1


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("c.yaml", "proxy:\n  addrr: x\n", ":2: proxy.addrr: unknown setting"),
        ("c.toml", "# it\n[proxy]\naddrr = 1\n", ":3: proxy.addrr: unknown setting"),
        ("c.toml", "upstream.tries = 1\n", ":1: upstream.tries: unknown setting"),
        ("c.toml", 'node_id = """\naddrr = 1\n"""\n[proxy]\naddrr=1', ":5: proxy.addrr: unknown"),
        ("c.json", '{"proxy":\n {"addrr": 1}}', ":2: proxy.addrr: unknown setting"),
        ("c.toml", "[proxy\n", ":1: not valid TOML: Expected ']'"),
        ("c.toml", "a = 1\nb = 'x\n", ":2: not valid TOML"),
        ("c.json", '{"proxy":\n ,}', ":2: not valid JSON: Expecting value"),
        ("c.json", "[1]", ":1: expected names and values"),
        ("c.yaml", "a: [\n", ":2: not valid YAML"),
        ("c.json", '{"a": 1,\n "a": 2}', ":2: a: is there twice (first on line 1)"),
    ],
)
def test_a_complaint_has_its_line(tmp_path: Path, name: str, text: str, told: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(OperatorError) as raised:
        load_settings(file, {})
    assert f"{file}{told}" in str(raised.value)


def test_a_text_that_yaml_cannot_read_has_no_lines(tmp_path: Path) -> None:
    long = "a" * 2000  # longer than a key of YAML may be
    (tmp_path / "c.json").write_text(f'{{"{long}": 1}}')
    assert read(tmp_path / "c.json") == ({long: 1}, {})
