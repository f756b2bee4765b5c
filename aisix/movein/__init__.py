"""The original AISIX's form, read into ours at the edge: its settings and its documents.

    declared.py   every setting and field of the original, once, from the TOML beside it
    settings.py   its config.yaml and environment -> settings of ours
    documents.py  one document of its -> one of ours
    resources.py  its resources file, `_format_version: "1"`
    exported.py   documents of its etcd -> its resources file
    turns.py      how single values become ours
    headers.py    which headers are the gateway's own

What is told of a field (unchanged, renamed, different, not served, refused) comes from the same row
that translates it: the start, the status and `aisix move-in --check` say the same.

Must never know: our settings' values, the store, HTTP. No complaint quotes a value.
"""
