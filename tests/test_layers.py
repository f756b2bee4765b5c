"""The house holds together: who may import whom, file sizes, and no wire name in Python."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "aisix"
FILES = sorted(PACKAGE.rglob("*.py"))

# room (a folder of aisix/, or a file at its top) ->
#     (rooms it may import, packages from outside beside the standard library)
ROOMS: dict[str, tuple[set[str], set[str]]] = {
    "__init__": (set(), set()),
    "errors": (set(), set()),
    "text_lines": (set(), set()),
    "log": ({"errors", "text_lines"}, {"msgspec"}),
    "timer": (set(), set()),
    "limits": ({"errors", "log"}, {"msgspec", "hiredis"}),
    "workers": (set(), {"msgspec"}),
    "movein": ({"errors"}, set()),
    "config": ({"errors", "movein"}, {"voluptuous", "yaml"}),
    "store": ({"errors", "log", "movein"}, {"voluptuous", "msgspec", "nacl", "pycurl", "yaml"}),
    "mapping": ({"errors"}, {"toml", "voluptuous", "msgspec"}),
    "upstream": ({"errors", "log", "timer"}, {"pycurl"}),
    "listener": ({"errors", "log", "timer"}, {"tornado", "httptools"}),
    "telemetry": (
        {"errors", "listener", "workers"},
        {"tornado", "opentelemetry", "requests"},
    ),
    "standin": ({"errors", "log"}, {"tornado"}),
    "admin": ({"errors", "log", "listener", "store"}, {"tornado", "msgspec"}),
    "routing": ({"errors", "log", "config", "limits", "mapping", "store", "upstream"}, set()),
    "proxy": (
        {
            "errors",
            "log",
            "text_lines",
            "config",
            "limits",
            "listener",
            "mapping",
            "routing",
            "store",
        }
        | {"telemetry", "upstream", "workers"},
        {"tornado", "msgspec"},
    ),
    "runtime": (
        {"errors", "log", "admin", "config", "limits", "listener", "mapping", "proxy", "routing"}
        | {"store", "telemetry", "upstream", "workers"},
        {"tornado", "uvloop", "msgspec", "hiredis"},
    ),
    "cli": (
        {"errors", "log", "config", "listener", "mapping", "movein", "routing", "runtime"}
        | {"standin", "store", "upstream"},
        {"msgspec", "tabulate", "yaml"},  # yaml: files of clients, edited in place
    ),
    "__main__": ({"cli"}, set()),
}
# The same inside mapping/, whose own files are its door: rules, request and answer, each four times
# over (what tables say, from TOML, run, as Python source). `parse` and `interpret` share no word.
MAPPING: dict[str, set[str]] = {
    "syntax": set(),
    "grammar": {"syntax"},
    "verbs": {"syntax", "grammar"},
    "parse": {"syntax", "grammar", "verbs"},
    "interpret": {"syntax", "verbs"},
    "compile": {"syntax", "grammar", "verbs", "interpret"},
    "dialect": {"syntax", "grammar", "parse", "interpret"},
    "door": {"syntax", "verbs", "parse", "interpret", "compile", "dialect"},
    "editor": {"syntax", "grammar", "verbs", "parse", "door"},
    "verify": {"syntax", "grammar", "parse", "interpret", "compile", "dialect", "door"},
}
PURE_OF = {"asyncio", "sqlite3", "socket", "time", "random", "threading", "subprocess"}
# Of mapping/, the files that touch the world: they read folders, or run a case's clock.
WORLDLY = {"parse/files.py", "verify/cases.py", "verify/kept.py"}


def module_of(file: Path) -> tuple[str, ...]:
    """("mapping", "parse", "files") of aisix/mapping/parse/files.py."""
    return file.relative_to(PACKAGE).with_suffix("").parts


def room_of(module: tuple[str, ...]) -> str:
    return module[0]


def mapping_room_of(module: tuple[str, ...]) -> str:
    """Of a module of mapping/, or of what is imported from there."""
    below = module[1] if len(module) > 1 else ""
    return below if (PACKAGE / "mapping" / below).is_dir() and below else "door"


def imports(file: Path) -> Iterator[tuple[str, ...]]:
    """Every module that is named in an import, at whatever depth of the file it stands."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{file}:{node.lineno}: a relative import"
            module = tuple(node.module.split("."))
            if ROOT.joinpath(*module).is_dir():
                yield from ((*module, alias.name) for alias in node.names)
            else:
                yield module


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_only_downward(file: Path) -> None:
    module = module_of(file)
    room = room_of(module)
    ours, outside = ROOMS[room]
    for name in imports(file):
        if name[0] == "aisix":
            if name[1:] not in ((), ("__version__",)):
                assert name[1] in ours | {room}, f"{room} must not import {'.'.join(name)}"
            if room == "mapping" and name[1] == "mapping":
                mine, other = mapping_room_of(module), mapping_room_of(name[1:])
                assert other in MAPPING[mine] | {mine}, f"{mine} must not import {'.'.join(name)}"
        elif name[0] not in sys.stdlib_module_names:
            assert name[0] in outside, f"{room} must not import {name[0]}"
        elif room == "mapping" and "/".join(module[1:]) + ".py" not in WORLDLY:
            assert name[0] not in PURE_OF, f"mapping is pure, without {name[0]}"


