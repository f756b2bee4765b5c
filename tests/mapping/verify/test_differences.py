"""Where what is expected and what was found differ."""

from __future__ import annotations

from aisix.mapping.verify.differences import differences, frame_differences


def test_each_difference_is_told_by_its_path() -> None:
    expected = {"a": [{"b": 1}, 2], "gone": 1, "n": 1}
    found = {"a": [{"b": 2}, 2], "new": None, "n": True}
    assert differences(expected, found) == [
        "a[0].b: expected 1, found 2",
        "gone: expected 1, found nothing",
        "n: expected 1, found True",
        "new: expected nothing, found None",
    ]


def test_lists_of_another_length_are_told_whole() -> None:
    assert differences({"a": [1]}, {"a": [1, 2]}) == ["a: expected [1], found [1, 2]"]


def test_frames_are_compared_by_what_they_say() -> None:
    assert frame_differences(b'data: {"a": 1, "b": 2}\n\n', b'data: {"b":2,"a":1}\n\n') == []
    assert frame_differences(b"data: [DONE]\n\n", b"data: [DONE]\n\n") == []
    cut = frame_differences(b"data: 1\n\ndata: [DONE]\n\n", b"data: 1\n\n")
    assert cut == ["expected 2 frames, found 1"]
    assert len(frame_differences(b"data: 1\n\n" * 9, b"data: 2\n\n" * 9)) == 5, "the first ones"
