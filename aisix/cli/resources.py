"""`aisix keys`, `models` and `providers`: the admin API of a running gateway, for people.

    aisix keys create --name ci --allow claude-prod      prints the new key, once
    aisix providers create prod --provider P --secret-env PROVIDER_KEY
    aisix models create small m-1 --provider-key prod

Nouns, arguments and columns are those the kinds declare. The gateway is the one of the settings;
its admin key comes from AISIX_ADMIN_KEY, the settings or the data directory. An id or a name says
which one is meant. `--json` prints the API's answer. Exit code 0: done; 1: refused; 2: wrong usage,
or nobody answers.

Must never know: a resource's rules; the gateway checks. No secret is taken from the command line,
where every user of the machine could read it.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from aisix.cli.admin_client import AdminClient, AdminRefused
from aisix.config.sections import Admin, Proxy, Settings
from aisix.errors import OperatorError
from aisix.store.kinds.api_keys import API_KEYS, hash_of
from aisix.store.kinds.declare import Argument, Field, Kind

Row = dict[str, Any]


def add_parser(kind: Kind, parser: argparse.ArgumentParser) -> None:
    """The verbs of one kind."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", metavar="FILE", help="config.yaml of the gateway")
    common.add_argument("--admin", metavar="URL", help="default: admin.addr of the settings")
    common.add_argument("--admin-key-file", metavar="FILE", help="a file that holds an admin key")
    common.add_argument("--json", action="store_true", help="print JSON")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, help: str, run: Callable[..., int], *, one: bool = True) -> Any:
        sub = verbs.add_parser(name, parents=[common], help=help, description=help)
        if one:
            sub.add_argument("which", metavar="ID|NAME")
        sub.set_defaults(run=run, kind=kind)
        return sub

    verb("list", "all of them", list_, one=False)
    verb("show", "one of them", show)
    _add_create(kind, verb("create", "make one", create, one=False))
    _add_set(kind, verb("set", "change fields of one", set_))
    if kind.rotate:
        sub = verb("rotate", "give it a new text, printed once", rotate)
        sub.add_argument("--grace", type=int, default=0, metavar="SECONDS",
                         help="how long the old text still works")  # fmt: skip
    sub = verb(kind.command.delete, kind.command.delete_help, delete)
    if kind.command.cascade:
        sub.add_argument("--cascade", action="store_true", help="and what refers to it")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """One verb; raises OperatorError when nobody answers or the usage is wrong."""
    client = client_of(args, settings)
    try:
        return int(args.run(args, client, settings.environ))
    except AdminRefused as told:
        if args.json:
            print(json.dumps(told.answer))
        else:
            print(told, file=sys.stderr)
        return 1


def client_of(args: argparse.Namespace, settings: Settings) -> AdminClient:
    """A client of the gateway that the arguments (`admin`, `admin_key_file`) and settings name."""
    return AdminClient(*address_and_key(args, settings))


def address_and_key(args: argparse.Namespace, settings: Settings) -> tuple[str, str]:
    """Where its admin API is, and a key for it."""
    return _url(args, settings), _admin_key(args, settings)


