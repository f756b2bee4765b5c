"""What shows that the tables are right: `aisix mappings check | explain | test | diff`.

    liveness/           whether a key of a table acts
    hints/              what looks like a slip of the pen, and may be meant
    check.py            every complaint, and every case
    told.py             each finding once, without what only comes of another
    touched.py          what a site's folders write, and what to build to hear of it
    unused.py           what nothing uses, and who took its last use away
    proofs.py           what was shown of tables and cases, by digest
    coverage.py         which cases reach which unit
    kept.py             results of earlier checks, on disk
    shipped.py          all of it for the shipped tables, when a wheel is made
    case_index.py       the cases there are, known without being read
    case_runs.py        of all cases, those run that are not known to hold
    processes.py        work shared out among processes
    cases.py            golden cases: run, compare
    accepting.py        what a case would say if what is made now were right
    both_forms.py       compiled and rule by rule: where they differ it is our bug
    captured.py         an exchange captured from a gateway, as a file and as a case
    redaction.py        ... its texts replaced by others of the same length and kind
    case_files.py       where a case's files are
    inline.py           what is wrong with the tables an alias carries itself
    differences.py      two JSON values: where they differ
    explain.py          one request, answer or stream: every field with its rule
    links.py            ... links between a result and what it was made of
    failed.py           ... the check behind an answer that became an error
    layers.py           ... whose a line of the tables is, and what stands there
    changed.py          ... what other tables change of it
    followed.py         ... one rule, each time it ran
    document.py         ... as one JSON document
    compiled_source.py  the Python source the rules become

Must never know: a running gateway.
"""
