"""What the schemas refuse and what they let pass, as the real Taplo says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.editor.folder import beside_tables
from aisix.mapping.parse.files import read_folders
from tests.mapping.editor import taplo
from tests.running import ROOT

pytestmark = [taplo.needed, pytest.mark.timeout(600)]  # Node may starve on a busy machine
SHIPPED = ROOT / "mappings"

# In each, the lines with "#!" are wrong and no others.
PLANTED = {
    "a/b/request.toml": """
[feild]                                         #!
x = 1                                           #!
[accept]
limit = { type = "integr" }                     #!
most = { type = "integer", longst = 4 }         #!
n = 3                                           #!
[let.z]
from = "a"
each = ["b"]                                    #!
[check.c]
rejct = "bad"                                   #!
[field.a]
from = "x"
max = true                                      #!
mni = 3                                         #!
[field.b]
value = 1
default = 3                                     #!
[field.c]
from = "x"
when = { "a.b" = { c = 1 } }                    #!
[field.d]
from = { a = 1 }                                #!
[field.e]
inner = { from = "x", pilicy = "warn" }         #!
[field.f]
from = "x"
policy = "rejct"                                #!
[field.g]
from = "x"
max = 4                                         #!
policy = "warn"
[field.h.first.one]
from = "x"
defualt = 3                                     #!
[field.i.arrange.merge]
verb = "merge"
[field.i]
from = "x"
[field.j]
find = { in = "$let.z", by = "id", equls = "x" } #!
[field.k]
from = "x"
only = ["strng"]                                #!
[shape.p]
by = "type"
[shape.p.is.image]
use = "x"
reject = "no"                                   #!
[shape.p.is.gone]
skip = "yes"                                    #!
[shape.q]
use = "p"                                       #!
[convert.short]
verb = "split"
byy = ","                                       #!
[convert.c]
verb = "splti"                                  #!
[convert.d]
verb = "at_most"
limit = "4"                                     #!
[adjust.x]
verb = "remove"
path = ["a"]                                    #!
[rest]
seed = "dorp"                                   #!
store = { policy = "reject", dropp = [false] }  #!
""",
    "a/b/values.toml": """
names = ["a"]
[reason]
done = ["stop"]                                 #!
odd = { two = "stop" }                          #!
even = { to = "x", reject = "bad" }             #!
"*" = "x"
""",
    "a/b/answer.toml": """
by = 3                                          #!
evnt = 3                                        #!
[event.begin]
emit = { a = 1 }                                #!
emits = "x"                                     #!
[event.end]
ping = "yes"                                    #!
[chunk.text]
verbatim = 1                                    #!
content = { from = "x", onyl = "string" }       #!
[end]
enogh = 3                                       #!
""",
    "a/b/errors.toml": """
[upstream.x]
status = 200                                    #!
retry = "hre"                                   #!
mesage = "x"                                    #!
[upstream.y]
status = "$status"
headers = { retry-after = { from = "a", sa = "wait" } } #!
[headers]
x = { from = "y", as = "wiat" }                 #!
[body]
mark = 3                                        #!
""",
    "a/b/mapping.toml": """
format = 2                                      #!
titel = "x"                                     #!
[upstream]
pth = "/v1"                                     #!
[option.loud]
type = "bool"                                   #!
defualt = false                                 #!
""",
    "a/b/models.toml": """
unknwon = "x"                                   #!
[defaults]
most = 3
traits = "x"                                    #!
[model.x]
match = "x"                                     #!
fact = [1]                                      #!
""",
    "a/caller.toml": """
format = 1
rout = "/v1"                                    #!
[fault.x]
status = 700                                    #!
mesage = "x"                                    #!
""",
    "a/b/traits/t.toml": """
[field.top_k]                                   #!
policy = "warn"                                 #!
[request.feild.top_k]                           #!
policy = "warn"                                 #!
[request.field.top]
from = "x"
mxa = 4                                         #!
[mapping]                                       #!
title = "x"                                     #!
""",
    "a/b/cases/c/case.toml": """
reson = "x"                                     #!
status = "400"                                  #!
""",
}
# Parts of a site's tables, which hold only what differs.
GOOD = {
    "b/b/request.toml": """
[field.a]
max = 3
when = { from = "x", stream = true }
[field.b]
drop = true
[field.c]
from = "x"
before = "b"
type = "string"
[field.d]
type = "enabled"
max = { from = "x" }
[let.x.first.y]
before = "z"
value = [{ type = "text", text = "x" }]
[shape.p.is.image]
drop = false
[shape.p.is]
text = "words"
[convert.short]
limit = 3
[field.a.arrange.late]
from = "x"
[rest]
store = { drop = true }
hint = "pass"
""",
    "b/b/values.toml": """
[reason]
odd = { omit = true }
even = 3
true = true
""",
    "b/b/traits/t.toml": """
[request.field.top_k]
policy = "warn"
[values.reason]
x = "y"
[answer.event.x]
ignore = true
""",
    "b/b/models.toml": """
[model.x]
more_traits = ["a"]
context = 3
fact = "$other"
""",
}


@pytest.fixture(scope="module")
def alarms(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, int]]:
    """Where Taplo sees something wrong in PLANTED and GOOD."""
    folder = tmp_path_factory.mktemp("site")
    for path, text in {**beside_tables(), **PLANTED, **GOOD}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return {(a.file, a.line) for a in taplo.lint(folder, sorted((*PLANTED, *GOOD)))}


@pytest.mark.parametrize("file", PLANTED)
def test_each_mistake_is_marked_at_its_line(file: str, alarms: set[tuple[str, int]]) -> None:
    lines = enumerate(PLANTED[file].split("\n"), 1)
    marked = {number for number, line in lines if line.endswith("#!")}
    assert {line for where, line in alarms if where == file} == marked


@pytest.mark.parametrize("file", GOOD)
def test_a_part_of_a_table_is_let_pass(file: str, alarms: set[tuple[str, int]]) -> None:
    assert not [line for where, line in alarms if where == file]


def test_shipped_tables_give_no_alarm() -> None:
    files = sorted(read_folders([Path(SHIPPED)])[0].files)
    cases = [str(f.relative_to(SHIPPED)) for f in sorted(SHIPPED.glob("*/*/cases/*/case.toml"))]
    assert not taplo.lint(SHIPPED, [*files, *cases[::50]])
