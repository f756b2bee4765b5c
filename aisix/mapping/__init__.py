"""The mapping engine: dicts and bytes in, dicts and bytes out.

PURE: no tornado, pycurl, sqlite3, asyncio, clock or random; only parse/files, verify/cases,
verify/kept and verify/processes touch the world. Rules, the request and the answer each stand in
four rooms:

    syntax/     what tables say, typed
    grammar/    what may stand where in a table file, declared once
    parse/      TOML to syntax, every complaint with file and line
    interpret/  runs syntax, and can say why
    compile/    syntax to Python source, for speed
    verbs/      what rules may call: conversions, passes, adjustments
    dialect/    what a caller's side looks like whatever the upstream: errors, models, counting
    editor/     schemas of table files for editors
    verify/     golden cases, check, explain, differences

and this is the door, for whoever is outside:

    exchange.py     one conversation: request, answer or stream, errors, retry, usage
    streaming.py    its second half, streamed
    metering.py     what it has used, by estimate where nobody has counted
    translation.py  its first half: the request, by the compiled form or rule by rule; its losses
    mappings.py     load_mappings(folders): every table, checked
    effective.py    one mapping: its model rows and options, tables merged and parsed
    parsed.py       what was parsed of its tables, shared among kinds of models
    model_tables.py what comes of it for one model, compiled when first asked for
    configurations.py  every kind of model a mapping can be asked for
    passed.py       an exchange that is passed on as it is: its tokens, its errors
    verbatim.py     ... and its request, of which one member is changed
    body_changes.py what an operator changes at the top of a body, whatever the tables say
    form.py         ... and a form with files, of which one field is changed
    types.py        what an exchange is given and gives
    sse.py          bytes -> events of a stream, with bounds
"""
