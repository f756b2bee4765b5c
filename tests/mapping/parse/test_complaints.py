"""What is said against tables: file:line, the key, what was found, what would be right; all at once."""

from __future__ import annotations

import atexit
import copy
import os
import random
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import Complaint, OperatorError
from aisix.mapping.mappings import Mapping, load_as_told, load_mappings
from aisix.mapping.parse.files import read_folders
from aisix.mapping.parse.toml_tree import Tree
from aisix.mapping.verify.check import Checker, check
from tests.long import times
from tests.running import ROOT

SHIPPED = ROOT / "mappings"
NAME = "openai-chat/anthropic-messages"
AT = f"mine/{NAME}/"
BASE = "anthropic-messages/upstream"

# file, what is in it, what is said: file:line: key: words (the first complaint, or its beginning)
FAULTS: dict[str, tuple[str, str, str]] = {
    "unknown key": (
        "request.toml",
        "[field.top_k]\nform = 'top_k'\n",
        'request.toml:2: field.top_k.form: unknown key (did you mean "from"?)',
    ),
    "unknown key of a rule": (
        "request.toml",
        "\n[field.top_k]\nfrom = 'top_k'\nmni = 3\n",
        'request.toml:4: field.top_k.mni: unknown key (did you mean "min"?)',
    ),
    "unknown section": (
        "request.toml",
        "[feild]\na = 'b'\n",
        'request.toml:1: feild: unknown key (did you mean "field"?)',
    ),
    "a local answer that asks for what is forgotten": (
        "request.toml",
        "[local.mine]\nanswer = { a = 1 }\n[local.mine.when]\n'$let.wanted' = 'x'\n",
        "request.toml:1: local.mine: $let.wanted is forgotten before a local answer is looked for: "
        "name it in `remember`",
    ),
    "unknown verb": (
        "request.toml",
        "[field.top_k]\nas = 'lits'\n",
        'request.toml:2: field.top_k.as: no verb or [convert] "lits" (did you mean "list"?)',
    ),
    "unknown pass": (
        "request.toml",
        "[field.messages.arrange.mine]\nverb = 'liftt'\n",
        'request.toml:2: field.messages.arrange.mine.verb: unknown pass "liftt" (did you mean "lift"?)',
    ),
    "unknown adjustment": (
        "request.toml",
        "[adjust.mine]\nverb = 'remov'\n",
        'request.toml:2: adjust.mine.verb: unknown adjustment "remov" (did you mean "remove"?)',
    ),
    "unknown option of a verb": (
        "request.toml",
        "[convert.call_id]\nalowed = 'a-z'\n",
        'request.toml:2: convert.call_id.alowed: unknown key (did you mean "allowed"?)',
    ),
    "an option a pass cannot do without": (
        "request.toml",
        "[field.messages.arrange.mine]\nverb = 'drop_empty'\n",
        'request.toml:1: field.messages.arrange.mine: "drop_empty" needs list',
    ),
    "options an adjustment cannot do without": (
        "request.toml",
        "[adjust.mine]\nverb = 'cap'\npath = 'max_tokens'\n",
        'request.toml:1: adjust.mine: "cap" needs below',
    ),
    "a verb that cannot do without options": (
        "request.toml",
        "[field.top_k]\nas = 'split'\n",
        'request.toml:2: field.top_k.as: "split" needs by',
    ),
    "wrong type of an option of a pass": (
        "request.toml",
        "[field.messages.arrange.mine]\nverb = 'drop_empty'\nlist = ['content']\n",
        "request.toml:3: field.messages.arrange.mine.list: expected text, found list ['content']",
    ),
    "wrong type of an option of an adjustment": (
        "request.toml",
        "[adjust.mine]\nverb = 'keep_last'\nmark = 'm'\nlimit = '4'\nwalk = ['tools']\n",
        "request.toml:4: adjust.mine.limit: expected whole number, found text '4'",
    ),
    "a pattern that is none": (
        "request.toml",
        "[convert.tool_name]\nmatches = '[a-z'\n",
        "request.toml:2: convert.tool_name.matches: not a regular expression: unterminated",
    ),
    "a pattern that is no text": (
        "request.toml",
        "[convert.tool_name]\nmatches = ['a', 'b']\n",
        "request.toml:2: convert.tool_name.matches: expected text, found list ['a', 'b']; "
        'for example matches = "[a-z]"',
    ),
    "one pattern for all of a text": (
        "request.toml",
        "[convert.user_tag]\nmatches = ['a']\n",
        "request.toml:2: convert.user_tag.matches: expected text, found list ['a']",
    ),
    "characters that are no class": (
        "request.toml",
        "[convert.call_id]\nallowed = 'z-a'\n",
        "request.toml:2: convert.call_id.allowed: not a regular expression: bad character range",
    ),
    "parts that stay, as a text": (
        "request.toml",
        "[convert.allowed_betas]\nonly = 'a'\n",
        "request.toml:2: convert.allowed_betas.only: expected list, found text 'a'; "
        'for example only = ["a"]',
    ),
    "nothing to cut a text at": (
        "request.toml",
        "[convert.allowed_betas]\nby = ''\n",
        "request.toml:2: convert.allowed_betas.by: expected text, not empty, found text ''",
    ),
    "a mark that lasts long, without the field that says so": (
        "request.toml",
        "[adjust.mine]\nverb = 'keep_last'\nmark = 'm'\nlimit = 4\nwalk = ['tools']\nlong = '1h'\n",
        'request.toml:6: adjust.mine.long: means nothing without "span"',
    ),
    "a mark that lasts long by no word": (
        "request.toml",
        "[adjust.breakpoints]\nlong = ['1h']\n",
        "request.toml:2: adjust.breakpoints.long: expected text or number, found list ['1h']",
    ),
    "one of a list that is no text": (
        "request.toml",
        "[adjust.mine]\nverb = 'keep_last'\nmark = 'm'\nlimit = 4\nwalk = [1]\n",
        "request.toml:5: adjust.mine.walk: expected list of texts, found list [1]",
    ),
    "several paths where one belongs": (
        "request.toml",
        "[convert.strict_budget]\nbeside = ['a', 'b']\n",
        "request.toml:2: convert.strict_budget.beside: expected text, found list ['a', 'b']",
    ),
    "items that never look like that": (
        "request.toml",
        "[field.messages.arrange.late_native]\npast = { roel = 'user' }\n",
        'request.toml:2: field.messages.arrange.late_native.past: the items have no "roel" '
        '(did you mean "role"?)',
    ),
    "a refusal that does not say what its text asks for": (
        "request.toml",
        "[check.no]\nwhen = { stop = 'x' }\nreject = 'policy'\n",
        'request.toml:1: check.no.values.why: the text of [fault.policy] asks for it: values = { why = "..." }',
    ),
    "a fault that is no word": (
        "request.toml",
        "[convert.arguments_schema]\nbad = 3\n",
        "request.toml:2: convert.arguments_schema.bad: expected text, found number 3",
    ),
    "a path of an adjustment": (
        "request.toml",
        "[adjust.mine]\nverb = 'remove'\npaths = ['a..b']\n",
        "request.toml:3: adjust.mine.paths: ",
    ),
    "unknown section of a table with a name": (
        "request.toml",
        "# a remark\n[feild.mine]\na = 'b'\n",
        'request.toml:2: feild: unknown key (did you mean "field"?)',
    ),
    "a status that is no number": (
        "errors.toml",
        "[status]\nmine = { a = 1 }\n",
        "errors.toml:2: status.mine: expected a number",
    ),
    "unknown key of a fault": (
        "../caller.toml",
        "[fault.no_such_model]\nmessae = 'There is none.'\n",
        'caller.toml:2: fault.no_such_model.messae: unknown key (did you mean "message"?)',
    ),
    "wrong type of a fault's text": (
        "../caller.toml",
        "[fault.no_such_model]\nmessage = 3\n",
        "caller.toml:2: fault.no_such_model.message: expected text, found number 3",
    ),
    "a fault's status that is no error": (
        "../caller.toml",
        "[fault.no_such_model]\nstatus = 200\n",
        "caller.toml:2: fault.no_such_model.status: expected a number from 400 to 599",
    ),
    "wrong type of an error's text": (
        "errors.toml",
        "[upstream.rate-limit]\nmessage = 3\n",
        "errors.toml:2: upstream.rate-limit.message: expected text, found number 3",
    ),
    "unknown shape": (
        "request.toml",
        "[field.messages]\neach = 'mesage'\n",
        'request.toml:2: field.messages.each: no shape "mesage" (did you mean "message"?)',
    ),
    "unknown table": (
        "request.toml",
        "[field.service_tier]\ntable = 'service_teir'\n",
        'request.toml:2: field.service_tier.table: no value table "service_teir" (did you mean "service_tier"?)',
    ),
    "unknown chunk": (
        "answer.toml",
        "[event.ping]\nemit = 'txet'\n",
        'answer.toml:2: event.ping.emit: no chunk "txet" (did you mean "text"?)',
    ),
    "register that nothing sets": (
        "answer.toml",
        "[envelope.whole]\nid = '$state.idd'\n",
        'answer.toml:2: envelope.whole.id: nothing sets "state.idd" (did you mean "state.id"?)',
    ),
    "register of the request that nothing sets": (
        "request.toml",
        "[field.system]\nfrom = '$state.sytem'\n",
        'request.toml:2: field.system.from: nothing sets "state.sytem" (did you mean "state.system"?)',
    ),
    "unknown policy": (
        "request.toml",
        "[rest]\nseed = 'dorp'\n",
        'request.toml:2: rest.seed: unknown policy "dorp" (did you mean "drop"?)',
    ),
    "unknown trait": (
        "models.toml",
        "[model.opus-5]\ntraits = ['no-samplng']\n",
        'models.toml:2: model.opus-5.traits: no trait "no-samplng" (did you mean "no-sampling"?)',
    ),
    "unknown key of a model": (
        "models.toml",
        "[model.opus-5]\nmatch = 'opus-5'\n",
        "models.toml:2: model.opus-5.match: expected list, found text 'opus-5'",
    ),
    "unknown model for unknown ids": (
        "models.toml",
        "unknown = 'opus-55'\n",
        'models.toml:1: unknown: no model row "opus-55" (did you mean "opus-5-5"?)',
    ),
    "unknown row to stand before": (
        "errors.toml",
        "[upstream.mine]\nbefore = 'rate-limt'\nstatus = 429\n",
        'errors.toml:2: upstream.mine.before: no row "rate-limt" here (did you mean "rate-limit"?)',
    ),
    "wrong type": (
        "request.toml",
        "[field.messages]\narrange = 3\n",
        "request.toml:2: field.messages.arrange: expected table, found number 3",
    ),
    "wrong type of a fact": (
        "mapping.toml",
        "[upstream]\npath = 3\n",
        "mapping.toml:2: upstream.path: expected text, found number 3",
    ),
    "wrong type of a status": (
        "errors.toml",
        "[upstream.rate-limit]\nstatus = '429'\n",
        "errors.toml:2: upstream.rate-limit.status: expected a number",
    ),
    "wrong type of a section": (
        "request.toml",
        "field = 3\n",
        "request.toml:1: field: expected table, found number 3",
    ),
    "wrong path": (
        "request.toml",
        "[field.top_k]\nfrom = 'a..b'\n",
        "request.toml:2: field.top_k.from: ",
    ),
    "unknown root": (
        "request.toml",
        "[field.top_k]\nfrom = '$lte.x'\n",
        "request.toml:2: field.top_k.from: ",
    ),
    "wrong pattern": (
        "request.toml",
        "[field.top_k.match]\ntop_k = '('\n",
        "request.toml:2: field.top_k.match.top_k: not a regular expression:",
    ),
    "unused shape": (
        "request.toml",
        "[shape.mine]\na = 'b'\n",
        "request.toml:1: request.shape.mine: nothing uses it",
    ),
    "unused table": (
        "values.toml",
        "[mine]\n'*' = 'b'\n",
        "values.toml:1: values.mine: nothing uses it",
    ),
    "unused chunk": (
        "answer.toml",
        "[chunk.mine]\na = 'b'\n",
        "answer.toml:1: answer.chunk.mine: nothing uses it",
    ),
    "unreachable alternative": (
        "request.toml",
        "[let.legacy.first.always]\nvalue = true\n[let.legacy.first.never]\nvalue = false\n",
        'request.toml:3: let.legacy.first.never: never reached: "always" before it always holds',
    ),
    "unreachable error row": (
        "errors.toml",
        "[upstream.mine]\nwhen = { status = 429 }\nstatus = 429\n",
        'errors.toml:1: upstream.mine: never reached: "rate-limit-of-account" before it holds whenever this does',
    ),
    "unreachable model row": (
        "models.toml",
        "[model.mine]\nmatch = ['Opus-9']\n",
        'models.toml:2: model.mine.match: never reached: "Opus-9" is compared with lower case',
    ),
    "value table without a row for other words": (
        "values.toml",
        "[finish]\na = 'b'\n",
        'values.toml:1: finish: a value table needs a row "*" for words it does not list',
    ),
    "two overlays equally specific": (
        "models.toml",
        "[model.mine]\nmatch = ['opus-5-5']\n",
        'models.toml:1: model.mine: "opus-5-5" is matched by "opus-5-5" too; each prefix has one row',
    ),
    "two mappings for one adapter": (
        "../twin/mapping.toml",
        "format = 1\ntitle = 'T'\nadapter = 'anthropic'\n[upstream]\npath = '/'\n",
        "",
    ),
    "a rule that writes what another writes": (
        "answer.toml",
        "[chunk.text]\n'content.parts' = { from = 'delta.parts' }\n",
        'answer.toml:2: chunk.text.content.parts: writes into what "content" writes (mappings/openai-chat/',
    ),
    "a shape's field written twice": (
        "request.toml",
        "[shape.part.all]\ntype = 'x'\n",
        'request.toml:2: shape.part.all.type: writes what the variant "text" writes too',
    ),
    "two sources": (
        "request.toml",
        "[field.top_k]\nfrom = 'top_k'\nvalue = 3\n",
        "request.toml:1: field.top_k: one source only, found from and value",
    ),
    "TOML the two parsers read differently": (
        "values.toml",
        '[stop_reason]\nend_turn = "stop"\nlist = [{ k = "it\'s" }]\n',
        "values.toml:3: stop_reason.list: the two TOML parsers read this differently",
    ),
    "no TOML": (
        "values.toml",
        "[stop_reason]\nend_turn = stop\n",
        "values.toml:2: not valid TOML: Invalid value",
    ),
    "duplicate key": (
        "values.toml",
        "[stop_reason]\nend_turn = 'stop'\n\nend_turn = 'length'\n",
        "values.toml:4: stop_reason.end_turn: is there twice (first on line 2)",
    ),
    "duplicate table": (
        "values.toml",
        "[stop_reason]\nend_turn = 'stop'\n[effort]\n'*' = 'low'\n[stop_reason]\n",
        "values.toml:5: stop_reason: is there twice (first on line 1)",
    ),
    "empty file": ("values.toml", "  \n", "values.toml: the file is empty"),
    "unknown file": (
        "vaules.toml",
        "[a]\n",
        'vaules.toml: no table file has this name (did you mean "values.toml"?)',
    ),
    "unknown folder": (
        "trait/x.toml",
        "[a]\n",
        'trait/x.toml: no folder "trait" here (did you mean "traits"?)',
    ),
    "wrong format": (
        "mapping.toml",
        "format = 2\n",
        "mapping.toml:1: format: expected 1, found number 2",
    ),
    "wrong format of a dialect": (
        "../caller.toml",
        "format = 2\n",
        "caller.toml:1: format: expected 1, found number 2",
    ),
    "unknown key of a dialect": (
        "../caller.toml",
        "[strem]\ndone = ''\n",
        'caller.toml:1: strem: unknown key (did you mean "stream"?)',
    ),
    "a fault without a status": (
        "../caller.toml",
        "[fault.mine]\nmessage = 'x'\n",
        "caller.toml:1: fault.mine: a fault needs a status (a number)",
    ),
    "a word no fault has": (
        "request.toml",
        "[check.mine]\nwhen = { a = 'b' }\nreject = 'unsuported_field'\n",
        'request.toml:3: check.mine.reject: no [fault] "unsuported_field" (did you mean "unsupported_field"?)',
    ),
    "unknown option": (
        "request.toml",
        "[field.top_k]\nmax = '$option.late_sytem'\n",
        'request.toml:2: field.top_k.max: no option "late_sytem" (did you mean "late_system"?)',
    ),
    "unknown let": (
        "request.toml",
        "[field.top_k]\nfrom = '$let.mod'\n",
        'request.toml:2: field.top_k.from: no [let] "mod" (did you mean "mode"?)',
    ),
    "a fact nobody reads": (
        "models.toml",
        "[model.opus-9]\nmax_tokenz = 3\n",
        "models.toml:2: model.opus-9.max_tokenz: no rule reads this fact"
        ' (did you mean "max_tokens"?)',
    ),
    "a fact of another type": (
        "models.toml",
        "[model.opus-9]\ndefault_max_tokens = '3'\n",
        "models.toml:2: model.opus-9.default_max_tokens: expected number 128000 or the like,"
        " found text '3'",
    ),
    "unknown policy in a word": (
        "request.toml",
        "[rest]\nlogit_bias = 'warned'\n",
        'request.toml:2: rest.logit_bias: unknown policy "warned" (did you mean "warn"?)',
    ),
}
del FAULTS["two mappings for one adapter"]  # has a test of its own


