"""`aisix keys`, `models` and `providers`: the admin API of a running gateway, for people.

    aisix keys create --name ci --allow claude-prod      prints the new key, once
    aisix providers create prod --provider P --secret-env PROVIDER_KEY
    aisix models create small m-1 --provider-key prod

The gateway is the one of the settings; its admin key comes from AISIX_ADMIN_KEY, the settings or
the data directory. An id or a name says which one is meant. `--json` prints the API's answer.
Exit code 0: done; 1: refused; 2: wrong usage, or nobody answers.

Must never know: a resource's rules; the gateway checks. No secret is taken from the command line,
where every user of the machine could read it.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tabulate import tabulate

from aisix.cli.admin_client import AdminClient, AdminRefused
from aisix.config.settings import Settings
from aisix.errors import OperatorError

Row = dict[str, Any]
NOUNS = {"keys": "apikeys", "models": "models", "providers": "provider_keys"}
HELP = {
    "keys": "the keys callers use",
    "models": "the aliases callers ask for",
    "providers": "the credentials for upstreams",
}


def add_parser(noun: str, parser: argparse.ArgumentParser) -> None:
    """The verbs of one noun."""
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
        sub.set_defaults(run=run, kind=NOUNS[noun])
        return sub

    verb("list", "all of them", list_, one=False)
    verb("show", "one of them", show)
    _ADD[noun](verb("create", "make one", create, one=False))
    sub = verb("set", "change fields of one", set_)
    _field(sub, required=True)
    if noun == "keys":
        sub = verb("rotate", "give it a new text, printed once", rotate)
        sub.add_argument("--grace", type=int, default=0, metavar="SECONDS",
                         help="how long the old text still works")  # fmt: skip
        verb("revoke", "take it away for good; nobody gets in with it any more", delete)
    else:
        sub = verb("delete", "take it away", delete)
        sub.add_argument("--cascade", action="store_true", help="and what refers to it")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """One verb; raises OperatorError when nobody answers or the usage is wrong."""
    client = AdminClient(_url(args, settings), _admin_key(args, settings))
    try:
        return int(args.run(args, client, settings.environ))
    except AdminRefused as told:
        if args.json:
            print(json.dumps(told.answer))
        else:
            print(told, file=sys.stderr)
        return 1


# ---------------------------------------------------------------- verbs
def list_(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    items = client.every(args.kind)
    if args.json:
        print(json.dumps(items))
        return 0
    names = {i["id"]: i["value"]["display_name"] for i in client.every("provider_keys")}
    rows = [_ROW[args.kind](item, names) for item in items]
    print(tabulate(rows, headers="keys", disable_numparse=True) if rows else "none")
    return 0


def show(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    return _shown(args, client.one(args.kind, args.which))


def create(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    body = _BODY[args.kind](args, client, environ)
    body.update(_fields(args.field))
    path = args.kind if args.id is None else f"{args.kind}/{args.id}"
    return _shown(args, client.call("POST" if args.id is None else "PUT", path, body))


def set_(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    found = client.one(args.kind, args.which)
    path = f"{args.kind}/{found['id']}"
    return _shown(args, client.call("PATCH", path, _fields(args.field)))


def rotate(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    found = client.one(args.kind, args.which)
    body = {"grace_secs": args.grace} if args.grace else {}
    return _shown(args, client.call("POST", f"{args.kind}/{found['id']}/rotate", body))


def delete(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> int:
    found = client.one(args.kind, args.which)
    more = "?cascade=true" if getattr(args, "cascade", False) else ""
    answer = client.call("DELETE", f"{args.kind}/{found['id']}{more}")
    if args.json:
        print(json.dumps(answer))
        return 0
    for gone in [*answer.get("cascaded", ()), {"kind": args.kind, "id": found["id"]}]:
        print(f"deleted {gone['kind']}/{gone['id']}")
    return 0


# ---------------------------------------------------------------- arguments
def _add_keys(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--name", help="what people call it")
    sub.add_argument("--allow", action="append", default=[], metavar="MODEL",
                     help="an alias, or a pattern with one *; again for more")  # fmt: skip
    sub.add_argument("--expires", metavar="WHEN", help="such as 2030-01-01T00:00:00Z")
    sub.add_argument("--key-env", metavar="NAME",
                     help="the variable that holds the key to use; its hash is sent")  # fmt: skip
    sub.add_argument("--key-hash", metavar="HEX", help="use the key with this SHA-256")
    _field(sub)


def _add_models(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", metavar="ALIAS", help="what callers put in `model`")
    sub.add_argument("model_name", metavar="MODEL", help="the provider's name for it")
    sub.add_argument("--provider-key", required=True, metavar="ID|NAME", help="whose credential")
    sub.add_argument("--provider", help="default: that of the provider key")
    _field(sub)


def _add_providers(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", help="what people call it")
    sub.add_argument("--provider", required=True, help="the company")
    sub.add_argument("--adapter", help="the dialect its API speaks; default: the provider's name")
    sub.add_argument("--api-base", metavar="URL", help="default: the provider's own")
    secret = sub.add_mutually_exclusive_group()
    secret.add_argument("--secret-env", metavar="NAME", help="the variable that holds the secret")
    secret.add_argument("--secret-file", metavar="FILE", help="- is standard input; default: asked")
    _field(sub)


def _field(sub: argparse.ArgumentParser, *, required: bool = False) -> None:
    sub.add_argument("--field", action="append", default=[], required=required,
                     metavar="NAME=VALUE", help="any field of the API: JSON or plain text, null "
                     "removes it; a path as in rate_limit.rpm=60 sets one value of it")  # fmt: skip
    if not required:
        sub.add_argument("--id", help="the id it shall have; made again, it is replaced")


_ADD: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "keys": _add_keys,
    "models": _add_models,
    "providers": _add_providers,
}


# ---------------------------------------------------------------- bodies
def _key_body(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> Row:

    body: Row = {"allowed_models": args.allow}
    if args.name:
        body["display_name"] = args.name
    if args.expires:
        body["expires_at"] = args.expires
    if args.key_hash:
        body["key_hash"] = args.key_hash
    elif args.key_env:
        text = _variable(args.key_env, environ)
        body["key_hash"] = hashlib.sha256(text.encode()).hexdigest()
    else:
        body["generate"] = True
    return body


def _model_body(args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]) -> Row:
    key = client.one("provider_keys", args.provider_key)
    return {
        "display_name": args.name,
        "model_name": args.model_name,
        "provider": args.provider or key["value"]["provider"],
        "provider_key_id": key["id"],
    }


def _provider_body(
    args: argparse.Namespace, client: AdminClient, environ: Mapping[str, str]
) -> Row:
    body = {"display_name": args.name, "provider": args.provider, "secret": _secret(args, environ)}
    if args.adapter:
        body["adapter"] = args.adapter
    if args.api_base:
        body["api_base"] = args.api_base
    return body


_BODY: dict[str, Callable[..., Row]] = {
    "apikeys": _key_body,
    "models": _model_body,
    "provider_keys": _provider_body,
}


def _fields(given: Sequence[str]) -> Row:
    """ "rate_limit.rpm=60" -> {"rate_limit": {"rpm": 60}}"""
    body: Row = {}
    for one in given:
        path, is_there, text = one.partition("=")
        if not is_there:
            raise OperatorError(f"--field {path}: expected NAME=VALUE")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        *above, last = path.split(".")
        place = body
        for name in above:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise OperatorError(f"--field {path}: {name} has a value of its own")
        place[last] = value
    return body


def _secret(args: argparse.Namespace, environ: Mapping[str, str]) -> str:
    if args.secret_env:
        return _variable(args.secret_env, environ)
    if args.secret_file == "-":
        return sys.stdin.readline().strip()
    if args.secret_file:
        return _file(args.secret_file)
    if not sys.stdin.isatty():
        raise OperatorError("where is the secret? --secret-env NAME or --secret-file FILE")
    return getpass.getpass("secret: ").strip()


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if not environ.get(name):
        raise OperatorError(f"the environment variable {name} is not set")
    return environ[name]


def _file(name: str) -> str:
    try:
        return Path(name).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise OperatorError(f"{name}: cannot be read: {why}") from None


# ---------------------------------------------------------------- whom to ask
def _url(args: argparse.Namespace, settings: Settings) -> str:
    if args.admin:
        return str(args.admin)
    host, _, port = settings.admin.addr.rpartition(":")
    everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}
    scheme = "http" if settings.admin.tls_cert is None else "https"
    return f"{scheme}://{everywhere.get(host, host)}:{port}"


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


def _key_row(item: Row, names: Row) -> Row:
    value = item["value"]
    return {
        "id": item["id"],
        "name": value["display_name"] or "",
        "models": ", ".join(value["allowed_models"] or ()) or "(none)",
        "expires": value["expires_at"] or "never",
        "state": _state(value),
        "created": item["created_at"],
    }


def _state(value: Row) -> str:
    if value["disabled"]:
        return "disabled"
    ends = value["expires_at"]
    return "expired" if ends and datetime.fromisoformat(ends) <= datetime.now(UTC) else "open"


def _model_row(item: Row, names: Row) -> Row:
    value = item["value"]
    targets = value.get("targets") or [value]
    return {
        "id": item["id"],
        "alias": value["display_name"],
        "upstream model": ", ".join(str(target["model_name"]) for target in targets),
        "provider key": ", ".join(
            names.get(target["provider_key_id"], str(target["provider_key_id"]))
            for target in targets
        ),
        "created": item["created_at"],
    }


def _provider_row(item: Row, names: Row) -> Row:
    value = item["value"]
    return {
        "id": item["id"],
        "name": value["display_name"],
        "provider": value["provider"],
        "adapter": value["adapter"],
        "secret": value["secret"],
        "api base": value["api_base"] or "(the provider's own)",
    }


_ROW: dict[str, Callable[[Row, Row], Row]] = {
    "apikeys": _key_row,
    "models": _model_row,
    "provider_keys": _provider_row,
}
