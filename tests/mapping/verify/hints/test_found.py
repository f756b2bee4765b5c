"""What looks like a slip of the pen in a site's tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify.hints.found import hints
from aisix.mapping.verify.hints.unshown import MOST_CASES, unshown
from aisix.mapping.verify.kept import Kept
from tests.mapping.laid import NAME, SHIPPED, checked, laid

HINTED = {
    "two letters changed places": ("[event.message_dleta]\nping = true\n", 1, '"message_delta"'),
    "one was lost": ("[event.mesage_delta]\nping = true\n", 1, '"message_delta"'),
    "one twice": ("[event.message_deltaa]\nping = true\n", 1, '"message_delta"'),
    "a short word": ("[chunk.text]\nx = { from = 'delta.txet' }\n", 2, '"text"'),
    "a word within a name": ("[chunk.text]\nmy_conten = 3\n", 2, '"my_content"'),
    "a name well known, not as a plural": ("[usage]\ninput_token = 3\n", 2, '"input_tokens"'),
    "one of two that stand once": (
        "[chunk.text]\nnimbus = { from = 'nimbos' }\n",
        *(2, '"nimbus" stands nowhere else; did you mean "nimbos"?'),
    ),
    "a path the other way round": (
        "[chunk.text]\nx = { from = 'usage.delta' }\ny = { from = 'thinking.delta' }\n",
        *(3, '"delta.thinking"'),
    ),
    "a path that begins with what others go on with": (
        "[chunk.text]\nx = { from = 'oops.kind' }\ny = { from = 'words.oops' }\n",
        *(3, '"oops.words"'),
    ),
    "a root within a path": ("[chunk.text]\nx = { from = 'id.$state' }\n", 2, "begins with $state"),
    "an odd kind": ("[chunk.text]\nrole = true\n", 2, "is true or false here, and text"),
    "a constant where it is looked up": (
        *("[envelope.chunk]\nusage = 3\n", 2),
        "is number here, and $lookup wherever else it stands",
    ),
    "a rule in a list": ("[chunk.text]\nx = [{ from = 'say' }]\n", 2, "a list is a constant"),
    "a list of one": ("[chunk.text]\nx = { from = ['say'] }\n", 2, 'the same as "say" alone'),
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
    text += "one = { value = ['a'] }\nnumbered = 3\nprose = 'mesage delta of ours'\n"
    assert checked({f"{NAME}/answer.toml": text}) == ([], [])


def test_a_header_that_is_not_passed_on_is_quiet() -> None:
    row = "[upstream.mine]\nbefore = 'context-code'\nwhen = { status = 529 }\nstatus = 503\n"
    text = f"{row}headers = {{ retry-after = false }}\n"
    assert checked({f"{NAME}/errors.toml": text}) == ([], [])


NEW = "openai-chat/acme"
ENVELOPES = """
[envelope.chunk]
id = "$state.id"
object = "chat.completion.chunk"
created = "$now"
model = "$alias"
[envelope.whole]
id = "$state.id"
object = "chat.completion"
created = "$now"
model = "$alias"
"""
REST = {
    "mapping.toml": "format = 1\ntitle = 'a'\nadapter = 'acme'\n[upstream]\napi_base = 'https://a'\n"
    "path = '/a'\n",
    "request.toml": "[field]\nmodel = '$upstream_model'\n[rest]\n'*' = 'drop'\n",
    "errors.toml": "[upstream.any]\nstatus = '$status'\ntype = 'server_error'\n"
    "message = '{message}'\n",
    "values.toml": "[why]\n'*' = 'stop'\n",
}


def test_a_table_without_what_all_others_of_the_dialect_have(tmp_path: Path) -> None:
    answer = "by = 'kind'\n[event.x]\nend = true\n[end]\nfinish = 'stop'\n[message]\nx = 1\n"
    for cut, missing in (("", None), ("id = ", "id"), ("object = ", "object")):
        kept = [line for line in ENVELOPES.splitlines() if not cut or not line.startswith(cut)]
        site = laid(tmp_path, {**REST, "answer.toml": answer + "\n".join(kept)}, NEW)
        told = hints(load_mappings([SHIPPED, site]), Kept(None))
        lacking = [one for one in told if "which this one lacks" in one.text]
        assert [one.path for one in lacking] == (
            ["envelope.chunk", "envelope.whole"] * bool(missing)
        )
        assert all(f'"{missing}"' in one.text and "answer.toml:" in one.where for one in lacking)


@pytest.mark.parametrize(
    ("file", "text", "meant"),
    [
        ("rest.toml", "[rest]\nuser_locatoin = 'drop'\n", "user_location"),
        ("fields.toml", "[field]\nmetadat_x = 'a'\n", "metadata_x"),
    ],
)
def test_files_in_parts_are_read_too(file: str, text: str, meant: str) -> None:
    found, notes = checked({f"{NAME}/request/{file}": text})
    assert found == []
    (note,) = notes
    assert note.startswith(f"mine/{NAME}/request/{file}:2: ")
    assert f'did you mean "{meant}"?' in note


ASKED = {"model": "a", "stream": True, "messages": [{"role": "user", "content": "q"}]}


def cased(tmp_path: Path, text: str, answer: str) -> list[str]:
    """Notes about tables with one case."""
    site = laid(tmp_path, {"answer.toml": text})
    case = site / NAME / "cases" / "hint"
    case.mkdir(parents=True, exist_ok=True)
    (case / "case.toml").write_text("reason = 'a hint'\nmodel = 'claude-opus-4-1'\n")
    (case / "caller-request.json").write_text(json.dumps(ASKED))
    (case / "upstream-stream.sse").write_text(answer)
    mappings = load_mappings([SHIPPED, site])
    return [str(one) for one in (*hints(mappings, Kept(None)), *unshown(mappings, Kept(None)))]


HINT = 'event: hint\ndata: {"type": "hint", "grumble": {"wording": "a"}}\n\n'
ROWS = (
    "[event.hint]\nemit = 'hint'\n[chunk.hint]\nreasoning_content = { from = 'grumble.wording' }\n"
)


def test_the_words_of_a_site_s_own_cases_are_words(tmp_path: Path) -> None:
    for was, now, told in (
        ("hint", "hint", False),  # nothing changed
        ("grumble", "grmuble", True),
        ("wording", "wordng", True),
        ("grumble.wording", "wording.grumble", True),
    ):
        notes = cased(tmp_path, ROWS.replace(was, now), HINT * 2)
        assert any(f'did you mean "{was}"' in note for note in notes) == told, (now, notes)


def test_lines_that_no_case_reaches_are_told_where_there_are_cases(tmp_path: Path) -> None:
    events = 'event: message_start\ndata: {"type": "message_start", "message": {"id": "m"}}\n\n'
    more = "[event.pause]\nping = true\n[chunk.other]\ncontent = 'b'\n"
    assert (
        unshown(load_mappings([SHIPPED, laid(tmp_path, {"answer.toml": ROWS})]), Kept(None)) == []
    )
    laid(
        tmp_path, {"answer.toml": "[event.pause]\nping = true\n"}, "anthropic-messages/openai-chat"
    )
    assert cased(tmp_path, ROWS, events + HINT) == []  # the other mapping has no case at all
    notes = cased(tmp_path, ROWS + more, events + HINT)
    (note,) = (one for one in notes if "no case of yours" in one)
    assert note.startswith(f"mine/{NAME}/answer.toml: ")
    assert "reaches lines 5, 7 (" in note


def test_of_many_cases_none_is_run_for_that(tmp_path: Path) -> None:
    cased(tmp_path, ROWS, "")
    cases = tmp_path / "mine" / NAME / "cases"
    for number in range(MOST_CASES):
        (cases / f"{number}").mkdir()
        (cases / f"{number}" / "case.toml").write_bytes((cases / "hint" / "case.toml").read_bytes())
    assert unshown(load_mappings([SHIPPED, tmp_path / "mine"]), Kept(None)) == []


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
