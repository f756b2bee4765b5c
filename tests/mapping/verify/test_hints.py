"""What looks like a slip of the pen in a site's tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.parse.files import TableFolder
from aisix.mapping.verify import hints
from aisix.mapping.verify.kept import Kept
from tests.mapping.laid import NAME, checked

HINTED = {
    "two letters changed places": ("[event.message_dleta]\nping = true\n", 1, '"message_delta"'),
    "one was lost": ("[event.mesage_delta]\nping = true\n", 1, '"message_delta"'),
    "one twice": ("[event.message_deltaa]\nping = true\n", 1, '"message_delta"'),
    "an odd kind": ("[chunk.text]\nrole = true\n", 2, "is true or false here, and text"),
    "a rule in a list": ("[chunk.text]\nx = [{ from = 'say' }]\n", 2, "a list is a constant"),
}


@pytest.mark.parametrize("slip", HINTED)
def test_what_looks_like_a_slip(slip: str) -> None:
    text, line, words = HINTED[slip]
    found, notes = checked({f"{NAME}/answer.toml": text})
    assert found == []
    told = [note for note in notes if note.startswith(f"mine/{NAME}/answer.toml:{line}: ")]
    assert any(words in note for note in told), notes


def test_what_is_good_is_quiet() -> None:
    text = "[event.hint]\nemit = 'hint'\n[chunk.hint]\nhints = { from = 'hint.texts' }\n"
    text += "numbered = 3\nprose = 'mesage delta of ours'\n"
    assert checked({f"{NAME}/answer.toml": text}) == ([], [])


def test_a_header_of_what_is_not_sent_is_told_where_the_caller_s_own_is() -> None:
    text = "[accept]\nteam = 'string'\n[field.user]\nfrom = 'team'\n[header.x-team]\n"
    for given, hinted in (("team", True), ("$body.team", False), ("user", False)):
        rule = f"team = {{ from = '{given}' }}\n"
        found, notes = checked({f"{NAME}/request.toml": text + rule})
        assert found == []
        assert any('"$body.team"' in note for note in notes) == hinted, notes


PASSING = "openai-chat/openai-chat"  # its [rest] passes everything on


@pytest.mark.parametrize(
    ("file", "text", "hinted"),
    [
        ("request.toml", "[field]\nservice_tier = 'flex'\n", True),
        ("request.toml", "[field.service_tier]\nfrom = '$option.x'\ndefault = 'flex'\n", True),
        ("request/rest.toml", "[field]\nservice_tier = 'flex'\n", True),
        ("request.toml", "[field]\nservice_tier = 'flex'\n[rest]\nservice_tier = 'drop'\n", False),
        ("request.toml", "[field]\nservice_tier = 'flex'\n[rest]\nservice_tier = 'pass'\n", True),
        (
            "request.toml",
            "[field.service_tier]\nfrom = 'service_tier'\ndefault = 'flex'\n",
            False,
        ),
        ("request.toml", "[field.service_tier]\nvalue = 1\npolicy = 'warn'\n", False),
    ],
)
def test_a_field_that_the_caller_s_own_takes_the_place_of(
    file: str, text: str, hinted: bool
) -> None:
    found, notes = checked({f"{PASSING}/{file}": text.replace("$option.x", "$upstream_model")})
    assert found == []
    assert any("in place of this" in note for note in notes) == hinted, notes


def test_where_nothing_is_passed_on_it_is_not_told() -> None:
    text = "[field]\nmy_tier = 'flex'\n"
    assert checked({f"{NAME}/request.toml": text}) == ([], [])


def test_words_of_the_first_folder_are_counted_once_and_those_of_another_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / "kept")
    text = b"[field.wonder]\nfrom = 'wonder'\n"
    first = TableFolder(tmp_path, "a", {"x/y/request.toml": text})
    counted = hints.of_shipped(first, kept)
    assert counted[0]["wonder"] == 2
    (file,) = kept.folder.iterdir() if kept.folder else ()
    monkeypatch.setattr(hints, "_read_before", {})  # as another process has it
    with monkeypatch.context() as patched:
        patched.setattr(hints, "_usual", None)
        assert hints.of_shipped(first, kept) == counted
    monkeypatch.setattr(hints, "_read_before", {})
    file.write_bytes(file.read_bytes()[:-1])  # cut: counted anew
    assert hints.of_shipped(first, kept) == counted
    other = TableFolder(tmp_path, "a", {"x/y/request.toml": text.replace(b"wonder", b"wander")})
    assert hints.of_shipped(other, kept)[0]["wonder"] == 0
