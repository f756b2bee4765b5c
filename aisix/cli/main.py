"""The command line: what each verb is and where it is done. Only files of cli/ print.

Exit code 0: fine; 1: findings; 2: it cannot start or the usage is wrong. What a verb needs is
imported when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aisix import __version__
from aisix.errors import OperatorError, StoreError

CONFIG_VARIABLE = "AISIX_CONFIG"  # as the original AISIX reads it


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the process's exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    bare = _without_verb(argv)
    args = _parser(argv[:1]).parse_args(["serve", *argv] if bare else argv)
    if bare:
        from aisix.config.original import ORIGINAL

        args.started, args.config = ORIGINAL, args.config or os.environ.get(CONFIG_VARIABLE)
    try:
        return int(args.go(args))
    except (OperatorError, StoreError) as error:
        print(f"aisix: {error}", file=sys.stderr)
        return 1 if bare or _is_original(args) else 2  # as there
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _is_original(args: argparse.Namespace) -> bool:
    """Whether a start with the verb is in the original's form all the same."""
    if not hasattr(args, "started"):
        return False
    from aisix.config.file import read
    from aisix.config.original import ORIGINAL, form_of

    given: dict[str, Any] = {}
    with suppress(OperatorError):
        given = read(Path(args.config))[0] if args.config else {}
    return form_of(given, os.environ, args.started) == ORIGINAL


def _without_verb(argv: Sequence[str]) -> bool:
    """Whether it is started as the original AISIX is: `aisix --config FILE`, or by the variable."""
    first = argv[0] if argv else ""
    if first.startswith(("-c", "--config")):
        return True
    return not argv and bool(os.environ.get(CONFIG_VARIABLE))


def _parser(verb: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aisix", description="An AI gateway whose translation is data."
    )
    parser.add_argument("--version", action="version", version=f"aisix {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument(
        *("-c", "--config"), metavar="FILE", help="config.yaml; default: built-in settings"
    )

    sub = verbs.add_parser("serve", parents=[config], help="run the gateway")
    sub.add_argument(
        "--init",
        action="store_true",
        help="begin with an empty database also where an earlier one is missing",
    )
    sub.set_defaults(go=serve, started="")
    sub = verbs.add_parser("check", parents=[config], help="check settings, tables and resources")
    sub.add_argument("--no-cases", action="store_true", help="leave out the golden cases")
    sub.add_argument("--json", action="store_true", help="for programs")
    sub.set_defaults(go=check)
    sub = verbs.add_parser(
        "doctor", parents=[config], help="check that, this machine and the way to each upstream"
    )
    sub.add_argument("--json", action="store_true", help="for programs")
    sub.set_defaults(go=examine)
    sub = verbs.add_parser("demo", help="gateway and stand-in upstream, one call through both")
    sub.add_argument("--once", action="store_true", help="stop after the calls")
    sub.add_argument(
        "--real",
        action="store_true",
        help="call the real provider, with its key from the environment",
    )
    sub.add_argument("--verbose", action="store_true", help="show the gateway's own log too")
    sub.set_defaults(go=demo)
    sub = verbs.add_parser("mappings", parents=[config], help="see, check and try the tables")
    sub.set_defaults(go=mappings)
    if verb == ["mappings"]:
        from aisix.cli import mappings as mappings_cli

        mappings_cli.add_parser(sub)
    sub = verbs.add_parser(
        "capture", parents=[config], help="the next exchanges of an alias, as files"
    )
    sub.set_defaults(go=capture)
    if verb == ["capture"]:
        from aisix.cli import capture as capture_cli

        capture_cli.add_parser(sub)
    sub = verbs.add_parser(
        "status", parents=[config], help="how a running gateway is, and every node beside it"
    )
    sub.set_defaults(go=status)
    if verb == ["status"]:
        from aisix.cli import status as status_cli

        status_cli.add_parser(sub)
    sub = verbs.add_parser(
        "use", parents=[config], help="the settings with which a client reaches the gateway"
    )
    sub.set_defaults(go=use)
    if verb == ["use"]:
        from aisix.cli.use import command as use_cli

        use_cli.add_parser(sub)
    sub = verbs.add_parser(
        "move-in", parents=[config], help="what becomes of an original AISIX's files and etcd here"
    )
    sub.set_defaults(go=move_in)
    if verb == ["move-in"]:
        from aisix.cli import move_in as move_in_cli

        move_in_cli.add_parser(sub)
    _add_store(verbs, config)
    if not verb or verb[0] not in verbs.choices:
        _add_resources(verbs, verb)
    return parser


def _add_resources(verbs: Any, verb: list[str]) -> None:
    """The nouns of cli/resources.py: one for each kind there is."""
    from aisix.store.kinds.registry import KINDS

    for kind in KINDS:
        sub = verbs.add_parser(kind.command.name, help=kind.command.about)
        sub.set_defaults(go=resources)
        if verb == [kind.command.name]:
            from aisix.cli import resources as resources_cli

            resources_cli.add_parser(kind, sub)