def mine(tmp_path: Path, name: str, text: str | bytes) -> Path:
    file = Path(os.path.normpath(tmp_path / "mine" / NAME / name))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return tmp_path / "mine"


def said(*folders: Path) -> list[str]:
    """What is said of folders over the shipped mapping they are for; the others tell nothing more."""
    return [str(finding) for finding in check([shipped(), *folders], with_cases=False)]


def told(expected: str, *folders: Path) -> list[str]:
    """What is said of unknown models, a fiftieth of the work, if `expected` is a line's beginning
    there; else all that is said."""
    found: list[Complaint] = []
    try:
        for mapping in load_as_told(read_folders(folders), found).mappings.values():
            found += mapping.effective(mapping.example()).idle
    except OperatorError as error:
        found += error.complaints
    lines = [str(one) for one in found]
    if any(line.startswith(expected) for line in lines):
        return lines
    return [str(finding) for finding in check(folders, with_cases=False)]


@cache
def shipped() -> Path:
    folder = Path(tempfile.mkdtemp()) / "mappings"
    atexit.register(shutil.rmtree, folder.parent)
    return one_mapping(folder, NAME)


def one_mapping(folder: Path, name: str) -> Path:
    """A folder with one shipped mapping, and its caller's dialect, as whole as the check wants it."""
    dialect = name.split("/")[0]
    kept = shutil.ignore_patterns("cases")
    bases = tomllib.loads((SHIPPED / name / "mapping.toml").read_text()).get("base", [])
    for each in (name, *bases):
        shutil.copytree(SHIPPED / each, folder / each, ignore=kept)
    said = (SHIPPED / dialect / "caller.toml").read_text()
    passed = re.compile(r"^\[pass\.[^]]+\]\n(?:[^[].*\n|\n)*", re.M)  # another mapping answers them
    (folder / dialect / "caller.toml").write_text(passed.sub("", said))
    return folder


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_told_with_its_place_and_what_would_be_right(what: str, tmp_path: Path) -> None:
    name, text, expected = FAULTS[what]
    where = "mine/openai-chat/" if name.startswith("../") else AT
    found = told(where + expected, shipped(), mine(tmp_path, name, text))
    assert any(line.startswith(where + expected) for line in found), "\n".join(found)


