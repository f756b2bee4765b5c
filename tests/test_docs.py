"""Documents that cannot drift: generated parts are generated again, every TOML snippet is read.

AISIX_WRITE_DOCS=1 writes the generated parts instead of comparing them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from aisix.cli import main, mappings
from aisix.mapping.parse import toml_tree
from aisix.mapping.parse.files import FILES
from aisix.mapping.verify import cases
from aisix.mapping.verify.check import Checker
from aisix.telemetry.families import FAMILIES, Family
from aisix.telemetry.original.families import read_families
from tests.running import ROOT

BOOK = sorted((ROOT / "mappings").glob("*.md"))  # the tables' own: README, reference, recipes
REFERENCE = ROOT / "mappings" / "REFERENCE.md"
RECIPES = ROOT / "mappings" / "RECIPES.md"
LESSON = ROOT / "mappings" / "NEW-PROVIDER.md"
CLI = ROOT / "docs" / "cli.md"
OPERATIONS = ROOT / "docs" / "operations.md"
ORIGINAL_METRICS = ROOT / "docs" / "original-metrics.md"
DOCS = [ROOT / "README.md", *BOOK, *sorted((ROOT / "docs").glob("*.md"))]
BEGIN, END = "<!-- begin of `{}` -->\n", "<!-- end -->"
WRITE = bool(os.environ.get("AISIX_WRITE_DOCS"))


def generated(file: Path, command: str, text: str) -> None:
    """The part between the marks is `text`."""
    whole = file.read_text()
    begin = BEGIN.format(command)
    head, mark, rest = whole.partition(begin)
    old, end, tail = rest.partition(END)
    assert mark, f"{file.name} has no mark {begin!r}"
    assert end, f"{file.name} has no end of {command}"
    if WRITE:
        file.write_text(head + mark + text + END + tail)
        return
    assert old == text, (
        f"{file.name} is not what `{command}` says: AISIX_WRITE_DOCS=1 pytest {__file__}"
    )


def said(*argv: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main.main(list(argv)) == 0
    return out.getvalue()


def test_the_table_of_verbs_is_what_the_command_says() -> None:
    text = said("mappings", "verbs", "--markdown")
    generated(REFERENCE, "aisix mappings verbs --markdown", text)


def test_the_table_of_keys_is_what_the_command_says() -> None:
    text = said("mappings", "keys", "--markdown")
    generated(REFERENCE, "aisix mappings keys --markdown", text)


# ---------------------------------------------------------------- the command line
Commands = Iterator[tuple[str, str, argparse.ArgumentParser]]


def commands() -> Commands:
    """(name, what it is for, parser) of every command there is."""

    def walk(name: str, about: str, parser: argparse.ArgumentParser) -> Commands:
        below = _below(parser)
        if below is None:
            yield name, about, parser
            return
        helps = {str(c.dest): str(c.help or "") for c in below._choices_actions}
        for word, sub in below.choices.items():
            yield from walk(f"{name} {word}", helps.get(word, ""), sub)

    top = _below(main._parser([]))
    assert top is not None
    for choice in top._choices_actions:
        word = str(choice.dest)
        sub = _below(main._parser([word]))
        assert sub is not None
        yield from walk(f"aisix {word}", str(choice.help or ""), sub.choices[word])


def _below(parser: argparse.ArgumentParser) -> argparse._SubParsersAction | None:  # type: ignore[type-arg]
    return next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)


def described(name: str, about: str, parser: argparse.ArgumentParser) -> str:
    """One command: what it does, what it takes."""
    shown = [a for a in parser._actions if a.help != argparse.SUPPRESS and a.dest != "help"]
    plain = [a for a in shown if not a.option_strings]
    options = [a for a in shown if a.option_strings]
    usage = [name, *(_shown(a) for a in plain), "[options]" if options else ""]
    lines = [f"### {name}", "", f"`{' '.join(filter(None, usage))}`", ""]
    assert about, f"{name} does not say what it is for"
    lines += [f"{about[:1].upper()}{about[1:]}.", ""]
    if plain or options:
        lines += ["| argument | meaning |", "|---|---|"]
        for action in [*plain, *options]:
            lines.append(f"| `{_shown(action, True)}` | {action.help or ''} |")
        lines.append("")
    return "\n".join(lines)


def _shown(action: argparse.Action, full: bool = False) -> str:
    if not action.option_strings:
        word = str(action.metavar or action.dest.upper())
        return word if full or action.nargs != "?" else f"[{word}]"
    name = ", ".join(action.option_strings)
    if action.nargs == 0:
        return name
    if action.choices:
        return f"{name} {'/'.join(action.choices)}"
    return f"{name} {action.metavar or action.dest.upper()}"


def test_the_reference_of_the_command_line_is_what_the_parser_knows() -> None:
    text = "\n".join(described(*command) for command in commands())
    generated(CLI, "aisix --help", "\n" + text + "\n")


@pytest.mark.parametrize("file", DOCS, ids=lambda f: str(f.relative_to(ROOT)))
def test_every_command_in_the_documents_is_one(file: Path) -> None:
    """Each `aisix ...` line of a shell block is understood by the parser."""
    for block in re.findall(r"```sh\n(.*?)```", file.read_text(), re.S):
        for line in block.replace("\\\n", " ").split("\n"):
            if not re.match(r"\s*(\.venv/bin/)?aisix ", line):
                continue
            words = shlex.split(line, comments=True)
            if words:
                parser = main._parser(words[1:2])
                try:
                    parser.parse_args(words[1:])
                except SystemExit as error:
                    pytest.fail(f"{file.name}: {line}: {error}")


# ---------------------------------------------------------------- TOML
def snippets() -> Iterator[tuple[Path, int, str]]:
    for file in DOCS:
        text = file.read_text()
        for found in re.finditer(r"```toml\n(.*?)```", text, re.S):
            yield file, text[: found.start()].count("\n") + 2, found.group(1)


SNIPPETS = list(snippets())


@pytest.mark.parametrize(
    ("file", "line", "text"), SNIPPETS, ids=[f"{f.name}:{n}" for f, n, _ in SNIPPETS]
)
def test_every_toml_snippet_is_good(file: Path, line: int, text: str, tmp_path: Path) -> None:
    """Both parsers read it alike; one that names its file is no fault of the tables there.

    A snippet whose first line is `# request.toml` is laid over the shipped mapping and checked,
    with those right before and behind it.
    """
    toml_tree.parse_text(text, f"{file.name}:{line}")
    named = re.match(r"# (\S+\.toml)\n", text)
    assert named, f"{file.name}:{line}: the first line should name the file"
    name = named.group(1)
    if file in (RECIPES, LESSON):
        return  # tests/mapping/test_recipes.py, test_wishes.py and test_new_provider.py run them
    if name.endswith("case.toml"):
        assert set(toml_tree.parse_text(text, "").data) <= set(cases.KEYS)
        return
    assert Path(name).stem in (*FILES, "caller") or name.startswith("traits/")
    together = next(
        group[0]
        for group in re.finditer(r"(```toml\n(?:(?!```).)*```\s*)+", file.read_text(), re.S)
        if f"```toml\n{text}```" in group[0]
    )
    for path, table in re.findall(r"```toml\n# (\S+\.toml)\n(.*?)```", together, re.S):
        target = Path(os.path.normpath(tmp_path / "site/openai-chat/anthropic-messages" / path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(table)
    checker = Checker(with_cases=False, released=True)  # ours are checked elsewhere
    assert checker.folders([ROOT / "mappings", tmp_path / "site"]) == []


def test_every_verb_of_the_command_line_prints_json() -> None:
    parser = argparse.ArgumentParser()
    mappings.add_parser(parser)
    (verbs,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, sub in verbs.choices.items():
        assert any("--json" in a.option_strings for a in sub._actions), name


def test_the_examples_of_the_verbs_are_true() -> None:
    from aisix.mapping.syntax.budget import Budget
    from aisix.mapping.verbs import conversions

    shown = 0
    for name, verb in conversions.VERBS.items():
        value, options, result = verb.example
        if value is None and result is None:
            continue
        shown += 1
        known = {"body": {}, "item": None, "budget": Budget(), "tell": lambda self, how: None}
        known |= {"moved": lambda self, item, at, of=None: None, "state": {}}
        call = type("Call", (), known)()
        assert verb.run(value, verb.read(options), call) == result, name
    assert shown > 12


def test_the_tables_of_metrics_are_what_is_declared() -> None:
    generated(OPERATIONS, "the metrics", metrics_table(FAMILIES))
    theirs = [one.family for one in read_families({}).metrics.values()]
    generated(ORIGINAL_METRICS, "the original's metrics", metrics_table(theirs))


def metrics_table(families: Iterable[Family]) -> str:
    rows = ["| metric | kind | labels | what |", "|---|---|---|---|"]
    for one in families:
        labels = ", ".join(one.labels)
        rows.append(f"| `{one.name}` | {one.kind} | {labels} | {one.help} |")
        assert one.help.endswith("."), one.name
    return "\n".join(rows) + "\n"
