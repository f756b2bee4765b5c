"""Where what a case expects and what was built differ: JSON by path, streams frame by frame."""

from __future__ import annotations

import msgspec

from aisix.mapping.syntax.paths import Json


def frames(data: bytes) -> list[Json]:
    """JSON of each data frame (key order and spacing do not matter), other frames as they are."""
    out: list[Json] = []
    for frame in data.split(b"\n\n"):
        if not frame:
            continue
        head, _, payload = frame.rpartition(b"data: ")
        try:
            out.append((head, msgspec.json.decode(payload)))
        except msgspec.DecodeError:
            out.append(frame)
    return out


def frame_differences(expected: bytes, found: bytes) -> list[str]:
    wanted, got = frames(expected), frames(found)
    wrong = [
        f"frame {n}: expected {a!r}, found {b!r}"
        for n, (a, b) in enumerate(zip(wanted, got, strict=False))
        if a != b
    ]
    if len(wanted) != len(got):
        wrong.append(f"expected {len(wanted)} frames, found {len(got)}")
    return wrong[:5]


def differences(expected: Json, found: Json, at: str = "") -> list[str]:
    """Where two JSON values differ, by path."""
    if type(expected) is dict and type(found) is dict:
        wrong = []
        for key in [*expected, *(key for key in found if key not in expected)]:
            path = f"{at}.{key}" if at else key
            if key not in found:
                wrong.append(f"{path}: expected {expected[key]!r}, found nothing")
            elif key not in expected:
                wrong.append(f"{path}: expected nothing, found {found[key]!r}")
            else:
                wrong += differences(expected[key], found[key], path)
        return wrong
    if type(expected) is list and type(found) is list and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [text for n, (a, b) in pairs for text in differences(a, b, f"{at}[{n}]")]
    if expected != found or type(expected) is not type(found):
        return [f"{at}: expected {expected!r}, found {found!r}"]
    return []