# A shipped file with one place in it changed: what is there, what stands there instead, what is
# said: the beginning, <TEXT> for the line of a text, <> for that of the change.
EDITS: dict[str, tuple[str, str, str, str]] = {
    "a dialect's key that is read": (
        "openai-chat/caller.toml",
        'error_frame = "data: {data}\\n\\n"\n',
        "",
        "openai-chat/caller.toml:<[stream]>: stream: needs error_frame = ",
    ),
    "a misspelt key of a dialect's section": (
        "openai-chat/caller.toml",
        "error_frame =",
        "eror_frame =",
        'openai-chat/caller.toml:<>: stream.eror_frame: unknown key (did you mean "error_frame"?)',
    ),
    "a frame that holds nothing": (
        "openai-chat/caller.toml",
        'error_frame = "data: {data}\\n\\n"\n',
        'error_frame = "data: {dat}"\n',
        "openai-chat/caller.toml:<>: stream.error_frame: expected text with {data} in it, found",
    ),
    "a dialect's section that is read": (
        "openai-chat/caller.toml",
        "[error.body.error]",
        "[error.bodi.error]",
        "openai-chat/caller.toml:<[error]>: error: needs body = ",
    ),
    "a word of an error's body that is not there": (
        "openai-chat/caller.toml",
        'message = "$message"',
        'message = "$mesage"',
        'openai-chat/caller.toml:<>: error.body.error.message: nothing is called "mesage" here'
        ' (did you mean "message"?)',
    ),
    "the list of models without its items": (
        "openai-chat/caller.toml",
        "[models.item]",
        "[models.iten]",
        "openai-chat/caller.toml:<[models]>: models: needs item = ",
    ),
    "a count that divides by nothing": (
        "anthropic-messages/caller.toml",
        "bytes = 4 ",
        "bytes = 0 ",
        "anthropic-messages/caller.toml:<>: estimate.bytes: expected a whole number from 1, found"
        " number 0",
    ),
    "a count without what it counts": (
        "anthropic-messages/caller.toml",
        'fields = ["system", "messages", "tools", "tool_choice"]\n',
        "",
        "anthropic-messages/caller.toml:<[estimate]>: estimate: needs fields = ",
    ),
    "a header of a limit that says what is not known": (
        "openai-chat/caller.toml",
        '"{left}"',
        '"{leftt}"',
        "openai-chat/caller.toml:<>: limits.requests.x-ratelimit-remaining-requests: nothing is"
        ' called "leftt" here (did you mean "left"?)',
    ),
    "a request that would hold itself": (
        f"{BASE}/request/fields.toml",
        'model = "$upstream_model"',
        'model = "$out"',
        f'{BASE}/request/fields.toml:<>: field.model: say what of "$out": "$out.NAME"',
    ),
    "a request that an adjustment would put into itself": (
        f"{BASE}/request/adjust.toml",
        "[adjust.",
        '[adjust]\nmine.verb = "set"\nmine.fields = { a = "$out" }\n[adjust.',
        f'{BASE}/request/adjust.toml:<mine.fields>: adjust.mine.fields.a: say what of "$out": "$out.NAME"',
    ),
    "a limit that is no number": (
        f"{BASE}/request/adjust.toml",
        "\nlimit = 4",
        '\nlimit = "$"',
        f"{BASE}/request/adjust.toml:<limit = >: adjust.breakpoints.limit: expected whole number, found text '$'",
    ),
    "a pass that chooses by a field nothing writes": (
        f"{BASE}/request/messages.toml",
        'where = { role = "system" }',
        'where = { roel = "system" }',
        f'{BASE}/request/messages.toml:<>: field.messages.arrange.instructions.where: the items have no "roel"'
        ' (did you mean "role"?)',
    ),
    "a version that is not there": (
        f"{BASE}/mapping.toml",
        'default = "2023-06-01"',
        'default = "2023-06-10"',
        f'{BASE}/mapping.toml:<>: versions.default: no version "2023-06-10"'
        ' (did you mean "2023-06-01"?)',
    ),
    "a value of an option that it cannot have": (
        f"{BASE}/mapping.toml",
        "[option.metadata_user.traits]\ntrue",
        "[option.metadata_user.traits]\ntreu",
        f"{BASE}/mapping.toml:<treu>: option.metadata_user.traits.treu: the option has no such value"
        ' (did you mean "true"?)',
    ),
    "a misspelt option": (
        f"{BASE}/mapping.toml",
        "[option.metadata_user]",
        "[option.metadata_usr]",
        f"{BASE}/mapping.toml:<[option.metadata_user.traits]>: option.metadata_user: needs type = ",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_slip_in_a_shipped_file_is_told_with_its_place(what: str, tmp_path: Path) -> None:
    name, there, instead, expected = EDITS[what]
    dialect, mapping = name.split("/")[:2]
    mapping = "anthropic-messages" if mapping == "caller.toml" else mapping
    whole = NAME if mapping == "upstream" else f"{dialect}/{mapping}"
    folder = one_mapping(tmp_path / "mappings", whole)
    text = (folder / name).read_text()
    assert there in text
    text = text.replace(there, instead, 1)
    (folder / name).write_text(text)
    at = re.search("<(.*?)>", expected)
    assert at is not None
    number = text.count("\n", 0, text.index(at[1] or instead)) + 1
    expected = "mappings/" + expected.replace(at[0], str(number), 1)
    found = told(expected, folder)
    assert any(line.startswith(expected) for line in found), "\n".join(found)
    assert all(re.match(r"\S+\.toml:\d+: ", line) for line in found), "\n".join(found)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    site = mine(tmp_path, "request.toml", "[field.top_k]\nform = 'x'\n[field.top_p]\nas = 'lits'\n")
    mine(tmp_path, "errors.toml", "[upstream.mine]\nstatus = 'x'\n")
    mine(tmp_path, "models.toml", "[model.opus-5]\nmatch = 3\n")
    found = "\n".join(said(site))
    assert all(
        f"{AT}{place}" in found
        for place in ("request.toml:2", "request.toml:4", "errors.toml:2", "models.toml:2")
    )
    assert len(set(found.split("\n"))) == found.count("\n") + 1  # each once


# ---------------------------------------------------------------- files and folders
def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    site = mine(tmp_path, "values.toml", b"[stop_reason]\nend_turn = 'st\xf6p'\n")
    assert said(site) == [f"{AT}values.toml:2: not UTF-8"]


def test_a_mapping_without_a_table_it_needs(tmp_path: Path) -> None:
    head = "format = 1\ntitle = 'T'\nadapter = 'x'\n[upstream]\npath = '/'\n"
    found = said(mine(tmp_path, "../new/mapping.toml", head))
    needed = "a mapping needs mapping, request, answer, errors"
    assert f"mine/openai-chat/new: request.toml is missing; {needed}" in found
    assert f"mine/openai-chat/new: errors.toml is missing; {needed}" in found


def test_a_folder_that_is_no_mapping_is_a_slip(tmp_path: Path) -> None:
    site = mine(tmp_path, "../anthropic-mesages/values.toml", "[a]\n'*' = 'b'\n")
    (line,) = said(site)
    assert line.startswith("mine/openai-chat/anthropic-mesages: no mapping.toml here")
    assert 'did you mean "anthropic-messages"' in line


def test_two_mappings_for_one_adapter_need_to_be_told_apart(tmp_path: Path) -> None:
    head = "format = 1\ntitle = 'T'\nadapter = 'anthropic'\nlike = 'anthropic-messages'\n"
    assert said(mine(tmp_path, "../twin/mapping.toml", head)) == []  # like: a variant
    found = said(mine(tmp_path, "../twin/mapping.toml", head + "variant = false\n"))
    assert found == [
        'mine/openai-chat/twin/mapping.toml:3: adapter: openai-chat/anthropic-messages speaks "anthropic" too;'
        " one of them needs variant = true"
    ]
    circle = "format = 1\nlike = 'twin'\n"
    (line,) = said(mine(tmp_path, "../twin/mapping.toml", circle))[:1]
    assert "like: goes round in a circle" in line


def test_a_folder_that_is_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    assert said(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: no such folder"]
    (tmp_path / "file").write_text("")
    assert said(tmp_path / "file") == [f"{tmp_path / 'file'}: is a file, not a folder"]
    site = mine(tmp_path, "values.toml", "[a]\n")
    os.remove(site / NAME / "values.toml")
    os.symlink(tmp_path / "gone", site / NAME / "values.toml")
    assert said(site) == [f"{AT}values.toml: cannot be read: No such file or directory"]


def test_a_folder_nobody_may_read(tmp_path: Path) -> None:
    site = mine(tmp_path, "values.toml", "# nothing\n")
    (site / NAME).chmod(0)
    try:
        found = said(site)
        if os.geteuid():  # root may read everything
            assert found == [f"mine/{NAME}: cannot be read: Permission denied"]
    finally:
        (site / NAME).chmod(0o755)


def test_a_failing_case_is_told_with_its_folder(tmp_path: Path) -> None:
    site = mine(tmp_path, "cases/mine/case.toml", "reason = 'ours'\nmodel = 'claude-opus-5-5'\n")
    mine(tmp_path, "cases/mine/upstream-request.json", '{"max_tokens": 1}')
    found = [str(f) for f in Checker(released=True).folders([SHIPPED, site])]
    assert f"{AT}cases/mine: max_tokens: expected 1, found 128000" in found
    mine(tmp_path, "cases/mine/case.toml", "reason = 'ours'\nmodle = 'x'\n")
    found = [str(f) for f in Checker(released=True).folders([SHIPPED, site])]
    assert found == [f'{AT}cases/mine/case.toml:2: modle: unknown key (did you mean "model"?)']


# ---------------------------------------------------------------- odd values anywhere
ODD = (3, 1.5, True, "x", "$nope.x", [], [1], ["a"], {}, {"a": 1}, {"from": 3}, {"x": {"y": [{}]}},
       {"when": 3}, {"first": {"a": 3}}, {"by": 3, "when": {"a": 4}})  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_an_odd_value_anywhere_is_a_complaint_or_fine_and_never_a_crash(seed: int) -> None:
    rng = random.Random(seed)
    for mapping in load_mappings([SHIPPED]).mappings.values():
        places = [
            p
            for p in _places(mapping.tree.data)
            if len(p) > 1 and p[0] not in ("mapping", "models")
        ]
        for _ in range(times(25)):
            data = copy.deepcopy(mapping.tree.data)
            place = rng.choice(places)
            node = data
            for key in place[:-1]:
                node = node[key]
            node[place[-1]] = copy.deepcopy(rng.choice(ODD))
            tree = Tree(data, mapping.tree.lines)
            odd = Mapping(mapping.name, mapping.folders, tree, mapping.traits, mapping.caller, "")
            try:
                odd.effective(odd.example())
            except OperatorError as error:
                assert all(c.where and c.text for c in error.complaints), (place, node)


def _places(node: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        yield (*at, key)
        if isinstance(value, dict):
            yield from _places(value, (*at, key))
