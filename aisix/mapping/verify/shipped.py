"""What checks would find out of the shipped tables, found out when they are packed.

    complaints = make(tables, results)      # into the folder that `Kept(shipped=...)` reads

Parsed files, their words, the cases there are, the proof that all holds, and which cases reach
which unit: on a machine where a release is installed nothing of it is done again. A complaint:
nothing is to be packed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from aisix.errors import Complaint
from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse.files import OVERLAYS
from aisix.mapping.verify import case_index, coverage
from aisix.mapping.verify.check import Checker
from aisix.mapping.verify.hints.usual import usual
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.processes import usable

READABLE = 0o644  # by whoever may run what is installed; what is kept is one user's


def make(tables: Path, results: Path, processes: int = 1) -> Sequence[Complaint]:
    """Fill `results`; what there is to complain about, and then it is not filled."""
    kept = Kept(results)
    for over in ((), *((path,) for path in sorted(tables.glob(f"{OVERLAYS}/*/")))):
        found = Checker(kept, processes=processes).folders([tables, *over])
        if found:
            return found
    mappings = load_mappings([tables])
    for name, entries in case_index.by_mapping(case_index.entries(tables, kept)).items():
        coverage.of(mappings, name, 0, entries, kept)
    usual(mappings.table_folders[0], kept)
    for file in results.iterdir():
        file.chmod(READABLE)
    return ()


if __name__ == "__main__":  # what the build of a wheel runs
    sys.exit("\n".join(map(str, make(Path(sys.argv[1]), Path(sys.argv[2]), usable()))) or 0)
