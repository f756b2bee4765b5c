"""Whether a key of a table acts: the effective tables differ with and without it.

    domain.py     what rules know before a body is seen; conditions that only ask for that
    canonical.py  syntax as plain values that are equal where the tables do the same
    units.py      the units of a mapping's tables, and one of them parsed by itself
    program.py    the forms of all units for a set of traits, and which are reached
    sources.py    the files a mapping is made of, and units when one of them says otherwise
    tried.py      each key left out by turns, and with another value
    found.py      what nothing comes of, with the rule that wins
    own_tables.py  the same of the tables an alias carries
    narrowing.py  what of earlier folders acts for fewer since a site's

Must never know: a file of the disk, a case.
"""
