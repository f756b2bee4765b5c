"""What in a site's tables looks like a slip of the pen, though it may well be meant.

    found.py      hints(mappings, kept): all of them, as notes; never a refusal
    words.py      the words and dotted paths of tables and cases, and how often each stands there
    usual.py      what the shipped tables have, counted once
    spelling.py   a word that stands once and is nearly one that stands often
    paths.py      two words of a path the other way round, a root that is not at its front
    kinds.py      a constant of another kind than its name has, a list of one
    constants.py  one that looks like a lookup, or like a rule
    lacking.py    a table of several that lacks what all others have
    sent.py       headers of what is not sent, fields the caller's own takes the place of
    unshown.py    lines that no case of a site that has cases reaches

Must never know: what a table says.
"""
