"""The start in the original AISIX's form: its config.yaml, its defaults, its folders.

    form_of({"names": "aisix"}, {}, "")      "aisix"
    start = their_start(given, env, where, folder)   the settings of ours that it comes to

The form is that of a start without a verb, of `names: aisix` in the file and of AISIX_NAMES=aisix;
`names: ours` turns it off. What each setting becomes, `movein` declares; here is what only a whole
start can say.

Must never know: what a setting of ours may be.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aisix.errors import Complaint
from aisix.movein.declared import DIFFERENT, TheirSaid
from aisix.movein.settings import MovedSettings, moved_settings, variable

OURS, ORIGINAL = "ours", "aisix"
NAMES = "names"
VARIABLE = "AISIX_NAMES"
LINES = "observability.access_log_format"
SOURCES = ("etcd.endpoints", "resources_file")
KEYS = ("encryption_key", "encryption_key_file")
SYSTEM_FOLDER = Path("/var/lib/aisix")
OUTLIVES_NOTHING = "no folder of ours can be written: nothing here outlives the process"


def form_of(given: Mapping[str, Any], env: Mapping[str, str], started: str) -> str:
    """`started`: the form of the start itself; the environment and the file go before it."""
    found = env.get(VARIABLE) or given.get(NAMES) or started or OURS
    return str(found)


def their_start(
    given: Mapping[str, Any],
    env: Mapping[str, str],
    where: Callable[[str], str],
    beside: Path,
) -> MovedSettings:
    """Everything that the start comes to; complaints are in `wrong`. beside: the file's folder."""
    moved = moved_settings(given, env, where)
    flat = moved.flat

    def value(name: str) -> Any:
        return env.get(variable(name)) or flat.get(name)

    named = [name for name in SOURCES if value(name)]
    if not named:
        text = "give one of etcd.endpoints and resources_file: there are no resources without"
        moved.wrong.append(Complaint(where(SOURCES[0]), SOURCES[0], text))
    if SOURCES[0] not in named:
        flat.pop("etcd.copy_path", None)  # it says nothing there
    if SOURCES[0] in named:
        if not any(value(key) for key in KEYS):
            flat.setdefault("etcd.secrets", "plain")
            flat["etcd.read_only"] = True
            why = (
                "secrets in etcd are in clear, as the original keeps them; what is sealed there is "
                "refused, and admin writes are, until encryption_key is set on every node"
            )
            add = "encryption_key_file: FILE   # the same on every node: openssl rand -base64 32"
            moved.said.append(
                TheirSaid(where("etcd.endpoints"), "etcd.secrets", DIFFERENT, "", why, add)
            )
        if not value("node_id"):
            flat["node_id"] = _node_id(value("proxy.addr"))
    if not value(LINES):
        flat[LINES] = "text"
    if not value("data_dir"):
        folder, why = data_folder(beside)
        flat["data_dir"] = str(folder)
        if why:
            moved.said.append(TheirSaid("", "data_dir", DIFFERENT, "", why))
    return moved


def _node_id(addr: object) -> str | None:
    """`HOST-PORT`: several gateways of one machine are several nodes. None: the host alone."""
    port = str(addr or "").rpartition(":")[2]
    host = os.uname().nodename
    return f"{host}-{port}" if port.isdigit() else None


def data_folder(beside: Path, system: Path = SYSTEM_FOLDER) -> tuple[Path, str]:
    """`data` beside the settings' file, else the system's, else one that is soon gone; and why."""
    for folder in (beside / "data", system):
        above = folder if folder.exists() else folder.parent
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            return folder, ""
    return _fresh_folder(), OUTLIVES_NOTHING


@cache
def _fresh_folder() -> Path:
    """One of this process: its settings are read again at each SIGHUP."""
    return Path(tempfile.mkdtemp(prefix="aisix-"))
