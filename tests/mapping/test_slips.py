"""What an operator writes by mistake, each told at its own line with what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.parse.files import TableFolder
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.kept import Kept
from tests.mapping.laid import checked, shipped

OA, OO = "openai-chat/anthropic-messages", "openai-chat/openai-chat"
AO, AA = "anthropic-messages/openai-chat", "anthropic-messages/anthropic-messages"
CALLER = "openai-chat/caller.toml"

SLIPS = {
    # ---- what a caller may send
    "an item's field among those of the request": (
        *(f"{OA}/request.toml", '[accept]\n"messages[].team" = "string"\n'),
        "2: accept.messages[].team: expected a path of fields, without [ ]",
    ),
    "a condition and its own exception": (
        f"{OA}/request.toml",
        '[field.top_k]\nwhen = { stop = "$absent" }\nunless = { stop = "$absent" }\n',
        "3: field.top_k.unless.stop: never true: `when` asks for the same",
    ),
    # ---- what looks like a lookup
    "a word that becomes a lookup": (
        *(f"{OA}/values.toml", '[stop_reason]\nlow = "$now"\n'),
        '2: stop_reason.low: "$now" would be sent as it stands: nothing is looked up here',
    ),
    "the same in a row of its own": (
        *(f"{OA}/values.toml", '[stop_reason.low]\nto = "$let.mine"\n'),
        '1: stop_reason.low: "$let.mine" would be sent as it stands: nothing is looked up here',
    ),
    "a lookup among the words that are allowed": (
        *(f"{OA}/request.toml", '[accept]\nuser = { one_of = ["$values.x"] }\n'),
        "2: accept.user.one_of: never true: '$values.x' is compared as it stands, not looked up",
    ),
    # ---- what is written so far
    "a field that is written later": (
        f"{OA}/request.toml",
        '[field.mine]\nfrom = "$out.zz"\n[field.zz]\nfrom = "user"\n',
        '2: field.mine.from: finds nothing yet: "zz" is written after it; let both ask for a [let]',
    ),
    "a field that nothing writes": (
        *(f"{OA}/request.toml", '[field.mine]\nfrom = "$out.max_token"\n'),
        '2: field.mine.from: finds nothing: no [field] "max_token" (did you mean "max_tokens"?)',
    ),
    "a field that asks for itself": (
        *(f"{OA}/request.toml", '[field.mine]\nfrom = "$out.mine"\n'),
        '2: field.mine.from: finds nothing: "$out.mine" is what this makes',
    ),
    "what is written, before anything is": (
        f"{OA}/request.toml",
        '[let.mine]\nfrom = "$out.max_tokens"\n[field]\nx = "$let.mine"\n',
        '2: let.mine.from: "$out" finds nothing here: only [field],',
    ),
    # ---- what verbs and tables are given
    "a sentence that asks for no value": (
        f"{OA}/request.toml",
        '[convert.t]\nverb = "template"\ntext = "x {text}"\n[field.zz]\nfrom = "user"\nas = "t"\n',
        '6: field.zz.as: "{text}" of [convert.t] is nothing here (one of: value)',
    ),
    "one that nearly does, of something": (
        f"{OA}/request.toml",
        '[convert.t]\nverb = "template"\ntext = "{name} {vlue}"\n'
        '[field.zz]\nfrom = "metadata"\nas = "t"\n',
        '6: field.zz.as: "{vlue}" of [convert.t] is nothing here (did you mean "value"?)',
    ),
    "one about an object that lacks it": (
        f"{OA}/request.toml",
        '[convert.t]\nverb = "template"\ntext = "{nme}"\n'
        '[field.zz]\nobject = { name = { from = "user" } }\nas = "t"\n',
        '6: field.zz.as: "{nme}" of [convert.t] is nothing here (did you mean "name"?)',
    ),
    "a table of words for true and false": (
        *(f"{OA}/request.toml", '[field.zz]\nfrom = "stream"\ntable = "stop_reason"\n'),
        '3: field.zz.table: reaches no row of [stop_reason] but "*": stream is boolean',
    ),
    # ---- models
    "an id in whole": (
        *(f"{OA}/models.toml", '[model.opus-6]\nmatch = ["claude-opus-6"]\n'),
        '2: model.opus-6.match: never reached: "claude-opus-6" is compared with what follows '
        '"claude-" (did you mean "opus-6"?)',
    ),
    "an id in whole as the row's name": (
        *(f"{OA}/models.toml", "[model.claude-opus-6]\nmax_tokens = 5\n"),
        '1: model.claude-opus-6: never reached: "claude-opus-6" is compared with what follows',
    ),
    "a fact that is another one's, misspelt": (
        *(f"{OA}/models.toml", '[model.opus-4-1]\ndefault_max_tokens = "$max_token"\n'),
        '2: model.opus-4-1.default_max_tokens: no fact "max_token" (did you mean "max_tokens"?)',
    ),
    "a fact that is itself": (
        *(f"{AO}/models.toml", '[defaults]\ntool_name = "$tool_name"\n'),
        "2: defaults.tool_name: $tool_name is $tool_name: name that one here",
    ),
    "a fact that is no value of its option": (
        *(f"{AO}/models.toml", '[model.gpt-4]\nlate_system = "inlined"\n'),
        '2: model.gpt-4.late_system: is the default of option "late_system": expected one of '
        "native, inline, found 'inlined'",
    ),
    # ---- addresses
    "a path without its slash": (
        *(f"{AO}/mapping.toml", '[upstream]\npath = "chat/completions"\n'),
        "2: upstream.path: expected path of a URL, which begins with /",
    ),
    "a host without https": (
        *(f"{OO}/mapping.toml", '[upstream]\napi_base = "api.mine.example"\n'),
        "2: upstream.api_base: expected URL, which begins with http:// or https://",
    ),
    # ---- what is put in
    "a lookup where a text is filled in": (
        *(f"{OO}/mapping.toml", '[upstream.auth]\nx-key = "$secret"\n'),
        '2: upstream.auth.x-key: "$secret" would be sent as it stands: here it is "{secret}"',
    ),
    "the same in a fault": (
        *(CALLER, '[fault.no_such_model]\nmessage = "There is no $alias."\n'),
        '2: fault.no_such_model.message: "$alias" would be sent as it stands: here it is "{alias}"',
    ),
    "the same in an error's text": (
        f"{AO}/errors.toml",
        '[upstream.overloaded]\nmessage = "$message"\n',
        '2: upstream.overloaded.message: "$message" would be sent as it stands: here it is',
    ),
    "a filled-in text where a lookup stands": (
        *(CALLER, '[error.body.error]\nmessage = "{message}"\n'),
        '2: error.body.error.message: "{message}" would be sent as it stands: here it is "$message"',
    ),
    # ---- orders and circles
    "a let that asks for itself": (
        f"{OA}/request.toml",
        '[let.mine]\nfrom = "$let.mine"\n[field.metadata]\nx = "$let.mine"\n',
        '2: let.mine.from: finds nothing: "$let.mine" is what this makes',
    ),
    "a let that asks for a later one": (
        f"{AA}/request.toml",
        '[let.one]\nfrom = "$let.two"\n[let.two]\nfrom = "user"\n[field]\nx = "$let.one"\n',
        '2: let.one.from: finds nothing yet: write before = "one" in [let.two]',
    ),
    "a shape that is built by itself": (
        f"{OA}/request.toml",
        '[shape.turning]\nby = "type"\n[shape.turning.is.a]\nuse = "turning"\n'
        '[field.metadata]\nx = { from = "metadata", shape = "turning" }\n',
        '4: shape.turning.is.a.use: goes round in a circle: back to "turning"',
    ),
    "two shapes that are built by each other": (
        f"{OA}/request.toml",
        '[shape.one.first.x]\nuse = "two"\n[shape.two.first.x]\nuse = "one"\n'
        '[field.metadata]\nx = { from = "metadata", shape = "one" }\n',
        '4: shape.two.first.x.use: goes round in a circle: back to "two"',
    ),
    "a shape that is given its own item": (
        f"{OA}/request.toml",
        '[shape.turning]\nx = { from = ".", shape = "turning" }\n'
        '[field.metadata]\nx = { from = "metadata", shape = "turning" }\n',
        '1: shape.turning: goes round in a circle: back to "turning"',
    ),
    "a shape that gives it to another one, which gives it back": (
        f"{OA}/request.toml",
        '[shape.one.first.x]\nyes = { from = ".", each = "two" }\n[shape.two]\nuse = "one"\n'
        '[field.metadata]\nx = { from = "metadata", shape = "one" }\n',
        '1: shape.one.first.x: goes round in a circle: back to "one"',
    ),
    "a variant that is itself": (
        f"{OA}/request.toml",
        '[shape.part.is]\nfoo = "bar"\nbar = "foo"\n',
        '2: shape.part.is.foo: no variant with a table "bar"',
    ),
    # ---- what does nothing
    "a limit of a text's length, where ours says that it is a text": (
        *(f"{OA}/request.toml", "[accept]\nuser = { longest = 20 }\n"),
        "2: accept.user.longest: counts items of a list and fields of an object",
    ),
    "a row for what is left of a field that a rule reads": (
        *(f"{OA}/request.toml", '[rest]\ntop_k = "drop"\n'),
        "2: rest.top_k: changes nothing: field.top_k reads this field, so none of it is left over",
    ),
    "the same of one that is read under another name": (
        *(f"{OA}/request.toml", '[rest.stop]\npolicy = "drop"\n'),
        "1: rest.stop: changes nothing: field.stop_sequences reads this field",
    ),
    "an option that no rule reads": (
        *(f"{OA}/mapping.toml", '[option.web_serch]\ntype = "boolean"\ndefault = true\n'),
        '1: option.web_serch: no rule reads this option (did you mean "web_search"?)',
    ),
    "a fault that nothing raises": (
        *(CALLER, '[fault.no_kee]\nstatus = 401\nmessage = "No key."\n'),
        '1: fault.no_kee: nothing raises this fault (did you mean "no_key"?)',
    ),
    "a range of a text": (
        *(f"{AO}/request.toml", "[accept]\nmodel = { range = [0, 2] }\n"),
        "2: accept.model.range: never acts: model is string",
    ),
    "a register that an event sets and nothing reads": (
        *(f"{OA}/answer.toml", '[event.message_start]\nset = { "state.mine" = "message.id" }\n'),
        '2: event.message_start.set.state.mine: nothing reads "state.mine"',
    ),
    "a kind of block that no row opens": (
        *(f"{AO}/answer.toml", '[block_kind.mine]\nbegin = "text"\n'),
        "1: answer.block_kind.mine: nothing uses it",
    ),
    "a condition and its opposite": (
        f"{OA}/request.toml",
        "[field.top_k]\nwhen = { stream = true }\nunless = { stream = true }\n",
        "3: field.top_k.unless.stream: never true: `when` asks for the same",
    ),
    "a header in capitals": (
        *(f"{OA}/request.toml", '[field.metadata.x]\nfrom = "$header.X-Mode"\n'),
        '2: field.metadata.x.from: never there: names of headers are in small letters ("x-mode")',
    ),
    "a caller's key, in the upstream's headers": (
        *(f"{OA}/request.toml", '[header.x-mine]\nkey = { from = "$header.authorization" }\n'),
        '2: header.x-mine.key.from: "$header.authorization" is refused: a caller\'s credential goes '
        "nowhere (an upstream gets the one of its provider key)",
    ),
    "the same in capitals, which a server's table of headers does not tell apart": (
        *(f"{OA}/request.toml", '[field.metadata]\nx = "$header.Cookie"\n'),
        '2: field.metadata.x: "$header.Cookie" is refused',
    ),
    "a caller's key where its dialect's [auth] has one, by an adjustment": (
        f"{OA}/request.toml",
        '[adjust.x]\nverb = "set"\nfields = { "metadata.x" = "$header.x-api-key" }\n',
        '3: adjust.x.fields.metadata.x: "$header.x-api-key" is refused',
    ),
    "all headers": (
        *(f"{OA}/request.toml", '[field.metadata]\nx = "$header"\n'),
        '2: field.metadata.x: say what of "$header": "$header.NAME"',
    ),
    "something below a header": (
        *(f"{OA}/request.toml", '[field.metadata]\nx = { from = "$header.x-a.b" }\n'),
        '2: field.metadata.x.from: "$header.x-a.b" finds nothing: a header is one text',
    ),
    "all options": (
        *(f"{AO}/request.toml", '[field.metadata]\nx = { from = "$option" }\n'),
        '2: field.metadata.x.from: say what of "$option": "$option.NAME"',
    ),
    "the same of an error's": (
        f"{AO}/errors.toml",
        '[upstream.mine]\nbefore = "other"\nwhen = { "headers.Retry-After" = "$present" }\nstatus = 503\n',
        "3: upstream.mine.when.headers.Retry-After: never there: names of headers are in small",
    ),
    "a text where a table is to be taken away": (
        *(f"{OA}/request.toml", '[field.top_k]\ndrop = "true"\n'),
        "2: field.top_k.drop: expected true or false, found text",
    ),
    "the same among the options of a verb": (
        *(f"{OA}/request.toml", "[convert.a_limit]\ndrop = 1\n"),
        "2: convert.a_limit.drop: expected true or false, found number 1",
    ),
    # ---- what cannot be read
    "more repetitions than there can be": (
        f"{OA}/request.toml",
        '[check.x]\nmatch = { user = "a{1,99999999999}" }\nreject = "bad_value"\nat = "user"\n',
        "2: check.x.match.user: not a regular expression: a number of repetitions is too large",
    ),
    "an expression nested too deeply": (
        f"{AO}/errors.toml",
        f'[guess.x]\nmatch = "{"(" * 3000}a{")" * 3000}"\nstatus = 503\n',
        "2: guess.x.match: not a regular expression: nested too deeply",
    ),
    "an option of a verb with such an expression": (
        f"{OA}/request.toml",
        '[convert.user_tag]\nverb = "checked"\nmatches = "a{1,99999999999}"\n',
        "3: convert.user_tag.matches: not a regular expression: a number of repetitions",
    ),
    "a number nobody reads": (
        *(f"{OA}/request.toml", f"# x\n[field.top_k]\nmax = {'9' * 5000}\n"),
        "3: a number of more than 4300 digits",
    ),
    "a byte order mark": (
        *(f"{OA}/values.toml", '\ufeff[stop_reason]\nrefusal = "stop"\n'),
        "1: begins with a byte order mark: save it as UTF-8 without one",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_each_is_told_at_its_line(slip: str) -> None:
    path, text, wanted = SLIPS[slip]
    complaints, _ = checked({path: text})
    begins = f"mine/{path}:{wanted}"
    assert any(one.startswith(begins) for one in complaints), complaints


ONCE = {
    "a trait that is not there": (
        *(f"{OA}/models.toml", '[model.opus-4-1]\nmore_traits = ["thinkin"]\n'),
        '2: model.opus-4-1.more_traits: no trait "thinkin"',
    ),
    "a fact, in rows that another mapping has too": (
        *(f"{OA}/models.toml", '[model.opus-4-1]\ndefault_max_tokens = "$now"\n'),
        '2: model.opus-4-1.default_max_tokens: no fact "now"',
    ),
    "a row before one that is not there": (
        f"{OA}/errors.toml",
        '[upstream.mine]\nbefore = "othr"\nwhen = { "headers.x" = "$present" }\nstatus = 503\n',
        '2: upstream.mine.before: no row "othr" here',
    ),
    "a pass that is none, with its options": (
        f"{OA}/request.toml",
        '[field.zz]\nfrom = "messages"\n[field.zz.arrange.x]\nwhere.role = "user"\nverb = "merg"\n',
        '5: field.zz.arrange.x.verb: unknown pass "merg"',
    ),
}


@pytest.mark.parametrize("slip", ONCE)
def test_one_slip_is_one_finding(slip: str) -> None:
    path, text, wanted = ONCE[slip]
    whole = shipped()
    site = TableFolder(Path("mine"), "mine", {path: text.encode()})
    found = Checker(Kept(None), with_cases=False, released=True).read([whole, site])
    assert len(found) == 1, found
    assert str(found[0]).startswith(f"mine/{path}:{wanted}")


def test_what_options_leave_out_is_no_field_less() -> None:
    text = (
        '[convert.t]\nverb = "template"\ntext = "{name}"\n[field.zz]\nas = "t"\n[field.zz.object]\n'
    )
    text += 'name = { from = "user", when = { "$option.default_max_tokens" = 3 } }\n'
    assert checked({f"{OA}/request.toml": text})[0] == []


ACTING = {
    "a row for what an option says whether it is read": f"{AO}/request.toml",
    "a row over one that passes on what a check reads": f"{AA}/request.toml",
}


@pytest.mark.parametrize("row", ACTING)
def test_what_acts_is_not_told(row: str) -> None:
    field = {AO: "top_k", AA: "speed"}[ACTING[row].removesuffix("/request.toml")]
    complaints, _ = checked({ACTING[row]: f'[rest]\n{field} = "drop"\n'})
    assert not complaints


def test_a_mapping_like_one_that_is_not_there_is_one_finding() -> None:
    complaints, _ = checked({"openai-chat/mine/mapping.toml": 'like = "anthropic-mesages"\n'})
    assert complaints == [
        'mine/openai-chat/mine/mapping.toml:1: like: no mapping "anthropic-mesages" '
        '(did you mean "anthropic-messages"?)'
    ]
