"""One slip of the pen at a time, in overlays that are good: who tells, and what comes of it.

bases.py      the good overlays: recipes, overlays of one alias, operators' folders, traits
edits.py      every single edit of a table file of six kinds
judge.py      what becomes of one: told, hinted at, another case, another program, nothing
programs.py   whether two sets of tables do the same
__main__.py   python -m tests.mapping.mutate: all of them, counted and listed

The run of 2026-11-29, 3,000 edits of 89 good overlays:

               misspell  retype  move  duplicate  swap  quote     all      %
told                679     454   481        366    93    376    2449  81.63
hinted at           257      45     7          0    34      0     343  11.43
changes a case       34      44    30          0     3      0     111   3.70
program only         35      48    12          0     2      0      97   3.23
silent                0       0     0          0     0      0       0   0.00

False alarms about the good overlays: none.
"""
