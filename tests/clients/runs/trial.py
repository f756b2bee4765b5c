"""One client's three questions to a running gateway, and what came of them.

The client gets its settings from `aisix use --write`, in a home of its own. An answer counts when
the client says what the model said, ended well, and called one of its declared routes, streamed or
not as it was asked: the gateway's access lines tell.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aisix.cli.use import env_text
from aisix.cli.use.declared import Client, Mode, filled
from tests.clients.runs.installing import Installed
from tests.clients.runs.process import Ran, run
from tests.running import ADMIN_KEY, ROOT, Running

SCRIPTS = Path(__file__).parent / "scripts"
MARK = "ping-4711"
ECHO = f"Say {MARK}"
TOLD = "from-tool"  # by a command that a tool runs
WEATHER = "standin:tool What is the weather?"
ENDED = "\x1b]|\x1b\\[[0-9;?]*[A-Za-z]"  # what terminals take as orders
MAX_REASON = 160  # characters


@dataclass
class Result:
    """What one client did. A verdict is "yes", "no: why", or "" where it is not asked for."""

    version: str = ""
    verdicts: dict[str, str] = field(default_factory=dict)
    routes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return bool(self.verdicts) and all(one == "yes" for one in self.verdicts.values())


def try_client(
    name: str,
    client: Client,
    installed: Installed,
    gateway: Running,
    folder: Path,
    alias: str = "claude-prod",
    left: Callable[[], float] = lambda: 600.0,
) -> Result:
    """All that it can be asked for. `left()`: seconds that there still are."""
    env = environment(client, installed, folder, alias)
    key_id = settings_written(name, gateway, env, folder, alias)
    env |= _dotenv(folder)
    result = Result(installed.version)
    for mode in client.run.can:
        before = len(_lines(gateway, key_id))
        seconds = min(client.run.seconds, left())
        if seconds <= 0:
            result.verdicts[mode] = "no: there was no time left for it"
            continue
        ran = run(
            _command(name, client, installed, mode, folder, alias), env, folder, seconds, mode
        )
        lines = _lines(gateway, key_id, before, ran)
        result.verdicts[mode] = verdict(mode, client, ran, lines, (str(folder), *_places()))
        routes = {_asked(line) for line in lines if line["method"] == "POST"}
        result.routes = sorted({*result.routes, *routes})
    return result


def environment(client: Client, installed: Installed, folder: Path, alias: str) -> dict[str, str]:
    """A home of its own, and nothing of ours."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    node = shutil.which("node")
    system = ["/usr/local/bin", "/usr/bin", "/bin", *([str(Path(node).parent)] if node else [])]
    path = [*map(str, installed.bins), *dict.fromkeys(system)]
    return {
        "PATH": os.pathsep.join(path), "HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb",
        "NO_COLOR": "1", "COLUMNS": "400", "ALIAS": alias, **client.run.env,
    }  # fmt: skip


def settings_written(
    name: str, gateway: Running, env: Mapping[str, str], folder: Path, alias: str
) -> str:
    """`aisix use NAME ALIAS --write`, as the user would; the id of the key it made."""
    known = {item["id"] for item in _keys(gateway)}
    config = str(gateway.folder / "config.yaml")
    command = [sys.executable, "-m", "aisix", "use", name, alias, "--write", "--config", config]
    ours = {**env, "PYTHONPATH": str(ROOT), "AISIX_ADMIN_KEY": ADMIN_KEY}
    ran = run(command, ours, folder, 60, "use")
    assert ran.code == 0, ran.err
    # Others make keys at the same time: ours is the one whose name begins with the client's.
    made = [one for one in _keys(gateway) if one["id"] not in known]
    (key_id,) = [o["id"] for o in made if o["id"] in ran.err]
    return str(key_id)


def _keys(gateway: Running) -> list[dict[str, Any]]:
    return list(gateway.admin("GET", "apikeys?limit=1000").json["items"])


def _dotenv(folder: Path) -> dict[str, str]:
    """Libraries read the environment; their users' tools read `.env` into it."""
    file = folder / ".env"
    return env_text.read(file.read_text()) if file.exists() else {}


def _command(
    name: str, client: Client, installed: Installed, mode: Mode, folder: Path, alias: str
) -> list[str]:
    question = ECHO
    if mode == "tool":
        question = f"standin:call {client.run.call}" if client.run.call else WEATHER
    if command := getattr(client.run, mode):
        home = f"{folder / 'home'}/"
        words = [home + one[2:] if one.startswith("~/") else one for one in command]
        return list(filled(words, {"prompt": question, "alias": alias}))
    script = next(SCRIPTS.glob(f"{name}.*"))
    if script.suffix == ".py":
        return [installed.python, str(script), mode, question]
    if installed.node_folder is not None:
        script = Path(shutil.copy(script, installed.node_folder / script.name))
    return ["node", str(script), mode, question]


def _lines(gateway: Running, key_id: str, since: int = 0, ran: Ran | None = None) -> list[Any]:
    """The access lines of a key. Those of a client that said something are waited for."""
    end = time.monotonic() + (5 if ran is not None and ran.code == 0 else 0)
    while True:
        lines = [line for line in gateway.lines if line.get("api_key_id") == key_id][since:]
        if lines or time.monotonic() >= end:
            return lines
        time.sleep(0.05)  # between two looks: a line is written after its answer has left


def _asked(line: Any) -> str:
    """The path as the client wrote it: another spelling than the route's own is told apart."""
    return str(line.get("requested_path") or line["path"])


def _places() -> tuple[str, ...]:
    return str(ROOT), str(Path.home()), sys.prefix


def verdict(
    mode: Mode, client: Client, ran: Ran, lines: list[Any], hidden: tuple[str, ...] = ()
) -> str:
    """ "yes", or "no: " and why; no path of `hidden` is told."""
    asked = [
        line for line in lines if line["method"] == "POST" and "/count_tokens" not in line["path"]
    ]
    good = [line for line in asked if line["status"] == 200]
    said = " ".join(re.sub(ENDED, "", ran.out).split())
    wanted = ["The tool says:"] if mode == "tool" else ["You said:", MARK]
    if mode == "tool" and TOLD in client.run.call:
        wanted.append(TOLD)
    missing = [word for word in wanted if word not in said]
    if ran.code == 0 and not missing:
        if not good:
            return "no: it did not ask the gateway"
        wire = filled(client.wire, {"alias": str(good[0]["alias"])})
        elsewhere = sorted({_asked(line) for line in good} - {*wire})
        if elsewhere:
            return f"no: it called {', '.join(elsewhere)}"
        streamed = [line for line in good if "first_byte_ms" in line]
        if mode == "stream" and not streamed:
            return "no: it did not ask for a stream"
        if mode == "plain" and len(streamed) == len(good):
            return "no: it asked for a stream"
        return "yes"
    refused = next((line for line in asked if line["status"] != 200), None)
    if refused is not None:
        return f"no: {refused['status']} on {refused['path']}"
    if ran.code is None:
        return "no: it was not done in time"
    last = [line.strip() for line in (ran.err + "\n" + ran.out).splitlines() if line.strip()]
    why = last[-1] if last else ""
    wrong = [line for line in last if re.search(r"error|exception|invalid|unknown", line, re.I)]
    why = re.sub(ENDED, "", wrong[-1] if wrong else why)
    for place in hidden:
        why = why.replace(place, "...")
    return f"no: {why[:MAX_REASON] or 'it ended with ' + str(ran.code)}"
