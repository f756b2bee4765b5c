"""The operator's side: a JSON API over the store, on a listener of its own.

    app.py        which URL is whose, and the Application
    base.py       who gets in, bodies in, errors out
    handlers.py   one CRUD handler for all kinds
    health.py     how the models do; whether the gateway lives and is ready
    nodes.py      the cluster's nodes, and waiting for them
    captures.py   exchanges an admin asks to see
    pages.py      status, the API's document, unknown URLs
    tables.py     the translation tables: a check, a reload, the way back
    tables_api.py    ... their part of the API's document
    captures_api.py  ... that of the captures
    openapi.py    the OpenAPI document and its page

Must never know: a provider's wire format, how a document is stored.
"""
