"""What can never be found, and keys that can never act, are told: at their own line, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.mapping.mappings import load_mappings
from tests.mapping.laid import NAME, SHIPPED, laid, said

REVERSE = "anthropic-messages/openai-chat"

# file, what is in it, the one complaint: line and key, and how its words begin
PLANTED: dict[str, tuple[str, str, str]] = {
    "a field no caller sends": (
        "request.toml",
        "[field.top_k]\nfrom = 'usr'\n",
        '2: field.top_k.from: no row of [accept] or [rest] names "usr" (did you mean "user"?)',
    ),
    "one of several": (
        "request.toml",
        "[field.top_k]\nfrom = ['top_k', '$body.usr.name']\n",
        '2: field.top_k.from: no row of [accept] or [rest] names "usr"',
    ),
    "a condition on a field no caller sends": (
        "request.toml",
        "[field.top_k]\nwhen = { strem = true }\n",
        '2: field.top_k.when.strem: no row of [accept] or [rest] names "strem"'
        ' (did you mean "stream"?)',
    ),
    "what a fault is about": (
        "request.toml",
        "[check.mine]\nwhen = { user = 'x' }\nreject = 'unsupported_field'\nat = 'usr'\n",
        '4: check.mine.at: no row of [accept] or [rest] names "usr"',
    ),
    "a root of answers": (
        "request.toml",
        "[field.top_k]\nfrom = '$new_id'\n",
        '2: field.top_k.from: "$new_id" finds nothing here: only answer.toml may ask for it',
    ),
    "a root of requests": (
        "answer.toml",
        "[chunk.text]\nx = '$let.mode'\n",
        '2: chunk.text.x: "$let" finds nothing here: only request.toml may ask for it',
    ),
    "a name of a shape, outside of one": (
        "request.toml",
        "[field.top_k]\nfrom = '$my.name'\n",
        '2: field.top_k.from: "$my" finds nothing here: only [shape] may ask for it',
    ),
    "a name no shape has": (
        "request.toml",
        "[shape.tool]\nx = '$my.nmae'\n",
        '2: shape.tool.x: no shape has a `my` "nmae" (did you mean "name"?)',
    ),
    "a name of the shape in `where`": (
        "request.toml",
        "[shape.tool.x]\nfrom = 'list'\nwhere = { a = '$my.name' }\n",
        '3: shape.tool.x.where.a: "$my" finds nothing here: an item of a list is asked of',
    ),
    "the number of an item in `where_not`": (
        "request.toml",
        "[shape.tool.x]\nfrom = 'list'\nwhere_not = { '$index' = 0 }\n",
        '3: shape.tool.x.where_not.$index: "$index" finds nothing here: an item of a list',
    ),
    "something below one value": (
        "request.toml",
        "[field.top_k]\nfrom = '$alias.name'\n",
        '2: field.top_k.from: "$alias" is one value: nothing is below it',
    ),
    "a field of a list's items, without its brackets": (
        "request.toml",
        "[field.top_k]\nfrom = 'messages.role'\n",
        '2: field.top_k.from: "messages.role" finds nothing: messages is array (did you mean'
        ' "messages[].role"?)',
    ),
    "a field of a text": (
        "request.toml",
        "[shape.tool]\nx = '$body.user.name'\n",
        '2: shape.tool.x: "$body.user.name" finds nothing: user is string',
    ),
    "items of an object": (
        "request.toml",
        "[check.mine]\nwhen = { 'metadata[].a' = 'x' }\nreject = 'unsupported_field'\n"
        "at = 'metadata'\n",
        '2: check.mine.when.metadata[].a: "metadata[].a" finds nothing: metadata is object',
    ),
    "a look-up by key in what is no list": (
        "request.toml",
        "[field.zz]\nfind = { in = 'user', by = 'id', equals = 'model' }\n",
        "2: field.zz.find.in: user is string, and no list",
    ),
    "a source over an object of rules": (
        "request.toml",
        "[field.metadata]\nfrom = 'metadata'\n",
        "2: field.metadata.from: makes one rule of what has a field of its own"
        " (mappings/openai-chat/anthropic-messages/request/fields.toml:21): when that is meant,"
        " write [field.metadata.user_id] drop = true in request.toml",
    ),
    "a shape for each item of a number": (
        "request.toml",
        "[field.top_p]\neach = 'part'\n",
        "2: field.top_p.each: refuses whatever is there: top_p is number",
    ),
    "a shape of an object for a text": (
        "request.toml",
        "[field.zz]\nfrom = 'user'\nshape = 'location'\n",
        "3: field.zz.shape: refuses whatever is there: user is string",
    ),
    "a header that says how long a request is": (
        "request.toml",
        "[header.Content-Length]\nmine = '3'\n",
        "1: header.Content-Length: says how the request is sent: the gateway's own to say",
    ),
    "a header in other letters": (
        "request.toml",
        "[header.Anthropic-Beta]\nmine = 'a-2027'\n",
        "1: header.Anthropic-Beta: is there twice: case makes no other header",
    ),
    "no name of a header": (
        "request.toml",
        "[header.'x team']\nmine = 'a'\n",
        "1: header.x team: is no name of a header",
    ),
    "the fields of a chunk, in that chunk": (
        "answer.toml",
        "[chunk.text]\ncontent = '$delta.text'\n",
        '2: chunk.text.content: "$delta" finds nothing here: only [envelope], [choice] may ask',
    ),
    "the folded chunks of a plain answer, around it": (
        "answer.toml",
        "[envelope.whole]\nseen = '$folded.content'\n",
        '2: envelope.whole.seen: "$folded" finds nothing here: only [message] may ask for it',
    ),
    "a status in quotes": (
        "errors.toml",
        "[upstream.mine]\nbefore = 'context-code'\nwhen = { status = '529' }\nstatus = 503\n",
        "3: upstream.mine.when.status: never true: status is integer, '529' is string",
    ),
    "a header as a number": (
        "errors.toml",
        "[upstream.mine]\nbefore = 'context-code'\nwhen = { 'headers.retry-after' = 5 }\nstatus = 503\n",
        "3: upstream.mine.when.headers.retry-after: never true: headers.retry-after is string",
    ),
    "what the request does not remember": (
        "answer.toml",
        "[chunk.text]\nx = '$request.nmaes'\n",
        '2: chunk.text.x: the request\'s `remember` has no "nmaes" (one of: ',
    ),
    "a clamp in quotes": (
        "request.toml",
        "[field.max_tokens]\nmax = '4096'\n",
        "2: field.max_tokens.max: expected number or $lookup, found text '4096'",
    ),
    "a default in quotes": (
        "request.toml",
        "[field.top_k]\ndefault = '40'\n",
        "2: field.top_k.default: top_k is integer, '40' is string",
    ),
    "min above max": (
        "request.toml",
        "[field.top_k]\nmin = 40\nmax = 4\n",
        "2: field.top_k.min: is above max (4)",
    ),
    "a constant of another type": (
        "request.toml",
        "[field.top_k]\nwhen = { stream = 'true' }\n",
        "2: field.top_k.when.stream: never true: stream is boolean, 'true' is string",
    ),
    "a comparison with a text": (
        "request.toml",
        "[field.top_k]\nwhen = { user = '< 5' }\n",
        "2: field.top_k.when.user: never true: user is string, which is neither above nor below",
    ),
    "an expression for a number": (
        "request.toml",
        "[field.top_k]\nmatch = { top_k = '^4' }\n",
        "2: field.top_k.match.top_k: never true: top_k is integer, and only text matches",
    ),
    "a word an option never is": (
        "request.toml",
        "[field.top_k]\nwhen = { '$option.late_system' = 'hoits' }\n",
        "2: field.top_k.when.$option.late_system: never true: expected one of",
    ),
    "a word no row of models has": (
        "request.toml",
        "[field.top_k]\nwhen = { '$model.thinking_off' = 'disabeld' }\n",
        '2: field.top_k.when.$model.thinking_off: never true: no row of models.toml has "disabeld"'
        ' there (did you mean "disabled"?)',
    ),
    "a version there is not": (
        "request.toml",
        "[field.top_k]\nwhen = { '$version' = '2023-06-02' }\n",
        '2: field.top_k.when.$version: never true: there is no version "2023-06-02"',
    ),
    "a list in a value table": (
        "values.toml",
        "[stop_reason]\nrefusal = ['stop']\n",
        "2: stop_reason.refusal: expected text or number or true or false, or table, found list",
    ),
    "a row of another kind": (
        "values.toml",
        "[stop_reason]\nrefusal = 3\n",
        "2: stop_reason.refusal: becomes number, the other rows string",
    ),
    "a path a correction cannot reach": (
        "request.toml",
        "[adjust.mine]\nverb = 'remove'\npaths = ['messages[].content']\n",
        '3: adjust.mine.paths: "messages[].content" reaches nothing: only fields of objects',
    ),
    "a range of a text": (
        "request.toml",
        "[accept]\nuser = { type = 'string', range = [1, 2] }\n",
        "2: accept.user.range: never acts: user is string",
    ),
    "a range the wrong way round": (
        "request.toml",
        "[accept]\ntop_k = { type = 'integer', range = [9, 2] }\n",
        "2: accept.top_k.range: expected [low, high], found [9, 2]",
    ),
    "a word of another type": (
        "request.toml",
        "[accept]\ntop_k = { type = 'integer', one_of = ['2'] }\n",
        "2: accept.top_k.one_of: never true: '2' is string",
    ),
    "values that change nothing, of what is gone anyway": (
        "request.toml",
        "[rest]\nseed = { policy = 'drop', drop = [0] }\n",
        '2: rest.seed.drop: never acts: the policy is "drop"',
    ),
    "told as dropped, and sent": (
        "request.toml",
        "[rest]\nstop = 'warn'\n",
        "2: rest.stop: tells of it as dropped, and field.stop_sequences sends it on (",
    ),
    "a refusal over `use`": (
        "request.toml",
        "[shape.part.is.image_url]\nreject = 'unsupported_part'\n",
        "2: shape.part.is.image_url.reject: never acts: `use` beside it wins (",
    ),
    "leaving out over `use`": (
        "request.toml",
        "[shape.part.is.image_url]\nskip = true\n",
        "2: shape.part.is.image_url.skip: never acts: `use` beside it wins (",
    ),
    "`use` where it is a field": (
        "request.toml",
        "[shape.tool]\nuse = 'part'\n",
        "2: shape.tool.use: means nothing here: only a variant under `is` or `first` has it",
    ),
    "a default without `from`": (
        "request.toml",
        "[field.mine]\nvalue = 3\ndefault = 4\n",
        "3: field.mine.default: means nothing without `from`",
    ),
    "a clamp of what a policy takes away": (
        "request.toml",
        "[field.max_tokens]\npolicy = 'warn'\nmax = 4\n",
        "3: field.max_tokens.max: never acts: `policy` beside it wins (",
    ),
    "`before` where there is no order": (
        "request.toml",
        "[field.mine]\nbefore = 'top_k'\nfrom = 'user'\n",
        "2: field.mine.before: means nothing here: these rows are not tried or run in order",
    ),
    "items chosen for a pass over all": (
        "request.toml",
        "[field.messages.arrange.answers]\nwhere = { role = 'user' }\n",
        '2: field.messages.arrange.answers.where: "pair" is about the whole list',
    ),
    "a field beside `use`": (
        "request.toml",
        "[shape.part.is.mine]\nuse = 'image'\nfirts = 'x'\n",
        "3: shape.part.is.mine.firts: never acts: `use` beside it wins (",
    ),
    "a let that rules ask for, taken away": (
        "request.toml",
        "[let.thinking]\ndrop = true\n",
        "2: let.thinking.drop: it is still asked for (mappings/",
    ),
    "what is told of, with a letter too many": (
        "request.toml",
        "[field.top_k]\nabout = 'top_kk'\n",
        '2: field.top_k.about: no field "top_kk" (did you mean "top_k"?)',
    ),
    "a fault when a constant is not found": (
        "request.toml",
        "[field.mine]\nvalue = 3\nrequired = 'missing'\n",
        "3: field.mine.required: never acts: `value` beside it wins (",
    ),
    "taking away what is not there": (
        "request.toml",
        "[field.top_kk]\ndrop = true\n",
        '2: field.top_kk.drop: there is nothing "top_kk" to take away (did you mean "top_k"?)',
    ),
    "a condition that asks for nothing": (
        "request.toml",
        "[field.top_k]\nwhen = {}\n",
        "2: field.top_k.when: an empty table asks for nothing",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_mistake_is_told_once_at_its_line(fault: str, tmp_path: Path) -> None:
    file, text, words = PLANTED[fault]
    (line,) = said(laid(tmp_path, {file: text}))
    assert line.startswith(f"mine/{NAME}/{file}:{words}")


GOOD = {
    "a stronger key over a base": "[field.top_k]\npolicy = 'reject'\n",
    "another source over a base": "[field.max_tokens]\nvalue = 5\n",
    "the same word again": "[field.top_k]\nfrom = 'top_k'\n",
    "a comparison with a number": "[field.top_k]\nwhen = { temperature = '< 0.5' }\n",
    "a whole number for any": "[field.top_k]\nwhen = { temperature = 1 }\n",
    "a lookup as a clamp": "[field.top_k]\nmax = '$model.max_tokens'\n",
    "a field that is declared": "[accept]\nhint = 'object'\n[field.hint]\nfrom = 'hint'\n",
    "a variant that refuses": "[shape.part.is.mine]\nreject = 'unsupported_file'\nat = 'type'\n",
    "a policy in place of a table": "[rest]\nstore = 'drop'\n",
    "taking a rule away": "[field.top_k]\ndrop = true\n",
    "a row between others": "[check.mine]\nbefore = 'options-without-stream'\nwhen = { user = 'x' }\n"
    "reject = 'unsupported_field'\n",
}


@pytest.mark.parametrize("good", GOOD)
def test_what_acts_is_quiet(good: str, tmp_path: Path) -> None:
    assert said(laid(tmp_path, {"request.toml": GOOD[good]})) == []


def test_the_other_dialect_has_words_of_its_own(tmp_path: Path) -> None:
    text = "[field.user]\nfrom = 'metadta.user_id'\n"
    (line,) = said(laid(tmp_path, {"request.toml": text}, REVERSE), REVERSE)
    assert line.endswith('names "metadta" (did you mean "metadata"?)')


def test_a_mistake_in_a_trait_is_told_where_it_stands(tmp_path: Path) -> None:
    trait = {"traits/mine.toml": "[request.field.top_k]\nmax = '4'\n"}
    row = {"models.toml": "[model.opus-9]\ntraits = ['mine']\n"}
    mapping = load_mappings([SHIPPED, laid(tmp_path, {**trait, **row})]).mappings[NAME]
    with pytest.raises(OperatorError) as raised:
        mapping.effective("claude-opus-9")
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"mine/{NAME}/traits/mine.toml:2: field.top_k.max: expected number")


def test_what_another_trait_brings_may_be_taken_away(tmp_path: Path) -> None:
    brings = {"traits/a.toml": "[request.field.mine]\nfrom = 'user'\n"}
    takes = {"traits/b.toml": "[request.field.mine]\ndrop = true\n"}
    rows = {"models.toml": "[model.opus-9]\ntraits = ['a', 'b']\n"}
    assert said(laid(tmp_path, {**brings, **takes, **rows})) == []


def test_what_a_shorter_list_forgets_is_told_at_the_list(tmp_path: Path) -> None:
    lines = said(laid(tmp_path, {"request.toml": "remember = ['mode']\n"}))
    assert all(line.startswith(f"mine/{NAME}/request.toml:1: remember: lacks") for line in lines)
    assert len(lines) == len(set(lines)) > 1
