"""Every declaration there is: the files, and the units their sections are made of.

Whoever asks for a unit by its name imports it from here, so that all of them have been declared.
"""

from __future__ import annotations

from aisix.mapping.grammar import (
    answer,
    caller,
    cases,
    errors,
    mapping,
    mending,
    models,
    plain,
    request,
    routes,
    rows,
    rule,
    shape,
    values,
)
from aisix.mapping.grammar.declared import ANY, FILES, UNITS, File, Key, Spot, Unit, at, steps

DECLARING = (
    *(rule, shape, values, request, answer, rows, plain, mending, errors),
    *(mapping, models, caller, routes, cases),
)

__all__ = ["ANY", "FILES", "UNITS", "File", "Key", "Spot", "Unit", "at", "steps"]
