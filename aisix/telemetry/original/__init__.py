"""The metrics of the original AISIX, for who has dashboards and alert rules of it.

    families.py   families.toml, words.toml: what there is, and what labels may say
    clients.py    clients.toml: which kind of client a User-Agent is of
    counting.py   the counters of one process
    page.py       the page with these, and with ours whose names they do not have

Counted is in rows: what belongs to one request stands in cells beside each other, under one key,
and several metrics are read from it. Must never know: HTTP handlers, a key, any content.
"""
