"""`aisix mappings`: see, check, explain, test and compare the translation tables.

    show.py       list, show, diff, verbs
    keys.py       keys: what may stand where
    reference.py  the same as a page of Markdown
    explain.py    explain
    chain.py      one key through every layer, for show --key
    alias.py      what an alias of a gateway is translated by
    test.py       check, test
    captures.py   new-case, and captured exchanges for explain and test
    select.py     which mapping and model
    editor.py     schema, init
    rollout.py    rollout, rollback: the tables of many nodes
    nodes.py      those nodes, each by its admin API
    places.py     complaints with file, line and columns: `check --format`
    output.py     tables that fit the terminal, or a page

Exit code 0: fine; 1: there are findings; 2: wrong usage. `--json` on every verb.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from aisix.cli.mappings import places, rollout
from aisix.cli.mappings.output import write_json
from aisix.cli.mappings.select import add_choice
from aisix.errors import OperatorError


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Every verb and its options; `docs/cli.md` shows what they say."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, help: str, run: str, own: bool = True) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help, description=help)
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS,
                         help="config.yaml, whose `mappings` are laid over ours")  # fmt: skip
        if own:
            sub.add_argument("--dir", action="append", default=[], metavar="DIR",
                             help="a folder of tables, laid over those before it")  # fmt: skip
        sub.set_defaults(run=run, **({} if own else {"dir": []}))
        return sub

    verb("list", "the mappings there are", "show.list_")
    sub = verb("show", "the effective rules for one model, and where each came from", "show.show")
    sub.add_argument("mapping", nargs="?", help="a name of `aisix mappings list`")
    sub.add_argument("--rule", metavar="NAME", default="", help="only rules below this name")
    sub.add_argument("--key", metavar="KEY", default="", help="a key, such as"
                     " request.field.NAME: all layers that write it, the winner")  # fmt: skip
    sub.add_argument("--compiled", action="store_true", help="the Python source the rules become")
    sub.add_argument("--request", metavar="FILE", help="with --compiled: a caller's request (JSON)"
                     " to write it for; default: the smallest there is")  # fmt: skip
    _add_alias(sub)
    add_choice(sub)
    sub = verb("check", "syntax, grammar, names, cases: every complaint at once", "test.check_")
    sub.add_argument("folder", nargs="?", metavar="DIR", help="a site's tables, laid over ours")
    sub.add_argument("--format", choices=places.FORMATS, default=places.TEXT, help="text; json and"
                     " lsp (as a language server publishes them) with file, line and columns;"
                     " github: annotations of a workflow")  # fmt: skip
    sub.add_argument("--no-cases", action="store_true", help="do not run the cases")
    sub.add_argument("--all", action="store_true", help="every case in every form, every"
                     " configuration, whatever was shown before")  # fmt: skip
    sub.add_argument("--no-cache", action="store_true", help="neither use what earlier checks"
                     " found nor keep what this one finds")  # fmt: skip
    sub.add_argument("--coverage", action="store_true", help="also which lines of the site's"
                     " tables no case of its own reaches")  # fmt: skip
    sub.add_argument("--verbose", action="store_true", help="what was done, and what was known")
    sub.add_argument("--packed", action="store_true", help=argparse.SUPPRESS)  # a reload's own
    sub = verb(
        "explain", "why a request, an answer or a stream is translated as it is", "explain.explain_"
    )
    _add_explain(sub)
    add_choice(sub)
    sub = verb("test", "run the golden cases", "test.test")
    sub.add_argument("case", nargs="?", help="a case's name, or a part of it; or a file of `aisix"
                     " capture`: what the tables of now make otherwise")  # fmt: skip
    sub.add_argument("--accept", action="store_true", help="write what is built now as expected")
    sub = verb("new-case", "a golden case made of a captured exchange", "captures.new_case")
    sub.add_argument("--from", dest="from_", metavar="FILE", required=True,
                     help="what `aisix capture` has written")  # fmt: skip
    sub.add_argument("--name", metavar="NAME", help="of the case; default: that of the file")
    sub.add_argument("--to", metavar="DIR", help="the folder of tables it is for; default: the last"
                     " --dir, or here")  # fmt: skip
    sub.add_argument("--reason", metavar="TEXT", default="", help="what it shows")
    sub = verb("diff", "what a site's tables change", "show.diff")
    sub.add_argument("folder", metavar="DIR", help="a site's tables")
    sub.add_argument("--cases", action="store_true", help="also which cases come out differently")
    sub = verb("verbs", "the verbs a rule may name, with their options", "show.verbs")
    sub.add_argument("--markdown", action="store_true", help="as mappings/REFERENCE.md has them")

    sub = verb("schema", "write JSON Schemas of every table file, for editors", "editor.schema_")
    sub.add_argument("folder", nargs="?", default="", metavar="DIR", help="where they are written,"
                     " below DIR/schemas; default: here")  # fmt: skip
    sub.add_argument("--for", dest="site", metavar="DIR", help="into a site's tables, with every"
                     " name of the tables below them")  # fmt: skip
    sub = verb("init", "make a folder for a site's own tables, ready for an editor", "editor.init")
    sub.add_argument("folder", metavar="DIR", help="what is there already stays as it is")
    sub = verb("keys", "what may stand where in a table file", "keys.keys")
    sub.add_argument("place", nargs="?", metavar="FILE[.SECTION]", help='as "request.accept", or a'
                     ' unit ("rule", "shape"), or "roots": what a path may begin with')  # fmt: skip
    sub.add_argument("--markdown", action="store_true", help="as mappings/REFERENCE.md has them")
    about = "take over what lies on the disks of all nodes: checked, a canary first"
    sub = verb("rollout", about, "rollout.rollout", own=False)
    about = "let the tables before serve again, on all nodes"
    rollout.add_parsers(sub, verb("rollback", about, "rollout.rollback", own=False))


def _add_explain(sub: argparse.ArgumentParser) -> None:
    """Everything but what other verbs have too."""
    sub.add_argument("file", metavar="FILE", help="caller request (JSON), upstream answer (JSON)"
                     " or captured stream (.sse, or an event a line); of several requests, one a"
                     " line; what `aisix capture` has written; - is standard input")  # fmt: skip
    sub.add_argument("--as", dest="as_", choices=("request", "answer", "stream"),
                     help="what the file is; default: by what is in it")  # fmt: skip
    sub.add_argument("--request", metavar="FILE", help="the request an answer belongs to")
    sub.add_argument("--status", type=int, default=200, help="status of the upstream's answer")
    sub.add_argument("--header", action="append", default=[], metavar="NAME=VALUE",
                     help="a header that comes with it: the caller's, or the upstream's of an"
                     " answer")  # fmt: skip
    sub.add_argument("--mapping", metavar="NAME", help="default: the first one")
    sub.add_argument("--now", type=int, metavar="SECONDS", help="Unix time it happens at, as $now"
                     " and in times that are made; default: the present")  # fmt: skip
    _add_alias(sub)
    sub.add_argument("--diff", metavar="DIR", help="what a site's tables change for this very file")
    sub.add_argument("--trace", metavar="RULE", default="",
                     help="follow one rule: what it found, changed, wrote, or why not")  # fmt: skip
    sub.add_argument("--wide", action="store_true", help="a row on a line, nothing cut or wrapped")


def _add_alias(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--alias", metavar="NAME", help="an alias of a gateway: its upstream model,"
                     " options, traits and own tables")  # fmt: skip
    sub.add_argument("--resources", metavar="FILE", help="the resources file --alias stands in;"
                     " without it a running gateway is asked")  # fmt: skip
    sub.add_argument("--admin", metavar="URL", help="its admin API; default: of the settings")
    sub.add_argument("--admin-key-file", metavar="FILE", help="a file that holds an admin key")


def run(args: argparse.Namespace, folders: Sequence[Path]) -> int:
    """One verb. `folders` are the configured ones, shipped first. Complaints go to standard error,
    one a line."""
    every = [*folders, *(Path(folder) for folder in args.dir)]
    try:
        module, _, verb = args.run.partition(".")  # what another verb needs is not imported
        return int(getattr(import_module(f"{__name__}.{module}"), verb)(args, every))
    except OperatorError as error:
        if args.json:
            from aisix.cli.mappings.test import complaint

            found = [complaint(c) for c in error.complaints]
            write_json({"ok": False, "findings": found})
        else:
            print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise  # whoever read our output has had enough: the caller sees to it
    except (OSError, ValueError) as error:
        print(f"aisix mappings: {error}", file=sys.stderr)
        return 2


__all__ = ["add_parser", "run"]