@pytest.mark.parametrize("table", [{k: v[0] for k, v in ROOMS.items()}, MAPPING])
def test_the_rooms_stand_on_floors(table: dict[str, set[str]]) -> None:
    """No circle: every room can be put above all it may import."""
    floor: dict[str, int] = {}
    while len(floor) < len(table):
        ready = [room for room, below in table.items() if room not in floor and below <= {*floor}]
        assert ready, f"a circle among {set(table) - set(floor)}"
        floor |= {room: 1 + max((floor[b] for b in table[room]), default=0) for room in ready}
    assert max(floor.values()) <= 8


def test_no_files_import_each_other() -> None:
    graph: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    known = {("aisix", *module_of(file)): file for file in FILES if file.stem != "__init__"}
    known |= {("aisix", *module_of(f)[:-1]): f for f in FILES if f.stem == "__init__"}
    known |= {("bench", f.stem): f for f in (ROOT / "bench").glob("*.py")}
    for name, file in known.items():
        graph[name] = {other for other in imports(file) if other in known} - {name}
    done: set[tuple[str, ...]] = set()
    while len(done) < len(graph):
        free = {name for name, others in graph.items() if name not in done and others <= done}
        assert free, f"a circle among {sorted('.'.join(n) for n in set(graph) - done)}"
        done |= free


def test_every_room_is_entered_in_the_tables() -> None:
    rooms = {f.name for f in PACKAGE.iterdir() if (f / "__init__.py").exists()}
    assert rooms | {f.stem for f in PACKAGE.glob("*.py")} == set(ROOMS)
    inside = {f.name for f in (PACKAGE / "mapping").iterdir() if (f / "__init__.py").exists()}
    assert inside | {"door"} == set(MAPPING)