def _add_store(verbs: Any, config: argparse.ArgumentParser) -> None:
    """The verbs of cli/store.py."""
    sub = verbs.add_parser("validate", parents=[config], help="check a resources file")
    sub.add_argument("file", metavar="FILE", nargs="?", help="- is standard input")
    sub.add_argument(
        "--resources", metavar="FILE", help="instead: a file of the original AISIX, told as there"
    )
    sub.add_argument("--no-env", action="store_true", help="take every ${NAME} as set")
    sub.set_defaults(go=stored, run="validate")
    sub = verbs.add_parser(
        "export", parents=[config], help="print what is stored as a resources file"
    )
    sub.add_argument("-o", "--output", metavar="FILE", default="-", help="made with mode 0600")
    sub.add_argument("--secrets", action="store_true", help="with the secrets, in clear")
    sub.add_argument(
        "--replica", action="store_true", help="what this node last read of etcd, that may be away"
    )
    sub.add_argument(
        "--etcd", metavar="URL[,URL]", help="instead: an original AISIX's etcd, as its file"
    )
    sub.add_argument("--prefix", metavar="PATH", help="with --etcd: of its keys; default: /aisix")
    sub.add_argument(
        "--reveal-secrets", action="store_true", help="with --etcd: with the secrets, in clear"
    )
    sub.set_defaults(go=stored, run="export")
    sub = verbs.add_parser(
        "import", parents=[config], help="store what a resources file holds: all of it or nothing"
    )
    sub.add_argument("file", metavar="FILE", help="- is standard input")
    sub.add_argument("--prune", action="store_true", help="delete what is not in the file")
    sub.add_argument("--dry-run", action="store_true", help="say what would be done")
    sub.set_defaults(go=stored, run="import_")
    sub = verbs.add_parser("secrets", help="the key that encrypts stored secrets")
    below = sub.add_subparsers(required=True, metavar="VERB")
    sub = below.add_parser(
        "rotate-key", parents=[config], help="encrypt every stored secret with a new key"
    )
    sub.set_defaults(go=stored, run="rotate_key")
    sub = verbs.add_parser("store", help="what a node keeps of etcd")
    below = sub.add_subparsers(required=True, metavar="VERB")
    sub = below.add_parser(
        "accept", parents=[config], help="take over an etcd that was emptied, on this node"
    )
    sub.set_defaults(go=stored, run="accept")


def serve(args: argparse.Namespace) -> int:
    from aisix.config.settings import load_settings
    from aisix.runtime.service import serve as run

    return run(load_settings(args.config, os.environ, args.started), init=args.init)


def check(args: argparse.Namespace) -> int:
    from aisix.cli import doctor
    from aisix.cli.findings import FAULT, Finding
    from aisix.config.settings import load_settings

    settings = load_settings(args.config, os.environ)
    found = doctor.check(settings, not args.no_cases)
    if settings.resources_file and not found:
        from aisix.cli import store

        complaints = store.findings(str(settings.resources_file), settings, _folders(settings))
        found += [Finding(FAULT, "", str(one)) for one in complaints]
    faults = [one for one in found if one.level == FAULT]
    if args.json:
        return _as_json(found)
    for one in found:
        print(one if one in faults else f"{one.level}: {one}")
    print(f"{len(faults)} finding{'s' * (len(faults) != 1)}" if faults else "everything is fine")
    return 1 if faults else 0


def examine(args: argparse.Namespace) -> int:
    from aisix.cli import doctor
    from aisix.cli.findings import FAULT
    from aisix.config.settings import load_settings

    found = doctor.doctor(load_settings(args.config, os.environ))
    if args.json:
        return _as_json(found)
    wide = max(len(one.about) for one in found)
    for one in found:
        print(f"{one.level:8} {one.about:{wide}} {one.text}")
    return 1 if any(one.level == FAULT for one in found) else 0


def _as_json(found: Sequence[Any]) -> int:
    import dataclasses
    import json

    good = all(one.level != "fault" for one in found)
    shown = {"ok": good, "findings": [dataclasses.asdict(one) for one in found]}
    print(json.dumps(shown, indent=2))
    return 0 if good else 1


def demo(args: argparse.Namespace) -> int:
    from aisix.standin.demo import main as run

    return run(args)


def mappings(args: argparse.Namespace) -> int:
    from aisix.cli import mappings as mappings_cli

    args.settings = None
    if args.config:
        from aisix.config.settings import load_settings

        args.settings = load_settings(args.config, os.environ)
    return mappings_cli.run(args, _folders(args.settings))


def capture(args: argparse.Namespace) -> int:
    from aisix.cli import capture as capture_cli
    from aisix.config.settings import load_settings

    return capture_cli.run(args, load_settings(args.config, os.environ))


def status(args: argparse.Namespace) -> int:
    from aisix.cli import status as status_cli
    from aisix.config.settings import load_settings

    return status_cli.run(args, load_settings(args.config, os.environ))


def move_in(args: argparse.Namespace) -> int:
    from aisix.cli import move_in as move_in_cli

    return move_in_cli.run(args)


def use(args: argparse.Namespace) -> int:
    from aisix.cli.use import command
    from aisix.config.settings import load_settings

    return command.run(args, load_settings(args.config, os.environ))


def resources(args: argparse.Namespace) -> int:
    from aisix.cli import resources as resources_cli
    from aisix.config.settings import load_settings

    return resources_cli.run(args, load_settings(args.config, os.environ))


def stored(args: argparse.Namespace) -> int:
    from aisix.cli import store
    from aisix.config.settings import load_settings

    # What needs no settings goes by none: a variable may be meant for a gateway.
    given = getattr(args, "resources", None) or getattr(args, "etcd", None)
    settings = load_settings(args.config, {} if given and not args.config else os.environ)
    return int(getattr(store, args.run)(args, settings, _folders(settings)))


def _folders(settings: Any) -> list[Path]:
    """Those of the settings; without any the shipped ones alone."""
    from aisix.config.shipped import table_folders

    return (
        table_folders("", ())
        if settings is None
        else table_folders(settings.names, settings.mappings)
    )
