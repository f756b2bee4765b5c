"""The processes of a gateway, from start to end.

    service.py     before the fork: settings, sockets, tables; what is reloaded by a signal
    first_look.py  what the store holds, told once before the fork
    listening.py   its listening sockets
    companion.py   a process beside the workers, kept alive
    resources.py   the store the settings name
    cluster.py     a node of many: its process that follows etcd
    node_facts.py  what a node says of itself to others
    status.py      the pages beside the metrics
    supervisor.py  the parent: starts workers, watches them, ends them
    worker.py      one process: its listeners, store and driver, from fork to end
    drivers.py     what a worker's requests go upstream with
    drain.py       the end of a worker: what is under way is answered first
    reload.py      new tables: checked, made ready by every worker, used by all at one moment
    table_switch.py one switch of the tables for every worker
    kept_tables.py the tables that served before, for a way back
    table_checks.py  the check of tables in a process of its own, and the thorough one after it
    limiting.py    which limiter a worker counts with
    guarded.py     what runs beside the requests: told when it fails, and begun anew
    store_watch.py tells when the store is not well
    systemd.py     readiness and watchdog
    memory.py      memory given back after large bodies
    open_files.py  the limit of open files, raised

Must never know: what a request or a table says.
"""
