"""`aisix use CLIENT [ALIAS]`: what a client needs to reach the gateway, and a caller key for it.

    aisix use                               the clients there are
    aisix use codex claude-prod             prints the settings, and a key made for it
    aisix use codex claude-prod --write     merges them into the client's own files

A key that stands in the client's files already, and may use the alias, is kept. Otherwise one is
made by the admin API, as `aisix keys create` makes it, or `--key-env` or `--key-file` names one.
Exit code 0: done; 1: refused; 2: wrong usage, or nobody answers.

With --write no key is printed. No value of a user's own settings ever is.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tabulate import tabulate

from aisix.cli.admin_client import AdminClient, AdminRefused
from aisix.cli.resources import client_of, given_key, listener_url
from aisix.cli.use import caller, keeping, merging
from aisix.cli.use.declared import Client, ClientFile, client, clients, filled, near
from aisix.config.settings import Settings
from aisix.errors import OperatorError
from aisix.store.kinds.api_keys import API_KEYS, hash_of

KEY = "{key}"
NO_KEY = "<the key>"
MAX_KEYS = 100  # of one client: `codex`, `codex-2`, ...


@dataclass(frozen=True)
class Wanted:
    """One of the client's files, as it is and as it shall be."""

    file: ClientFile
    path: Path
    before: str
    settings: dict[str, Any]
    text: str

    @property
    def changed(self) -> bool:
        return self.text != self.before


def add_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client", metavar="CLIENT", nargs="?", help="default: list them")
    parser.add_argument("alias", metavar="ALIAS", nargs="?", help="default: the only one there is")
    parser.add_argument("--write", action="store_true",
                        help="merge them into the client's files, with a backup")  # fmt: skip
    parser.add_argument("--url", metavar="URL", help="the gateway, as the client reaches it; "
                        "default: proxy.addr of the settings")  # fmt: skip
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--key-env", metavar="NAME", help="the variable that holds the key to use")
    either.add_argument("--key-file", metavar="FILE", help="a file with it; - is standard input")
    parser.add_argument("--admin", metavar="URL", help="default: admin.addr of the settings")
    parser.add_argument("--admin-key-file", metavar="FILE", help="a file that holds an admin key")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Raises OperatorError when the usage is wrong or nobody answers."""
    if args.client is None:
        return _list(args)
    chosen = client(args.client)
    url = caller.base_of(args.url or listener_url(settings.proxy))
    try:
        values = _values(args, settings, chosen, url)
    except AdminRefused as told:
        print(json.dumps(told.answer) if args.json else told, file=sys.stderr)
        return 1
    wanted = [_wanted(file, settings, values) for file in chosen.files]
    backups = _write(wanted) if args.write else {}
    if args.json:
        _print_json(chosen, args, values, wanted, backups)
    elif args.write:
        _print_written(chosen, wanted, backups)
    else:
        _print(chosen, values, wanted)
    return 0


# ---------------------------------------------------------------- which key, which alias
def _values(
    args: argparse.Namespace, settings: Settings, chosen: Client, url: str
) -> dict[str, str]:
    """What the {placeholders} stand for. A key is made last: nothing else can go wrong then."""
    if args.key_env or args.key_file:
        key = given_key(args.key_env, args.key_file, settings.environ)
        alias = args.alias
        if alias is None:
            alias = caller.only_alias(url, key)
        elif not caller.may_use(url, key, alias):
            text = f"nobody answers at {url}: neither key nor alias were checked"
            print(f"aisix: {text}", file=sys.stderr)
        return {"url": url, "alias": alias, "key": key}
    admin = client_of(args, settings)
    values = {"url": url, "alias": _alias(admin, args.alias), "key": NO_KEY}
    for file in chosen.files:
        _wanted(file, settings, values)
    return {**values, "key": _key(admin, args.client, chosen, settings, values["alias"])}


def _alias(admin: AdminClient, alias: str | None) -> str:
    if alias is not None and "*" not in alias and _is_there(admin, "models", alias):
        return alias
    names = [item["value"]["display_name"] for item in admin.every("models")]
    if alias is None:
        return caller.one_of(names)
    if "*" in alias:
        raise OperatorError(f"{alias!r} is a pattern: name one model that it stands for")
    if any(fnmatch.fnmatchcase(alias, name) for name in names if "*" in name):
        return alias
    raise OperatorError(f"there is no alias {alias!r}: {near(alias, names)}")


def _key(admin: AdminClient, name: str, chosen: Client, settings: Settings, alias: str) -> str:
    """The one in the client's files, when it opens the alias; else a new one."""
    if found := _files_key(chosen, settings, alias):
        for item in admin.every(API_KEYS.name):
            value = item["value"]
            if value["key_hash"] == hash_of(found) and _may(value, alias):
                print(f"aisix: the key in the client's files is kept ({_named(item)})",
                      file=sys.stderr)  # fmt: skip
                return found
    names = (name if n == 1 else f"{name}-{n}" for n in range(1, MAX_KEYS + 1))
    free = next((one for one in names if not _is_there(admin, API_KEYS.name, one)), None)
    if free is None:
        raise OperatorError(f"there are {MAX_KEYS} keys of {name} already: aisix keys revoke NAME")
    body = {"display_name": free, "allowed_models": [alias], "generate": True}
    made = admin.call("POST", API_KEYS.name, body)
    print(f"aisix: made the caller key {_named(made)} for {alias}; "
          f"`aisix keys revoke {free}` takes it back", file=sys.stderr)  # fmt: skip
    return str(made["key"])


