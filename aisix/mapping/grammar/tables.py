"""Every declaration there is: the files, and the units their sections are made of.

Whoever asks for a unit by its name imports it from here, so that all of them have been declared.
"""

from __future__ import annotations

from aisix.mapping.grammar import request, rule, shape, values
from aisix.mapping.grammar.declared import ANY, FILES, UNITS, File, Key, Spot, Unit, at, steps

DECLARING = (request, rule, shape, values)

__all__ = ["ANY", "FILES", "UNITS", "File", "Key", "Spot", "Unit", "at", "steps"]
