"""config.yaml and `AISIX_...` variables, as one frozen value.

    declared.py  what can be set: every setting once, with its check, default and help
    cluster.py   those of many nodes: etcd, node_id
    upstreams.py those of what goes upstream, and the files they name
    metrics.py   those of the original's metrics
    setting.py   what one setting is
    original.py  a start in the original AISIX's form
    settings.py  load_settings: read, checked, told with file:line
    sections.py  the sections as dataclasses
    names.py     names in a file and in the environment
    checks.py    what a value may be
    cache.py     where results of checks are kept
    file.py      YAML with the lines of its keys
    shipped.py   where the shipped tables are

Must never know: who reads a setting.
"""
