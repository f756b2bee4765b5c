"""Names of settings as a file and the environment give them, and what is said of unknown ones."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aisix.errors import Complaint

PREFIX = "AISIX_"
OWN = ("AISIX_CONFIG", "AISIX_ADMIN_KEY", "AISIX_HANDOVER")  # read, and no settings


def flatten(
    given: dict[str, Any],
    known: Collection[str],
    where: Callable[[str], str],
    complaints: list[Complaint],
) -> dict[str, Any]:
    """{"section.name": value} of nested sections; a name that is not known is a complaint."""
    sections = {key[:at] for key in known for at, sign in enumerate(key) if sign == "."}
    flat: dict[str, Any] = {}

    def walk(below: dict[Any, Any], prefix: str) -> None:
        for key, value in below.items():
            name = f"{prefix}{key}"
            if name in known:
                flat[name] = value
            elif name not in sections:
                text_ = f"unknown setting{_near(name, known)}"
                complaints.append(Complaint(where(name), name, text_))
            elif isinstance(value, dict):
                walk(value, f"{name}.")
            elif value is not None:
                text_ = "expected names and values below it"
                complaints.append(Complaint(where(name), name, text_))

    walk(given, "")
    return flat


def _near(name: str, known: Collection[str]) -> str:
    # At the top a section may be meant; inside one, the section is right.
    sections = {key.partition(".")[0] for key in known}
    close = difflib.get_close_matches(name, known if "." in name else sections, 1, 0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""


def unused_variables(env: Mapping[str, str], known: Collection[str]) -> list[str]:
    """Names as a setting's would be, without a section, that set nothing: sorted.

    >>> unused_variables({"AISIX_WORKERS": "2", "AISIX_OSS_PORT": "1", "HOME": "/"}, ["workers"])
    ['AISIX_OSS_PORT']
    """
    names = {PREFIX + key.upper() for key in known}.union(OWN)
    return sorted(
        one for one in env if one.startswith(PREFIX) and "__" not in one and one not in names
    )


def unknown_variables(env: Mapping[str, str], known: Collection[str]) -> list[Complaint]:
    """Only names with a section are ours for sure; a plain AISIX_X may be someone's own."""
    names = {PREFIX + key.upper().replace(".", "__"): key for key in known}
    out = []
    for variable in env:
        if variable.startswith(PREFIX) and "__" in variable and variable not in names:
            close = difflib.get_close_matches(variable, names, 1, 0.6)
            hint = f" (did you mean {close[0]}?)" if close else ""
            out.append(Complaint(variable, "", f"unknown setting{hint}"))
    return out
