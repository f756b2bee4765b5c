"""The faults that were once accepted without a word: `aisix mappings check` tells each, at its line.

Of what can be told of one rule by itself, tests/mapping/parse/test_vocabulary.py has more.
"""

from __future__ import annotations

import pytest

from tests.mapping.laid import NAME, checked

PASSED_ON = "openai-chat/openai-chat"
REVERSE = "anthropic-messages/openai-chat"
ROW = '[defaults]\nmore_traits = ["mine"]\n'

# what is planted: mapping, file, what is in it, the line it is told at, words of what is told
FAULTS: dict[str, tuple[str, str, str, int, str]] = {
    "a refusal beside the shipped `use`": (
        *(NAME, "request.toml", "[shape.part.is.image_url]\nreject = 'unsupported_part'\n", 2),
        "`use` beside it wins",
    ),
    "leaving out beside the shipped `use`": (
        *(NAME, "request.toml", "[shape.part.is.image_url]\nskip = true\n", 2),
        "`use` beside it wins",
    ),
    "a choice beside what the shipped row does": (
        *(NAME, "answer.toml", "[event.message_delta.first.x]\nping = true\n", 1),
        "of this row",
    ),
    "a trait without the name of the file": (
        *(NAME, "traits/mine.toml", "[field.top_k]\nmax = 4\n", 1),
        'did you mean "request.field"?',
    ),
    "a misspelt section of a trait": (
        *(NAME, "traits/mine.toml", "[feild.zzz]\nmax = 4\n", 1),
        'did you mean "request.field"?',
    ),
    "a placeholder that nothing is put in for": (
        *(PASSED_ON, "mapping.toml", "[upstream]\npath = '/v1/{modell}'\n", 2),
        '"{modell}" would be sent',
    ),
    "one in a header": (
        *(NAME, "mapping.toml", "[upstream.auth]\nx-key = '{sekret}'\n", 2),
        'nothing is called "sekret"',
    ),
    "a name of the shape in `where`": (
        NAME,
        "request.toml",
        "[shape.part.is.text]\nmy.mark = 'mark'\nx = { from = 'x', where = { a = '$my.mark' } }\n",
        3,
        "an item of a list is asked of itself alone",
    ),
    "a pass without what it needs": (
        *(NAME, "request.toml", "[field.messages.arrange.x]\nverb = 'end'\n", 1),
        '"end" needs fields, list, item',
    ),
    "a correction of a list's items": (
        NAME,
        "request.toml",
        "[adjust.x]\nverb = 'remove'\npaths = ['messages[].content']\n",
        3,
        "reaches nothing",
    ),
    "a check of a plain answer that never holds": (
        *(NAME, "answer.toml", "[plain]\ncheck = { 'usage[].input_tokens' = 7 }\n", 2),
        "never holds",
    ),
    "another adapter of a variant": (
        "openai-chat/careful",
        "mapping.toml",
        "like = 'anthropic-messages'\nadapter = 'mine'\n",
        2,
        "never chooses this mapping",
    ),
    "a caller's field with a letter wrong": (
        *(NAME, "request.toml", "[field.top_k]\nwhen = { strem = true }\n", 2),
        'names "strem"',
    ),
    "one of the other dialect": (
        *(REVERSE, "request.toml", "[field.user]\nfrom = 'metadta.user_id'\n", 2),
        'names "metadta"',
    ),
    "a clamp in quotes": (
        *(REVERSE, "request.toml", "[field.top_p]\nmax = '1'\n", 2),
        "expected number or $lookup",
    ),
    "a default in quotes": (
        *(NAME, "request.toml", "[field.top_k]\ndefault = '40'\n", 2),
        "top_k is integer",
    ),
    "a default in quotes, in a trait": (
        *(NAME, "traits/mine.toml", "[request.field.top_k]\ndefault = '40'\n", 2),
        "top_k is integer",
    ),
    "a root of answers in a request": (
        *(NAME, "request.toml", "[field.top_k]\nfrom = '$new_id'\n", 2),
        "only answer.toml",
    ),
    "a let that nothing asks for": (
        *(NAME, "request.toml", "[let.mine]\nfrom = 'user'\n", 1),
        "nothing asks for",
    ),
    "a row behind one that always comes first": (
        *(NAME, "errors.toml", "[upstream.mine]\nwhen = { status = 429 }\nstatus = 503\n", 1),
        'never reached: "rate-limit-of-account" before it holds whenever this does',
    ),
    "a fact that no rule reads": (
        *(NAME, "models.toml", "[model.opus-9]\nmax_tokns = 5\n", 2),
        "no rule reads this fact",
    ),
    "a word that an option never is": (
        *(NAME, "request.toml", "[field.top_k]\nwhen = { '$option.late_system' = 'hoits' }\n", 2),
        "never true",
    ),
    "a list in a table of words": (
        *(NAME, "values.toml", "[stop_reason]\nrefusal = ['stop']\n", 2),
        "found list",
    ),
    "a status that is none": (
        *(NAME, "errors.toml", "[upstream.mine]\nbefore = 'context-code'\nstatus = 99\n", 3),
        "from 400 to 599",
    ),
    "a policy beside a clamp of the same hand": (
        *(NAME, "request.toml", "[field.top_k]\npolicy = 'drop'\nmax = 4\n", 3),
        "`policy` beside it wins",
    ),
    "a text in single quotes within a list": (
        *(NAME, "request.toml", '[field.x]\nvalue = [{ type = "text", text = "It\'s" }]\n', 2),
        "the two TOML parsers read this differently",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_told_at_its_line(fault: str) -> None:
    name, file, text, line, words = FAULTS[fault]
    files = {f"{name}/{file}": text}
    if file.startswith("traits/"):
        files[f"{name}/models.toml"] = ROW
    found, _ = checked(files)
    told = [one for one in found if one.startswith(f"mine/{name}/{file}:{line}: ")]
    assert len(told) == len(found) == 1, found
    assert words in told[0]


def test_two_files_that_shut_each_other_out_are_told_where_the_loser_stands() -> None:
    trait = "[request.field.top_k]\nvalue = 3\ndefault = 4\n"
    found, _ = checked({f"{NAME}/traits/mine.toml": trait, f"{NAME}/models.toml": ROW})
    (line,) = found
    assert line.startswith(f"mine/{NAME}/traits/mine.toml:3: ")


@pytest.mark.parametrize(
    ("name", "file", "text", "line", "words"),
    [
        (NAME, "answer.toml", "[event.message_dleta]\nping = true\n", 1, '"message_delta"?'),
        (PASSED_ON, "request.toml", "[field.x]\nobject = { strem = true }\n", 2, '"stream"?'),
    ],
)
def test_a_misspelt_word_that_may_be_meant_is_hinted_at(
    name: str, file: str, text: str, line: int, words: str
) -> None:
    found, notes = checked({f"{name}/{file}": text})
    assert found == []
    (note,) = (one for one in notes if "did you mean" in one)
    assert note.startswith(f"mine/{name}/{file}:{line}: ")
    assert words in note