FOLDERS = sorted(file.parent for file in PACKAGE.rglob("__init__.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: str(f.relative_to(ROOT)))
def test_a_map_names_what_is_there(folder: Path) -> None:
    """The docstring of a package lists its modules and rooms, all of them and no others."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()), clean=False) or ""
    rows = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    listed = {name for row in rows for name in re.findall(r"(?<![\w/.])(\w+)(?:\.py|/)", row)}
    there = {f.stem for f in folder.glob("*.py")} - {"__init__"}
    there |= {f.name for f in folder.iterdir() if (f / "__init__.py").exists()}
    assert listed == there


# ---------------------------------------------------------------- tests lie where the code lies
# aisix/a/b.py is tested by tests/a/test_b.py, or it stands here: itself or its room, and the file that
# tries it. ONLY_VALUES: names and shapes, nothing that could be tried alone.
ONLY_VALUES = "it holds values"
TESTED_BY = {
    "errors": ONLY_VALUES,
    "admin/app": "admin/test_openapi",
    "admin/base": "admin/test_handlers",
    "admin/captures": "admin/test_openapi",
    "admin/captures_api": "admin/test_openapi",
    "admin/health": "runtime/test_status",
    "admin/nodes": "runtime/test_nodes",
    "admin/pages": "admin/test_openapi",
    "admin/tables": "runtime/test_table_switch",
    "admin/tables_api": "admin/test_openapi",
    "cli/findings": "cli/test_doctor",
    "cli/main": "test_docs",
    "cli/admin_client": "cli/test_resources",
    "cli/status": "runtime/test_nodes",
    "cli/mappings": "cli/test_mappings",
    "cli/use/caller": "cli/use/test_command",
    "movein/declared": "movein/test_settings",
    "movein/turns": "movein/test_settings",
    "config/declared": "config/test_settings",
    "config/setting": ONLY_VALUES,
    "config/sections": ONLY_VALUES,
    "config/shipped": "test_wheel",
    "limits/base": ONLY_VALUES,
    "limits/rules": "limits/test_shared",
    "limits/redis": "limits/redis/test_limiter",
    "listener/limits": ONLY_VALUES,
    "listener/context": ONLY_VALUES,
    "listener/guard": "exchanges/test_mistakes",
    "listener": "listener/test_conformance",
    "mapping/types": ONLY_VALUES,
    "mapping/exchange": "mapping/test_properties",
    "mapping/effective": "mapping/test_generality",
    "mapping/mappings": "mapping/parse/test_complaints",
    "mapping/streaming": "mapping/test_properties",
    "mapping/translation": "mapping/test_properties",
    "mapping/compile": "mapping/compile/test_as_interpreted",
    "mapping/dialect/caller": "mapping/test_generality",
    "mapping/editor": "mapping/editor/test_judging",
    "mapping/grammar": "mapping/grammar/test_declared",
    "mapping/interpret": "mapping/compile/test_as_interpreted",
    "mapping/parse": "mapping/parse/test_complaints",
    "mapping/syntax": ONLY_VALUES,
    "mapping/verbs": "mapping/verify/test_cases",
    "mapping/verify/captured": "cli/test_capture",
    "mapping/verify/changed": "cli/test_explain",
    "mapping/verify/followed": "cli/test_explain",
    "mapping/verify/document": "mapping/verify/test_links",
    "mapping/verify/hints": "mapping/verify/hints/test_found",
    "mapping/verify/liveness": "mapping/verify/liveness/test_found",
    "mapping/verify/explain": "mapping/verify/test_links",
    "mapping/verify/failed": "mapping/verify/test_links",
    "mapping/verify/layers": "mapping/verify/test_links",
    "proxy/back_pressure": "exchanges/test_upstream_wire",
    "proxy/call": "exchanges/test_failover",
    "proxy/chat": "exchanges/test_upstream_wire",
    "proxy/counted": "runtime/test_original_metrics",
    "proxy/entering": "exchanges/test_awaited_limits",
    "proxy/model_status": "runtime/test_status",
    "proxy/pass_call": "proxy/test_passing",
    "proxy/relay": "exchanges/test_upstream_wire",
    "proxy/stream_writer": "exchanges/test_upstream_wire",
    "proxy/tables": "runtime/test_reload",
    "proxy/upstream_doubts": "runtime/test_moved_resources",
    "routing/resource_checks": "admin/test_handlers",
    "runtime/companion": "runtime/test_cluster",
    "runtime/drivers": "exchanges/test_tls",
    "runtime/listening": "runtime/test_service",
    "runtime/node_facts": "runtime/test_nodes",
    "runtime/resources": "runtime/test_cluster",
    "runtime/open_files": "exchanges/test_callers_who_leave",
    "runtime/systemd": "runtime/test_service",
    "standin": "strict/test_anthropic_wire",
    "store": "store/test_contract",
    "telemetry/families": "test_docs",
    "telemetry/metrics_endpoint": "telemetry/test_metrics",
    "telemetry/metrics_listener": "telemetry/test_metrics",
    "telemetry/status_pages": "runtime/test_status",
    "telemetry/original": "telemetry/original/test_counting",
    "telemetry/page": "telemetry/test_metrics",
    "upstream/ca_rotation": "exchanges/test_tls",
    "upstream": "upstream/test_curl",
}
TESTS = ROOT / "tests"


def entry_of(module: str) -> str:
    """The entry of a module, or of the room it is in; "" without one."""
    while module not in TESTED_BY and module:
        module = module.rpartition("/")[0]
    return module


def test_every_module_has_a_test_where_it_lies() -> None:
    modules = {"/".join(module_of(f)) for f in FILES if not f.stem.startswith("__")}
    own = {m for m in modules if (TESTS / m).with_name(f"test_{Path(m).name}.py").exists()}
    assert {module for module in modules - own if not entry_of(module)} == set()
    assert {entry_of(module) for module in modules - own} == set(TESTED_BY), "nobody needs it"
    assert {by for by in TESTED_BY.values() if not (TESTS / f"{by}.py").exists()} == {ONLY_VALUES}


def test_every_test_of_a_module_lies_where_one_may_be() -> None:
    """A folder of tests is a room of aisix/, or one of these."""
    others = {
        "chaos",
        "clients",
        "cluster",
        "differential",
        "exchanges",
        "faults",
        "fuzzed",
        "strict",
    }
    rooms = {folder.relative_to(PACKAGE).as_posix() for folder in FOLDERS}
    found = {file.parent.relative_to(TESTS).as_posix() for file in TESTS.rglob("test_*.py")}
    found = {folder for folder in found if "node_modules" not in folder}
    assert found - rooms == others


EXAMPLES = [file for file in FILES if ">>> " in file.read_text()]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_the_examples_of_a_docstring_are_true(file: Path) -> None:
    module = importlib.import_module(".".join(("aisix", *module_of(file))))
    assert doctest.testmod(module).failed == 0


def test_a_class_name_is_used_once() -> None:
    places: dict[str, list[str]] = {}
    for file in FILES:
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(file.relative_to(PACKAGE)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_only_few_files_know_pycurl() -> None:
    """The driver of requests; and what blocks, on no event loop: the client of etcd."""
    users = {
        f.relative_to(PACKAGE).as_posix()
        for f in FILES
        if "pycurl" in {name[0] for name in imports(f)}
    }
    etcd = {"store/etcd/client.py", "store/etcd/lines.py"}
    assert users == {"upstream/curl.py", "upstream/handle.py"} | etcd


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
        "user_id",
    ),
}
# Names of a provider's in our own admin API, which took them over on purpose.
ADMIN_API = {"anthropic_version", "X-Api-Key"}
# Options of passes and of [mend.blocks], older here than the field of the Responses API.
OF_THE_LANGUAGE = {"call_id"}
# A step of the database says what documents held when it was written: values of our admin API.
STORED = {"store/migrations.py": "= 'openai'"}
ALWAYS_WIRE = re.compile(
    r"claude|gpt-|anthropic(?!_version$)|openai|chatcmpl|tool_(use|calls|choice|result)|"
    r"stop_reason|finish_reason|end_turn|max_(completion_)?tokens|content_block|message_(start|delta|stop)|"
    r"cache_control|response_format|reasoning_effort|x-api-key|(?<!^call)_delta$",
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
        text = text.replace(STORED.get("/".join(file.relative_to(PACKAGE).parts), "\0"), "")
        assert not ALWAYS_WIRE.search(text), f"{file.name}:{line}: {text!r} is a wire name"


# Names of our own (verbs, options, passes, table sections, settings) are in the tables too.
@pytest.mark.parametrize("file", GATEWAY, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_no_word_of_the_wire_sides_stands_in_python(file: Path) -> None:
    wire = _wire_sides()
    for line, text in texts(file):
        assert text not in wire - ADMIN_API - OF_THE_LANGUAGE, (
            f"{file.name}:{line}: {text!r} is a wire name"
        )


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
