"""The mapping engine: dicts and bytes in, dicts and bytes out.

PURE: no tornado, pycurl, sqlite3, asyncio, clock or random; only `loader` and `cases` read files.
Start at `exchange.py` (one conversation), then `request.py` (rules for what the upstream gets) and
`events.py` (rules for what the caller gets back).
"""
