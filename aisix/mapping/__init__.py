"""The mapping engine: dicts and bytes in, dicts and bytes out.

PURE: no tornado, pycurl, sqlite3, asyncio, clock or random; only `loader` and `cases` read files.
Start at `exchange.py` (one conversation), then `request.py` (rules for what the upstream gets) and
`events.py` (rules for what the caller gets back).

    loader, source, schema      table files to checked dicts, every complaint with file and line
    parse*, grammar, rules      dicts to rules; verbs, ops*, arrange, adjust: what rules may do
    view, scope, interpret      a rule run on an item; request.py and events.py run whole tables
    compile*                    the rules as Python source; compile.py says which file does what
    exchange, sse, faults, fold one conversation, its stream, its errors, its plain answer
    cases, check, explain       golden cases, and what the command line shows
"""
