"""The Pythons aisix says it runs on, those of them that are here, and the suite on each.

    python3 tests/pythons.py                 what is here: "3.12 /usr/bin/python3.12", one a line
    python3 tests/pythons.py 3.11            the path of that one
    python3 tests/pythons.py newest          the path of the newest
    python3 tests/pythons.py run [PART ...]  `make suite` on each in turn, then the totals

What is supported stands once, in the classifiers of pyproject.toml. Here is what runs: pythonX.Y on
the PATH (a shim that leads nowhere does not), else in the folders of pyenv and uv. Any Python 3 runs
this file (3.8 or newer). Exit code: 1 when a suite failed, 2 when what was asked for is not here.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROBE = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
FOLDERS = (
    "${PYENV_ROOT}/versions/*/bin",
    "~/.pyenv/versions/*/bin",
    "~/.local/share/uv/python/*/bin",
    "/opt/python*/bin",
)
TOTAL = re.compile(r"^[^=\n]*\b\d+ (?:passed|failed|error)\b.*$", re.MULTILINE)


def supported() -> list[str]:
    """
    >>> supported()[0]
    '3.11'
    """
    text = (ROOT / "pyproject.toml").read_text()
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def found(version: str) -> str | None:
    """Where it is: the file that runs, which is no shim."""
    name = f"python{version}"
    on_path = [os.path.join(folder, name) for folder in os.get_exec_path()]
    elsewhere = [os.path.expandvars(os.path.expanduser(folder)) for folder in FOLDERS]
    files = [file for folder in elsewhere for file in glob.glob(os.path.join(folder, name))]
    for file in [*on_path, *sorted(files, key=_numbers, reverse=True)]:
        if os.access(file, os.X_OK) and _answers(file) == version:
            return file
    return None


def _numbers(path: str) -> list[int]:
    """
    >>> _numbers("versions/3.13.0/bin/python3.13") < _numbers("versions/3.13.10/bin/python3.13")
    True
    """
    return [int(number) for number in re.findall(r"\d+", path)]


def _answers(file: str) -> str:
    try:
        done = subprocess.run(
            [file, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()


def run(parts: list[str]) -> int:
    """The suite, or those parts of it, on every one that is here; says which are not."""
    totals, failed = [], False
    for version in supported():
        file = found(version)
        if file is None:
            totals.append(f"Python {version}: not found, or without venv")
            continue
        print(f"== Python {version}: {file}", flush=True)
        make = ["make", "--no-print-directory", "suite", f"PYTHON={file}", f"VENV=.venv-{version}"]
        process = subprocess.Popen(
            [*make, f"PARTS={' '.join(parts)}"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            print(line, end="", flush=True)
            said += line
        code = process.wait()
        failed = failed or code != 0
        last = " + ".join(TOTAL.findall(said)) or f"make ended with {code}"
        totals.append(f"Python {version}: {last}")
    print("", *totals, sep="\n")
    return 1 if failed else 0


def main(words: list[str]) -> int:
    if words[:1] == ["run"]:
        return run(words[1:])
    here = {version: file for version in supported() if (file := found(version)) is not None}
    if not words:
        print(*(f"{version} {file}" for version, file in here.items()), sep="\n")
        return 0
    wanted = max(here, key=_numbers, default="") if words == ["newest"] else words[0]
    if wanted not in here:
        print(f"no Python {wanted or 'that is supported'} here, with venv", file=sys.stderr)
        return 2
    print(here[wanted])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
