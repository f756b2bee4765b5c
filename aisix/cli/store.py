"""`aisix validate`, `export`, `import`, `secrets` and `store`: what is stored, without the gateway.

They open the data directory the settings name; a gateway that runs on it sees what they write with
its next request. Exit code 0: fine; 1: findings; 2: it cannot be done.

Must never know: HTTP. Must never print a secret unless `export --secrets` asked for it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from aisix import log
from aisix.cli import move_in
from aisix.cli.output import write_private
from aisix.config.settings import Settings
from aisix.errors import Complaint, OperatorError
from aisix.mapping.mappings import load_mappings
from aisix.routing import resource_checks
from aisix.routing.doubts import doubts
from aisix.runtime.resources import store_of, store_of_command
from aisix.store import audit, yaml_document
from aisix.store.base import ChangeRefused, ExtraCheck, Store
from aisix.store.batch import ImportResult, check_items, import_items
from aisix.store.kinds.api_keys import hash_of
from aisix.store.secrets import new_key
from aisix.store.snapshot import Snapshot

REPLICA = "replica.db"  # as the follower of etcd calls it
ACCEPT_SECS = 15.0  # for the follower, which looks at an etcd it refuses every 5 s


def validate(args: argparse.Namespace, settings: Settings, folders: Sequence[Path]) -> int:
    """Everything wrong with a resources file, as the gateway would see it."""
    environ = ANY_ENVIRONMENT if args.no_env else settings.environ
    if (args.file is None) == (args.resources is None):
        raise OperatorError("validate: give FILE, or --resources FILE")
    if args.resources is not None:
        return move_in.validate(args.resources, ANY_ENVIRONMENT if args.no_env else os.environ)
    found = findings(args.file, settings, folders, environ, files=not args.no_env)
    for complaint in found:
        print(complaint)
    print(f"{len(found)} finding{'s' * (len(found) != 1)}" if found else f"{args.file} is fine")
    return 1 if found else 0


def findings(
    file: str,
    settings: Settings,
    folders: Sequence[Path],
    environ: Mapping[str, str] | None = None,
    files: bool = True,
) -> tuple[Complaint, ...]:
    """Every complaint about a resources file; `files`: also about those it names."""
    environ = settings.environ if environ is None else environ
    try:
        items, lines = yaml_document.read(_text(file), file, environ)
        try:
            check_items(
                Snapshot((), 0), items, now=time.time(), extra=_extra(settings, folders, files)
            )
        except ChangeRefused as refused:
            raise OperatorError(lines.placed(refused.complaints)) from None
    except OperatorError as error:
        return error.complaints
    return ()


def export(args: argparse.Namespace, settings: Settings, folders: Sequence[Path]) -> int:
    """The store's content as a resources file; of another gateway's etcd, in its form."""
    if args.etcd is not None:
        from aisix.cli import export_etcd

        return export_etcd.run(args, settings if args.config is not None else None)
    if args.reveal_secrets or args.prefix is not None:
        raise OperatorError("export: --reveal-secrets and --prefix go with --etcd")
    with_secrets = bool(args.secrets)
    try:
        store = _replica(settings) if args.replica else _open(settings)
    except OperatorError as error:
        if args.replica or not settings.etcd.endpoints or not copy_file(settings).is_file():
            raise
        text = f"{error}; what this node last read of it: aisix export --replica"
        raise OperatorError(text) from None
    try:
        snapshot = store.current()
        text = yaml_document.written(snapshot, with_secrets=with_secrets)
    finally:
        store.close()
    for bad in snapshot.quarantined:
        print(f"not exported: {bad}", file=sys.stderr)
    code = 1 if snapshot.quarantined else 0
    write_private(args.output, text)
    return code


def import_(args: argparse.Namespace, settings: Settings, folders: Sequence[Path]) -> int:
    """Write a resources file into the store, all of it or nothing."""
    items, lines = yaml_document.read(_text(args.file), args.file, settings.environ)
    store = _open(settings)
    mappings = load_mappings(list(folders))
    extra = partial(resource_checks.faults, mappings, settings, idle=False)
    try:
        result = import_items(
            store, items, now=time.time(), only=args.prune, extra=extra, dry=args.dry_run
        )
    except ChangeRefused as refused:
        complaints = refused.complaints
        if refused.kind == "invalid":
            complaints = tuple(lines.placed(complaints))
        for complaint in complaints:
            print(complaint, file=sys.stderr)
        return 1
    finally:
        store.close()
    log.setup()
    for told in audit.records(_who(), time.time(), result.before, result.after):
        log.audit(told)
    for kind, id in (*result.created, *result.changed):
        entry = result.after.entry(kind, id)
        if entry is None:
            continue
        idle = resource_checks.faults(mappings, settings, kind, entry.document, result.after)
        noted = resource_checks.notes(mappings, kind, entry.document, result.after)
        for one in (*doubts(kind, entry.document), *idle, *noted):
            print(f"warning: {kind}/{id}: {one}", file=sys.stderr)
    print(_said(result, args.dry_run))
    return 0


def rotate_key(args: argparse.Namespace, settings: Settings, folders: Sequence[Path]) -> int:
    """Encrypt every stored secret with a new key."""
    store = _open(settings)
    try:
        if settings.resources_file is not None:
            raise OperatorError("with a resources_file there are no stored secrets to encrypt")
        count = store.rotate_key(None if settings.encryption_key else new_key())
    finally:
        store.close()
    log.setup()
    log.audit(audit.rotation(_who(), time.time(), count))
    key = "the first key of the settings" if settings.encryption_key else "a new key"
    print(f"{count} secrets are now encrypted with {key}")
    return 0


def accept(args: argparse.Namespace, settings: Settings, folders: Sequence[Path]) -> int:
    """Have this node take over an etcd that is empty, and was not."""
    if not settings.etcd.endpoints:
        raise OperatorError("store accept: the settings name no etcd")
    if not copy_file(settings).is_file():
        raise OperatorError(f"store accept: {copy_file(settings)}: there is no copy of etcd")
    from aisix.store.etcd.store import EtcdStore

    store = store_of(settings)
    assert isinstance(store, EtcdStore)
    try:
        count = len(store.current().all_entries())
        done = store.accept_emptied(ACCEPT_SECS)
    except OSError as error:
        raise OperatorError(f"data_dir {settings.data_dir}: {error.strerror}") from None
    finally:
        store.close()
    if done is None:
        print("nothing to accept: this node refuses no emptied etcd", file=sys.stderr)
        return 1
    log.setup()
    log.audit(audit.acceptance(_who(), time.time(), count))
    if done:
        print(f"the empty etcd is taken over: {count} resources serve no more")
    else:
        print(f"{count} resources serve no more as soon as this node reaches that etcd")
    print("every other node asks for the same command; or bring them back: aisix import")
    return 0


def _who() -> dict[str, object]:
    """For the audit: no admin key was needed, only the right to write the files."""
    return {"by": "cli", "uid": os.geteuid()}


def _open(settings: Settings) -> Store:
    if not settings.etcd.endpoints and not settings.data_dir.is_dir():
        raise OperatorError(f"data_dir {settings.data_dir}: is not there")
    return store_of_command(settings)


def copy_file(settings: Settings) -> Path:
    """Where this node keeps what it read of etcd."""
    path = settings.etcd.copy_path
    return settings.data_dir / REPLICA if path is None else path.with_name(f"{path.name}.db")


def _replica(settings: Settings) -> Store:
    """The copy that this node keeps of etcd, which is not asked."""
    if not settings.etcd.endpoints:
        raise OperatorError("--replica: the settings name no etcd; leave it out")
    if not copy_file(settings).is_file():
        raise OperatorError(f"--replica: {copy_file(settings)}: there is no copy of etcd")
    store = store_of(settings)
    if store.unready:
        store.close()
        raise OperatorError("--replica: this node has read nothing of etcd yet")
    age = "some time" if store.age is None else f"{store.age:.0f} s"
    print(f"of this node's copy, which was last known to be etcd's {age} ago", file=sys.stderr)
    return store


def _extra(settings: Settings, folders: Sequence[Path], files: bool = True) -> ExtraCheck:
    mappings = load_mappings(list(folders))
    return partial(resource_checks.faults, mappings, settings, files=files)


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except OSError as error:
        raise OperatorError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OperatorError([Complaint(f"{file}:1", "", "not UTF-8")]) from None


def _said(result: ImportResult, dry: bool) -> str:
    words = [
        f"{len(group)} {word}"
        for word, group in (
            ("created", result.created),
            ("changed", result.changed),
            ("unchanged", result.same),
            ("deleted", result.deleted),
        )
        if group
    ]
    return ("would be: " if dry else "") + (", ".join(words) or "nothing to do")


class _Anything(Mapping[str, str]):
    """An environment in which every variable is set: for checks where no secrets are.

    Each value is another one, and looks like a key's hash as much as like a secret.
    """

    def __getitem__(self, name: str) -> str:
        return hash_of(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


ANY_ENVIRONMENT = _Anything()