def _is_there(admin: AdminClient, kind: str, name: str) -> bool:
    return bool(admin.call("GET", f"{kind}?display_name={quote(name, safe='')}")["items"])


def _may(value: dict[str, Any], alias: str) -> bool:
    allowed = any(fnmatch.fnmatchcase(alias, one) for one in value["allowed_models"])
    return allowed and not value.get("disabled") and not value.get("expires_at")


def _named(item: dict[str, Any]) -> str:
    name = item["value"].get("display_name")
    return f"{name} ({item['id']})" if name else str(item["id"])


def _files_key(chosen: Client, settings: Settings, alias: str) -> str:
    """What stands now where the client's key belongs; "" where nothing does."""
    for file in chosen.files:
        text = keeping.contents(keeping.place(file, settings.environ, Path.cwd()))
        try:
            said = merging.read(file.format, text)
        except merging.NotMerged:
            continue  # told when the settings are merged
        tree = filled(file.set, {"alias": alias})
        if file.item_by and isinstance(said, list):
            same = [one for one in said if isinstance(one, dict)]
            said = next((o for o in same if o.get(file.item_by) == tree[file.item_by]), {})
        found = _at_key(tree, said)
        if found:
            return found
    return ""


def _at_key(tree: Any, said: Any) -> str:
    if not isinstance(tree, dict):
        return said if tree == KEY and isinstance(said, str) else ""
    below = (_at_key(tree[name], said[name]) for name in tree if name in said) if isinstance(
        said, dict) else ()  # fmt: skip
    return next(filter(None, below), "")


# ---------------------------------------------------------------- files
def _wanted(file: ClientFile, settings: Settings, values: dict[str, str]) -> Wanted:
    path = keeping.place(file, settings.environ, Path.cwd())
    before = keeping.contents(path)
    tree = filled(file.set, values)
    try:
        text = merging.merged(file.format, before, tree, file.item_by)
    except merging.NotMerged as why:
        alone = merging.merged(file.format, "", tree, file.item_by)
        hidden = alone.replace(values["key"], NO_KEY)
        text = f"{path}: cannot take the settings: {why}; nothing was written. Put there yourself:"
        raise OperatorError(f"{text}\n\n{hidden}") from None
    return Wanted(file, path, before, tree, text)


def _write(wanted: list[Wanted]) -> dict[Path, Path | None]:
    """The changed ones, and each one's backup; all are known to be good before the first."""
    return {one.path: keeping.keep(one.path, one.before, one.text) for one in wanted if one.changed}


# ---------------------------------------------------------------- output
def _list(args: argparse.Namespace) -> int:
    known = clients()
    if args.json:
        print(json.dumps({name: {"title": one.title, "about": one.about, "wire": one.wire}
                          for name, one in known.items()}))  # fmt: skip
        return 0
    rows = [(name, one.title, one.about, ", ".join(one.wire)) for name, one in known.items()]
    print(tabulate(rows, headers=("client", "", "what it is", "calls"), disable_numparse=True))
    print("\naisix use CLIENT [ALIAS] prints its settings; --write puts them into its own files.")
    return 0


def _alone(one: Wanted) -> str:
    return merging.merged(one.file.format, "", one.settings, one.file.item_by)


def _print(chosen: Client, values: dict[str, str], wanted: list[Wanted]) -> None:
    for one in wanted:
        print(f"==> {one.path} <==\n{_alone(one)}")
    if chosen.code:
        print(f"==> {chosen.language} <==\n{filled(chosen.code, values).strip()}\n")
    for note in chosen.mind:
        print(f"Mind: {note}")


def _print_written(chosen: Client, wanted: list[Wanted], backups: dict[Path, Path | None]) -> None:
    for one in wanted:
        if not one.changed:
            print(f"{one.path}: has them already")
            continue
        backup = backups[one.path]
        print(f"{one.path}: written" + (f"; as it was: {backup}" if backup else ""))
        old = merging.read(one.file.format, one.before) if not one.file.item_by else {}
        if was := merging.replaced(old, one.settings):
            print(f"  another value before: {', '.join(was)}")
    for note in chosen.mind:
        print(f"Mind: {note}")


def _print_json(
    chosen: Client,
    args: argparse.Namespace,
    values: dict[str, str],
    wanted: list[Wanted],
    backups: dict[Path, Path | None],
) -> None:
    files = []
    for one in wanted:
        row: dict[str, Any] = {"path": str(one.path), "format": one.file.format}
        if args.write:
            backup = backups.get(one.path)
            row |= {"changed": one.changed, "backup": str(backup) if backup else None}
        else:
            row |= {"text": _alone(one)}
        files.append(row)
    shown = {"client": args.client, "url": values["url"], "alias": values["alias"], "files": files}
    if not args.write:
        shown |= {"key": values["key"], "code": filled(chosen.code, values)}
    print(json.dumps({**shown, "mind": chosen.mind}, indent=2))
