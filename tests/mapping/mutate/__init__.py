"""One slip of the pen at a time, in overlays that are good: who tells, and what comes of it.

bases.py      the good overlays: recipes, overlays of one alias, operators' folders, traits
edits.py      every single edit of a table file of six kinds
judge.py      what becomes of one: told, hinted at, another case, another program, nothing
programs.py   whether two sets of tables do the same
__main__.py   python -m tests.mapping.mutate: all of them, counted and listed
"""
