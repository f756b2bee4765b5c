"""The verbs that run cases: check, test."""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aisix.cli.mappings import places
from aisix.cli.mappings.output import write_json
from aisix.cli.mappings.places import JSON, TEXT
from aisix.config.cache import cache_folder, shipped_results
from aisix.config.shipped import shipped_mappings, shipped_overlays
from aisix.errors import Complaint
from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse import toml_tree
from aisix.mapping.parse.files import unpack
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify import cases, coverage
from aisix.mapping.verify.accepting import accept
from aisix.mapping.verify.both_forms import FormsDiffer, both_forms_agree
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.processes import usable

if TYPE_CHECKING:
    from aisix.config.settings import Settings

# New ones before Python looks for circles: a check makes tables that live until it ends, and would
# spend a tenth of its time on looking through them.
OBJECTS = 100_000
LEAST = 19  # the lowest priority there is
OVERLAY_PATH = re.compile(r"(^|\.)overlay($|[.\[])")


def check_(args: argparse.Namespace, folders: list[Path]) -> int:
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS)
    try:
        return _check(args, folders)
    finally:
        gc.set_threshold(*before)


def _check(args: argparse.Namespace, folders: list[Path]) -> int:
    if args.folder:
        folders = [*folders, Path(args.folder)]
    began = time.perf_counter()
    if args.packed:  # the very files a gateway is about to take over; it goes on meanwhile
        packed, cache, parsed = msgspec.msgpack.decode(sys.stdin.buffer.read())
        toml_tree.learn(parsed)
        if args.all:
            os.nice(LEAST)  # callers come first
        kept = Kept(cache and Path(cache), shipped_results())
        checker = Checker(kept, thorough=args.all, released=True, serving=True)
        findings = checker.read(unpack(packed))
    else:
        kept = Kept(None if args.no_cache else cache_folder(os.environ), shipped_results())
        checker = Checker(kept, not args.no_cases, thorough=args.all, processes=usable())
        findings = checker.folders(folders)
        for overlay in shipped_overlays() if folders == [shipped_mappings()] else ():
            findings = findings or checker.folders([*folders, overlay])
        if args.settings and not findings:
            findings = overlay_findings(args.settings, folders)
    missed = checker.unshown
    if args.coverage and not findings:
        missed = coverage.missed(load_mappings(folders), checker.kept)
    took = time.perf_counter() - began
    bugs = [bug.told() for bug in checker.bugs]
    if args.json and args.packed:  # for the gateway: no places
        told, warnings = ([complaint(f) for f in of] for of in (findings, checker.warnings))
        write_json({"ok": not findings, "findings": told, "bugs": bugs, "warnings": warnings})
        return 1 if findings else 0
    form = JSON if args.json else args.format
    beside = sys.stdout if form == TEXT else sys.stderr  # what programs read holds places alone
    for bug in checker.bugs if form != JSON else ():
        print(bug, file=beside)
    notes = [] if findings else [*checker.notes, *missed]
    if form != TEXT:
        places.tell(form, findings, notes, folders, left_out=checker.left_out, bugs=bugs)
    else:
        for finding in findings:
            print(finding)
        for note in notes:
            print(f"note: {note}")
    for text in checker.left_out if form != JSON and not findings else ():
        print(f"not tried: {text}; --all does", file=beside)
    if form != TEXT:
        return 1 if findings else 0
    if args.verbose:
        print(f"built {checker.built} effective tables, ran {checker.ran} cases")
        print(f"cache: {checker.kept.told()}")
    count = f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"
    print(count if findings else f"fine ({took:.1f} s)")
    return 1 if findings else 0


def overlay_findings(settings: Settings, folders: list[Path]) -> list[Complaint]:
    """What is wrong with the tables that aliases of this site carry themselves."""
    from aisix.cli import doctor, store
    from aisix.routing import resource_checks

    if settings.resources_file is not None:
        whole = store.findings(str(settings.resources_file), settings, folders, files=False,
                               environ=store.ANY_ENVIRONMENT)  # fmt: skip
        return [one for one in whole if OVERLAY_PATH.search(one.path)]
    snapshot = doctor.stored(settings)
    return resource_checks.of_overlays(load_mappings(folders), snapshot) if snapshot else []


def complaint(finding: Any) -> dict[str, str]:
    return {"where": finding.where, "path": finding.path, "message": finding.text}


# ---------------------------------------------------------------- test
def test(args: argparse.Namespace, folders: list[Path]) -> int:
    mappings = load_mappings(folders)
    if args.case and args.case.endswith(".json"):
        from aisix.cli.mappings import captures

        return captures.tested(args, mappings)
    failed: list[dict[str, Json]] = []
    accepted: list[str] = []
    bugs: list[FormsDiffer] = []
    count = 0
    for layer in range(len(mappings.table_folders)):
        for name, mapping in mappings.up_to(layer).mappings.items():
            for case in cases.find(mapping.folders, name):
                full = f"{name}/{case.name}"
                if case.layer != layer or (args.case and args.case not in full):
                    continue
                count += 1
                wrong = cases.run(case, mapping)
                if not wrong:
                    wrong, bug = both_forms_agree(case, mapping)
                    bugs += [bug] if bug else []
                if wrong and args.accept:
                    if not case.folder.is_dir():
                        raise ValueError(f"{full} is in {case.folder.parent}, which stays as it is")
                    wrong = accept(case, mapping)
                    accepted += [full] if not wrong else []
                if wrong:
                    failed.append({"case": full, "folder": str(case.folder), "wrong": wrong})
    if not count:
        raise ValueError(f"no case is named {args.case}" if args.case else "there are no cases")
    if args.json:
        told = {"ok": not failed, "cases": count, "failed": failed, "accepted": accepted}
        write_json({**told, "bugs": [bug.told() for bug in bugs]})
    else:
        for full in accepted:
            print(f"accepted {full}")
        for one in failed:
            print(f"{one['case']}")
            for text in one["wrong"]:
                print(f"    {text}")
        for bug in bugs:
            print(bug)
        print(f"{count - len(failed)} of {count} cases hold")
    return 1 if failed else 0
