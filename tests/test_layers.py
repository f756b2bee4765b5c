"""The house holds together: who may import whom, file sizes, and no wire name in Python."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "aisix"
FILES = sorted(PACKAGE.rglob("*.py"))

# layer -> (our layers it may import, packages from outside beside the standard library)
LAYERS: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), set()),
    "paths": ({"errors"}, set()),
    "log": ({"errors"}, {"msgspec"}),
    "setting_kinds": (set(), {"voluptuous"}),
    "setting_file": ({"errors"}, {"yaml"}),
    "setting_sections": (set(), set()),
    "settings": (
        {"errors", "setting_kinds", "setting_file", "setting_sections"},
        {"voluptuous"},
    ),
    "board": (set(), {"msgspec"}),
    "metrics": ({"board"}, set()),
    "notify": (set(), set()),
    "open_files": (set(), set()),
    "certificates": ({"errors"}, set()),
    "trace": (set(), set()),
    "otel": ({"errors", "trace"}, {"opentelemetry", "requests"}),
    "scrape": ({"board", "metrics", "listener"}, {"tornado"}),
    "mapping": ({"errors"}, {"toml", "voluptuous", "msgspec"}),
    "timer": (set(), set()),
    "memory": (set(), set()),
    "upstream": ({"errors", "log", "timer"}, {"pycurl"}),
    "listener": ({"errors", "log", "timer"}, {"tornado", "httptools"}),
    "store": ({"errors"}, {"voluptuous", "msgspec", "nacl", "yaml"}),
    "limits": (set(), set()),
    "workers": (set(), {"msgspec"}),
    "proxy": (
        {"errors", "log", "settings", "mapping", "upstream", "store", "limits", "listener"}
        | {"board", "metrics", "trace", "workers"},
        {"tornado", "msgspec"},
    ),
    "admin": ({"errors", "log", "settings", "store", "listener"}, {"tornado", "msgspec"}),
    "mappings_cli": ({"errors", "mapping"}, {"msgspec", "tabulate"}),
    "admin_client": ({"errors"}, set()),
    "resources_cli": ({"errors", "settings", "admin_client"}, {"tabulate"}),
    "store_cli": ({"errors", "log", "settings", "mapping", "proxy", "store"}, set()),
    "standin": ({"errors", "log"}, {"tornado"}),
    "reload": ({"errors", "log", "mapping", "proxy", "store", "workers"}, {"msgspec"}),
    "server": (
        {"errors", "log", "paths", "settings", "mapping", "upstream", "store", "proxy", "admin"}
        | {"limits"}
        | {"board", "metrics", "scrape", "reload", "workers", "certificates", "listener", "memory"}
        | {"open_files", "otel"},
        {"tornado", "uvloop"},
    ),
    "supervisor": ({"errors", "log", "board", "metrics", "notify"}, set()),
    "service": (
        {"errors", "log", "paths", "settings", "mapping", "limits", "proxy", "server", "store"}
        | {"board", "certificates", "notify", "otel", "reload", "supervisor", "workers"},
        {"tornado", "msgspec"},
    ),
    "doctor": (
        {"errors", "settings", "mapping", "upstream", "store", "proxy", "certificates"}
        | {"open_files", "service"},
        set(),
    ),
    "cli": (
        {
            *("errors", "paths", "settings", "mapping", "mappings_cli", "resources_cli"),
            *("store_cli", "service", "doctor", "standin"),
        },
        set(),
    ),
    "__main__": ({"cli"}, set()),
    "__init__": (set(), set()),
}
PURE_OF = {"asyncio", "sqlite3", "socket", "time", "random", "threading", "subprocess"}
READERS = {"shelf.py", "cases.py", "source.py"}  # of mapping/, may touch files


def layer_of(file: Path) -> str:
    inside = file.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            if node.module == "aisix":
                yield from (f"aisix.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_only_downward(file: Path) -> None:
    layer = layer_of(file)
    ours, outside = LAYERS[layer]
    for name in imports(file):
        parts = name.split(".")
        if parts[0] == "aisix":
            if len(parts) > 1 and parts[1] != "__version__":
                assert parts[1] in ours | {layer}, f"{layer} must not import {name}"
        elif parts[0] not in _standard():
            assert parts[0] in outside, f"{layer} must not import {name}"
        elif layer == "mapping" and file.name != "cases.py":
            assert parts[0] not in PURE_OF, f"mapping is pure, without {name}"


def _standard() -> frozenset[str]:
    import sys

    return frozenset(sys.stdlib_module_names)


def test_only_two_files_know_pycurl() -> None:
    users = {f.name for f in FILES if "pycurl" in {name.split(".")[0] for name in imports(f)}}
    assert users == {"curl.py", "handle.py"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_file_is_small_and_says_what_it_is_for(file: Path) -> None:
    text = file.read_text()
    assert text.count("\n") <= 400
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "no docstring at the top"


# ---------------------------------------------------------------- translation is data
# Words of the tables that are also words of HTTP, of JSON Schema, of our own language and admin API,
# or plain English used for something else. Each is not a wire name where it stands in Python.
ORDINARY = {
    *("array", "object", "string", "number", "integer", "boolean", "null", "text", "url", "data"),
    *("type", "name", "id", "index", "source", "format", "description", "properties", "items"),
    *("enum", "required", "default", "schema", "title", "value", "key", "code", "message", "error"),
    *("param", "model", "models", "list", "path", "query", "function", "json", "tool", "words"),
    *("user", "input", "output", "content", "reason", "status", "file", "custom", "created"),
    *("stream", "stop", "start", "end", "begin", "delta", "usage", "choice", "headers", "version"),
    *("authorization", "content-type", "retry-after", "connection", "kind", "created_at", "on"),
    *("low", "medium", "high", "max", "none", "auto", "off", "server", "hidden", "drop", "other"),
    *(
        "refused",
        "finish",
        "event",
        "role",
        "tools",
        "media",
        "context",
        "skip",
        "block",
        "arguments",
    ),
    *("strict", "hard", "seed", "messages", "system", "minimum", "host", "date", "location", "n"),
    *("additionalProperties", "anyOf", "allOf", "oneOf", "const", "$ref", "$defs", "definitions"),
    *("minItems", "maxItems", "pattern", "sum", "first", "calls", "envelope", "chunk", "complete"),
    *(
        "base64",
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "application/pdf",
        "error_frame",
    ),
    *("text/plain", "application/json", "frame", "done", "ping", "alias", "provider", "metadata"),
    *("request", "answer", "errors", "values", "shape", "state", "header", "upstream", "response"),
    *("store", "limit", "rate_limit", "cost", "tokens", "reasoning"),
    *(
        "unknown",
        "missing",
        "timeout",
        "read",
        "write",
        "count",
        "all",
        "any",
        "length",
        "filename",
    ),
    *("x-request-id", "x-aisix-warnings", "retry-after-ms", "x-should-retry", "effort", "again"),
    *(
        "strip",
        "request_id",
        "search",
        "pages",
        "is_error",
        "prefix",
        "image",
        "document",
        "accept",
    ),
}
# Names of a provider's in our own admin API, which took them over on purpose.
ADMIN_API = {"anthropic_version", "X-Api-Key"}
ALWAYS_WIRE = re.compile(
    r"claude|gpt-|anthropic(?!_version$)|openai|chatcmpl|tool_(use|calls|choice|result)|"
    r"stop_reason|finish_reason|end_turn|max_(completion_)?tokens|content_block|message_(start|delta|stop)|"
    r"cache_control|response_format|reasoning_effort|x-api-key|_delta$",
    re.I,
)


def vocabulary() -> set[str]:
    """Every word of the shipped tables that is no name of our own language: keys and texts."""
    words: set[str] = set()
    shapes = ("request", "answer", "values", "errors", "models", "caller")
    for file in (ROOT / "mappings").rglob("*.toml"):
        if file.stem in shapes and "cases" not in file.parts:
            _collect(tomllib.loads(file.read_text()), words)
    return {w for w in words if re.fullmatch(r"[a-z][a-z0-9_.-]{3,}", w) and ("_" in w or "-" in w)}


def _collect(node: Any, words: set[str]) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            words.add(key)
            _collect(value, words)
    elif isinstance(node, list):
        for value in node:
            _collect(value, words)
    elif isinstance(node, str):
        words.update(re.split(r"[\s.\[\]]+", node))


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Every text constant of a file that is no docstring."""
    tree = ast.parse(file.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docs:
            value = node.value
            if isinstance(value, bytes):
                value = value.decode("latin-1")
            if isinstance(value, str):
                yield node.lineno, value


GATEWAY = [f for f in FILES if "standin" not in f.parts]


@pytest.mark.parametrize("file", GATEWAY, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_no_wire_name_stands_in_python(file: Path) -> None:
    for line, text in texts(file):
        if text in ADMIN_API:
            continue
        assert not ALWAYS_WIRE.search(text), f"{file.name}:{line}: {text!r} is a wire name"


# Names of our own (verbs, options, passes, table sections, settings) are in the tables too.
@pytest.mark.parametrize("file", GATEWAY, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_no_word_of_the_wire_sides_stands_in_python(file: Path) -> None:
    wire = _wire_sides()
    for line, text in texts(file):
        assert text not in wire - ADMIN_API, f"{file.name}:{line}: {text!r} is a wire name"


def _wire_sides() -> set[str]:
    """Field names and words that occur in the golden cases: what really goes over the wires."""
    import json

    words: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                words.add(key)
                if key in ("type", "role", "stop_reason", "finish_reason", "code", "object"):
                    words.add(str(value))
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    for file in (ROOT / "mappings").rglob("cases/*/*.json"):
        walk(json.loads(file.read_text()))
    compound = {w for w in words if re.fullmatch(r"[a-z]+([_.-][a-z0-9]+)+", w)}
    return compound - ORDINARY
