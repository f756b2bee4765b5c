"""Every key, root and file of the tables as Markdown, made from their declarations."""

from __future__ import annotations

from collections.abc import Iterator

from aisix.cli.mappings.output import markdown_table, ticked
from aisix.mapping.grammar.cases import CASE_FILES
from aisix.mapping.grammar.roots import REGISTERS, ROOTS
from aisix.mapping.grammar.tables import ANY, FILES, UNITS, Key, Unit
from aisix.mapping.parse.structure import in_toml

_ORDER = ("mapping", "request", "answer", "values", "errors", "models", "trait", "caller", "case")
_OPTIONS = {
    "verbs": "the verbs",
    "passes": "the passes (`arrange`)",
    "adjustments": "the adjustments",
}
_HEAD = ("key", "holds (what it is else)", "what it means", "for example", "only beside / loses to")


def markdown() -> str:
    """Files and their sections, units in alphabetical order, roots, files of a case."""
    out: list[str] = [""]
    for name, file in sorted(FILES.items(), key=lambda pair: _ORDER.index(pair[0])):
        out += [f"### {_title(name)}", "", _sentence(file.about), "", *_unit(UNITS[file.unit])]
    out += ["### Units", ""]
    for name in sorted(UNITS.keys() - {file.unit for file in FILES.values()}):
        out += [f"#### {name}", "", _sentence(UNITS[name].about), "", *_unit(UNITS[name])]
    return "\n".join([*out, *_roots(), *_case_files()])


def holds(key: Key) -> str:
    """The kinds a key takes, or its words; and what it is when it is not there."""
    kinds = " or ".join(dict.fromkeys(kind.word for kind in key.kinds))
    text = ", ".join(key.words) if key.words else kinds
    if key.required:
        return f"{text} (required)"
    return text if key.default is None else f"{text} ({in_toml(key.default)})"


def _title(name: str) -> str:
    file = {"trait": "traits/NAME", "case": "cases/NAME/case"}.get(name, name)
    return f"{file}.toml"


def _sentence(about: str) -> str:
    return f"{about[:1].upper()}{about[1:]}."


def _unit(unit: Unit) -> Iterator[str]:
    keys = [key for key in (*unit.keys, unit.free) if key is not None]
    rows = [(_name(key), holds(key), _means(key), _code(key), _beside(key))
            for key in keys]  # fmt: skip
    yield from markdown_table(_HEAD, rows)
    if unit.marks:
        yield f"Without one of {', '.join(map(ticked, unit.marks))} it is an object of rules."
        yield ""
    if unit.short is not None:
        yield f"A plain value in its place: {unit.short.about}, such as {_code(unit.short)}."
        yield ""
    if unit.verbs:
        yield f"Beside these stand the options of one of {_OPTIONS[unit.verbs]}."
        yield ""
    for word, text in unit.elsewhere:
        yield f"`{word}` is not for here: {text}."
        yield ""
    yield from ("```", unit.example.strip(), "```", "")


def _name(key: Key) -> str:
    return "(any other name)" if key.name == ANY else f"`{key.name}`"


def _code(key: Key) -> str:
    return ticked(in_toml(key.example))


def _means(key: Key) -> str:
    """What it means, what its table is, what a template may ask for."""
    said = key.about
    if key.below:
        said += f" ([{key.below}](#{_anchor(key.below)}))"
    if key.below_each:
        said += f" (each is a [{key.below_each}](#{_anchor(key.below_each)}))"
    if key.fills:
        said += f"; it may ask for {', '.join(ticked(f'{{{name}}}') for name in key.fills)}"
    if key.fills == ():
        said += "; no {placeholder} is filled in"
    if key.without:
        said += f"; without {', '.join(ticked(f'${root}') for root in key.without)}"
    if key.ordered:
        said += "; in order, a row may say `before`"
    return said + ("; for people, it does nothing" if key.for_people else "")


def _anchor(unit: str) -> str:
    """Where a unit is described: in a file's own section, when it is one."""
    title = _title(unit) if unit in FILES else unit
    return "".join(c for c in title.lower() if c.isalnum() or c in "-_")


def _beside(key: Key) -> str:
    said = [f"only beside {' or '.join(map(ticked, key.needs))}"] if key.needs else []
    said += [f"loses to {', '.join(map(ticked, key.loses_to))}"] if key.loses_to else []
    return "; ".join(said)


def _roots() -> Iterator[str]:
    registers = " and ".join(f"`${name}.NAME`" for name in REGISTERS)
    yield from ("### What a path may begin with", "")
    yield f"{registers} are registers: rows of answer.toml `set`, `count` and `push` them."
    yield ""
    rows = []
    for root in ROOTS.values():
        name = f"${root.name}.NAME" if root.named else f"${root.name}"
        where = ", ".join(f"{file}.toml" for file in root.files)
        where += " " + ", ".join(f"[{section}]" for section in root.sections)
        rows.append((f"`{name}`", root.about, where.strip(), ticked(root.example)))
    yield from markdown_table(("root", "what is there", "in", "for example"), rows)


def _case_files() -> Iterator[str]:
    yield from ("### Files of a case", "")
    yield from ("`{N}` is 2, 3 and so on: the rounds of a paused turn.", "")
    yield from markdown_table(("file beside case.toml", "what it says", ""), [
        (f"`{one.name}`", one.about, "what comes in" if one.given else "what must come out")
        for one in CASE_FILES
    ])  # fmt: skip
