"""The clients: what each needs to reach the gateway, and how it is run to see that it does.

    clients()["codex"].files[0].path  ->  ["$CODEX_HOME/config.toml", "~/.codex/config.toml"]

One TOML file a client under clients/. `aisix use` prints and writes the settings of `files`;
`make clients` (tests/clients/runs) installs `install`, writes the same settings and runs `run`, and
docs/clients.md is made of both. Texts may hold {url} (the gateway, without a path), {alias} and
{key}; those of `run` also {prompt}.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from aisix.errors import OperatorError

FOLDER = Path(__file__).parent / "clients"
Format = Literal["toml", "yaml", "json", "env"]
Mode = Literal["plain", "stream", "tool"]


class ClientFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A file of the client's, and what shall stand in it; the rest of it is the user's."""

    path: list[str]  # the first one whose $VARIABLES are set; `.env` is the current folder's
    format: Format
    set: dict[str, Any]
    item_by: str = (
        ""  # the file is a list: `set` is that item of it whose key of this name is equal
    )
    darwin: str = ""  # the last path, on macOS


class Install(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The packages that bring it; the first is the one whose version is told."""

    pip: list[str] = []
    npm: list[str] = []


class Run(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How a run tries it: a command each for a plain answer, a streamed one and a tool round.

    Without commands, its script of tests/clients/runs/scripts is run. What a client cannot be asked
    for is left out of `can`.
    """

    can: tuple[Mode, ...] = ("plain", "stream", "tool")
    plain: list[str] = []
    stream: list[str] = []
    tool: list[str] = []
    call: str = ""  # the tool that the model shall call, and its arguments; default: the first one
    env: dict[str, str] = {}  # besides what stands in `files`: a run without a terminal and updates
    seconds: int = 60  # for each of the three


class Client(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    title: str
    about: str
    wire: list[str]  # the gateway's routes that it calls
    install: Install
    files: list[ClientFile]
    run: Run = Run()
    code: str = ""  # of a library: the lines that differ from its own examples
    language: str = ""
    mind: list[str] = []


@functools.cache
def clients() -> dict[str, Client]:
    """All that are declared, by name."""
    found = {}
    for file in sorted(FOLDER.glob("*.toml"), key=lambda file: file.stem):
        found[file.stem] = msgspec.convert(tomllib.loads(file.read_text("utf-8")), Client)
    return found


def client(name: str) -> Client:
    """The one of this name; OperatorError with near names."""
    known = clients()
    if name in known:
        return known[name]
    raise OperatorError(f"there is no client {name!r}: {near(name, list(known))}")


def near(name: str, known: list[str]) -> str:
    """What may have been meant, in words."""
    close = difflib.get_close_matches(name.lower(), known, 3, 0.5)
    close += [one for one in known if name and name.lower() in one and one not in close][:3]
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(known[:40])}{' ...' if len(known) > 40 else ''}"


def filled(node: Any, values: Mapping[str, str]) -> Any:
    """The texts and keys of a tree with its {placeholders} put in; of others nothing is touched."""
    if isinstance(node, str):
        for name, value in values.items():
            node = node.replace("{" + name + "}", value)
        return node
    if isinstance(node, dict):
        return {filled(key, values): filled(below, values) for key, below in node.items()}
    return [filled(below, values) for below in node] if isinstance(node, list) else node