# ---------------------------------------------------------------- verbs
def list_(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    kind: Kind = args.kind
    items = client.every(kind.name)
    if args.json:
        print(json.dumps(items))
        return 0
    shown = [field for field in kind.stored.values() if field.column]
    names = {
        item["id"]: item["value"]["display_name"]
        for other in {field.refers_to for field in shown} - {""}
        for item in client.every(other)
    }
    rows = [
        {"id": item["id"]}
        | {
            field.column.title: _listed(field, item["value"], names)
            for field in shown
            if field.column
        }
        | {"created": item["created_at"]}
        for item in items
    ]
    print(tabulate(rows, headers="keys", disable_numparse=True) if rows else "none")
    return 0


def show(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    return _shown(args, client.one(args.kind.name, args.which))


def create(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    name = args.kind.name
    body = _body(args, client, environ) | _fields(args.field)
    path = name if args.id is None else f"{name}/{args.id}"
    return _shown(args, client.call("POST" if args.id is None else "PUT", path, body))


def set_(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    found = client.one(args.kind.name, args.which)
    path = f"{args.kind.name}/{found['id']}"
    body = _fields(args.field)
    for field, _ in _files(args.kind):
        if given := getattr(args, _dest(field)):
            body[field.name] = _contents(given)
    if not body:
        flags = ["--field", *(argument.flag for _, argument in _files(args.kind))]
        raise OperatorError(f"what shall be changed? {' or '.join(flags)}")
    return _shown(args, client.call("PATCH", path, body))


def rotate(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    found = client.one(args.kind.name, args.which)
    body = {"grace_secs": args.grace} if args.grace else {}
    return _shown(args, client.call("POST", f"{args.kind.name}/{found['id']}/rotate", body))


def delete(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    found = client.one(args.kind.name, args.which)
    more = "?cascade=true" if getattr(args, "cascade", False) else ""
    answer = client.call("DELETE", f"{args.kind.name}/{found['id']}{more}")
    if args.json:
        print(json.dumps(answer))
        return 0
    for gone in [*answer.get("cascaded", ()), {"kind": args.kind.name, "id": found["id"]}]:
        print(f"deleted {gone['kind']}/{gone['id']}")
    return 0


# ---------------------------------------------------------------- arguments
def _arguments(kind: Kind) -> list[tuple[Field, Argument]]:
    """What `create` takes: the fields that declare an argument, and what must be there."""
    return [
        (field, argument)
        for field in kind.stored.values()
        if (argument := field.argument or _default_argument(field)) is not None
    ]


def _default_argument(field: Field) -> Argument | None:
    if not field.required:
        return None
    if field.name == "display_name":
        return Argument(metavar="NAME", help=field.help)
    metavar = "ID|NAME" if field.refers_to else ""
    return Argument("--" + field.name.replace("_", "-"), metavar, field.help, required=True)


def _files(kind: Kind) -> list[tuple[Field, Argument]]:
    """Those whose value stands in a file."""
    return [(field, argument) for field, argument in _arguments(kind) if argument.file]


def _add_set(kind: Kind, sub: argparse.ArgumentParser) -> None:
    for field, argument in _files(kind):
        sub.add_argument(argument.flag, dest=_dest(field), metavar=argument.metavar,
                         action="append", default=[], help=argument.help or field.help)  # fmt: skip
    _add_field(sub, new=False)


def _add_create(kind: Kind, sub: argparse.ArgumentParser) -> None:
    for field, argument in _arguments(kind):
        more: Row = {"help": argument.help or field.help}
        if not argument.flag:
            sub.add_argument(_dest(field), metavar=argument.metavar, **more)
        elif field.secret:
            either = sub.add_mutually_exclusive_group()
            either.add_argument(f"{argument.flag}-env", dest=_dest(field, "env"), metavar="NAME",
                                **more)  # fmt: skip
            either.add_argument(f"{argument.flag}-file", dest=_dest(field, "file"), metavar="FILE",
                                help="- is standard input; default: asked")  # fmt: skip
        else:
            if field.type.is_list or argument.file:
                more |= {"action": "append", "default": []}
            elif argument.required:
                more |= {"required": True}
            metavar = argument.metavar or argument.flag.lstrip("-").replace("-", "_").upper()
            sub.add_argument(argument.flag, dest=_dest(field), metavar=metavar, **more)
    if kind is API_KEYS:
        help = "the variable that holds the key to use; its hash is sent"
        sub.add_argument("--key-env", metavar="NAME", help=help)
    _add_field(sub)


def _dest(field: Field, what: str = "value") -> str:
    """Its place in the namespace, where it meets no option of the verb."""
    return f"{field.name}:{what}"


def _add_field(sub: argparse.ArgumentParser, *, new: bool = True) -> None:
    sub.add_argument("--field", action="append", default=[],
                     metavar="NAME=VALUE", help="any field of the API: JSON or plain text, null "
                     "removes it; a path as in rate_limit.rpm=60 sets one value of it")  # fmt: skip
    if new:
        sub.add_argument("--id", help="the id it shall have; made again, it is replaced")


# ---------------------------------------------------------------- bodies
def _body(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> Row:
    """What the arguments of `create` say."""
    kind: Kind = args.kind
    body: Row = {}
    named: dict[str, Row] = {}  # by the field that refers to it
    for field, argument in _arguments(kind):
        if field.secret:
            given = _secret(args, field, argument, environ)
        else:
            given = getattr(args, _dest(field))
        if argument.file:
            if given:
                body[field.name] = _contents(given)
            continue
        if given and field.refers_to:
            named[field.name] = client.one(field.refers_to, given)
            given = named[field.name]["id"]
        if given or (field.required and field.type.is_list):
            text = field.type.schema["type"] in ("string", "array")
            body[field.name] = given if text else _parsed(given)
    for field, argument in _arguments(kind):
        if argument.like and field.name not in body:
            body[field.name] = named[argument.like]["value"][field.name]
    if kind is API_KEYS and "key_hash" not in body:
        own: Row = {"key_hash": hash_of(_variable(args.key_env, environ))} if args.key_env else {}
        body |= own or {"generate": True}
    return body


def _fields(given: Sequence[str]) -> Row:
    """ "rate_limit.rpm=60" -> {"rate_limit": {"rpm": 60}}"""
    body: Row = {}
    for one in given:
        path, is_there, text = one.partition("=")
        if not is_there:
            raise OperatorError(f"--field {path}: expected NAME=VALUE")
        *above, last = path.split(".")
        place = body
        for name in above:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise OperatorError(f"--field {path}: {name} has a value of its own")
        place[last] = _parsed(text)
    return body


def _parsed(text: str) -> Any:
    """JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _secret(
    args: argparse.Namespace, field: Field, argument: Argument, environ: Mapping[str, str]
) -> str:
    """The secret; "" for one that need not be there and is not given."""
    variable, file = getattr(args, _dest(field, "env")), getattr(args, _dest(field, "file"))
    if variable:
        return _variable(variable, environ)
    if file == "-":
        return sys.stdin.readline().strip()
    if file:
        return _file(file)
    if not field.required:
        return ""
    if not sys.stdin.isatty():
        flag = argument.flag
        raise OperatorError(f"where is the {field.name}? {flag}-env NAME or {flag}-file FILE")
    return getpass.getpass(f"{field.name}: ").strip()


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if not environ.get(name):
        raise OperatorError(f"the environment variable {name} is not set")
    return environ[name]


def _contents(files: Sequence[str]) -> Any:
    """What stands in the files, JSON or text; of several files a list."""
    found = []
    for name in files:
        text = sys.stdin.read() if name == "-" else _whole(name)
        parsed = _parsed(text)
        found.append(parsed if isinstance(parsed, dict | list) else text)
    return found[0] if len(found) == 1 else found


def _file(name: str) -> str:
    return _whole(name).strip()


def _whole(name: str) -> str:
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise OperatorError(f"{name}: cannot be read: {why}") from None


# ---------------------------------------------------------------- whom to ask
def _url(args: argparse.Namespace, settings: Settings) -> str:
    return str(args.admin) if args.admin else listener_url(settings.admin)


def listener_url(section: Admin | Proxy) -> str:
    """A listener's address as somebody on this machine reaches it."""
    host, _, port = section.addr.rpartition(":")
    everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}
    scheme = "http" if section.tls_cert is None else "https"
    return f"{scheme}://{everywhere.get(host, host)}:{port}"


def given_key(variable: str | None, file: str | None, environ: Mapping[str, str]) -> str:
    """A key from a variable, else from a file; "-" is standard input."""
    if variable:
        return _variable(variable, environ)
    key = sys.stdin.readline().strip() if file == "-" else _file(str(file))
    if not key or len(key.split()) > 1:
        raise OperatorError("the key: expected one word, and nothing else")
    return key


def _admin_key(args: argparse.Namespace, settings: Settings) -> str:
    if args.admin_key_file:
        return _file(args.admin_key_file)
    if settings.environ.get("AISIX_ADMIN_KEY"):
        return settings.environ["AISIX_ADMIN_KEY"]
    if settings.admin.admin_keys:
        return settings.admin.admin_keys[0]
    return _file(str(settings.data_dir / "admin_key"))


# ---------------------------------------------------------------- output
def _shown(args: argparse.Namespace, item: Row) -> int:
    for one in item.get("warnings", ()):
        print(f"warning: {one['path']}: {one['message']}", file=sys.stderr)
    if args.json:
        print(json.dumps(item))
        return 0
    rows = [("id", item["id"])]
    rows += [(name, _cell(value)) for name, value in item["value"].items() if value not in
             (None, {}, [])]  # fmt: skip
    rows += [(name, _cell(item[name])) for name in ("revision", "created_at", "updated_at")]
    print(tabulate(rows, tablefmt="plain", disable_numparse=True))
    if "key" in item:
        print(f"\nkey  {item['key']}\n\nIt is shown this once; only its hash is stored.")
    return 0


def _cell(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _listed(field: Field, value: Row, names: Row) -> str:
    """A field's cell of a list; of a field that has moved into objects, that of each of them."""
    assert field.column is not None
    if field.column.cell:
        return field.column.cell(value)
    places = (field.moves_into and value[field.moves_into]) or [value]
    found = [place[field.name] for place in places if place.get(field.name) is not None]
    if field.type.is_list:
        found = [item for one in found for item in one]
    cells = [str(names.get(one, one)) if field.refers_to else _cell(one) for one in found]
    return ", ".join(cells) or field.column.absent
