"""The operator's side: a JSON API over the store, on a listener of its own.

    app.py        which URL is whose, and the Application
    base.py       who gets in, bodies in, errors out
    handlers.py   one CRUD handler for all kinds
    captures.py   exchanges an admin asks to see
    pages.py      status, reload, the API's document, unknown URLs
    captures_api.py  ... their part of that document
    openapi.py    the OpenAPI document and its page

Must never know: a provider's wire format, how a document is stored.
"""
