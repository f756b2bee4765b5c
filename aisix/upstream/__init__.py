"""The way out: HTTP to an upstream over libcurl, on the running event loop.

    request.py      the values: Request, Timeouts, Tls, Cap, Response; what a Sink and a Signer are
    curl.py         Driver: send() and stream(); the multi handle on the loop
    handle.py       one Curl handle: constant options, what a request changes (with curl.py the only
                    files that import pycurl)
    transfer.py     one exchange under way: head, pieces, pause, cancel, deadlines
    upload.py       a body that is sent as it comes
    buffered.py     the sink of send(): the whole answer at once
    head.py         response header lines -> status and dict
    faults.py       libcurl's result codes -> UpstreamError
    sockets.py      libcurl's sockets watched by the loop
    addresses.py    where no upstream is: link-local and metadata addresses
    tls.py          where this machine keeps its CA certificates
    trust.py        several of them as the one file that libcurl takes
    ca_rotation.py  a new driver when a file of TLS has changed; the old one ends with its transfers

Must never know: a provider, a dialect, a mapping, a caller.
"""
