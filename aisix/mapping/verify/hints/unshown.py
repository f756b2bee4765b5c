"""Lines that no case of a site reaches, where the site has cases: a slip there would show nowhere.

    unshown(mappings, kept)        # one note for each file, with its lines

Must never know: what a table says.
"""

from __future__ import annotations

from aisix.errors import Complaint, OperatorError
from aisix.mapping.mappings import Mappings
from aisix.mapping.verify import case_index, coverage
from aisix.mapping.verify.kept import Kept

MOST_LINES = 12  # named of one file
MOST_CASES = 60  # of a site; each is run with a trace. With more, `--coverage` tells it


def unshown(mappings: Mappings, kept: Kept) -> list[Complaint]:
    """Of mappings a site has cases for; what another's cases reach through `like` is shown."""
    sites = mappings.table_folders[1:]
    try:
        cases = [case for site in sites for case in case_index.entries(site.folder, kept)]
        if not 0 < len(cases) <= MOST_CASES:
            return []
        missed = coverage.missed(mappings, kept, {case.mapping for case in cases})
    except OperatorError:  # whoever runs them tells it
        return []
    lines: dict[str, list[str]] = {}
    for one in missed:
        file, _, line = one.where.rpartition(":")
        lines.setdefault(file, []).append(line)
    return [Complaint(file, "", _said(found)) for file, found in lines.items()]


def _said(lines: list[str]) -> str:
    """No more of them than stand in one line."""
    some = sorted({*map(int, lines)})
    words = ", ".join(map(str, some[:MOST_LINES])) + (" ..." if len(some) > MOST_LINES else "")
    plural = "s" if len(some) > 1 else ""
    return f"no case of yours reaches line{plural} {words} (--coverage says what stands there)"
