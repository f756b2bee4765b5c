"""The command line; each command is a function of `main`, or a module of its own.

    main.py          aisix COMMAND: arguments, exit codes
    doctor.py        aisix check, aisix doctor: what would go wrong, said before it does
    doctor_etcd.py   of that, what etcd and the other nodes say
    findings.py      how it is told
    resources.py     aisix resources: a resources file against a running gateway
    capture.py       aisix capture: exchanges of a running gateway, as files
    status.py        aisix status: a running gateway, and every node beside it
    admin_client.py  the admin API, as resources.py, capture.py and status.py call it
    move_in.py       aisix move-in: what becomes of an original AISIX's files and etcd here
    etcd_documents.py  what stands in an etcd, read by a command itself
    export_etcd.py   aisix export --etcd: an original AISIX's etcd, as its resources file
    output.py        a file that a command writes for its caller alone
    store.py         aisix store: look into the database, change its encryption key
    use/             aisix use: a client's settings, printed or written into its own files
    mappings/        aisix mappings: list, show, check, explain, test, diff, verbs

Must never know: the inside of a table; each command prints what a room below answers.
"""
