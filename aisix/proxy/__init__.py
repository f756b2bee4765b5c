"""The proxy listener: HTTP in, the mapping engine, HTTP out. Glue, with no wire name in it.

    app.py         which handler answers what
    unknown.py     every URL nobody answers
    doors.py       every spelling of every route; whose a URL is that nobody answers
    refusals.py    what could not be read as a request, answered in its dialect's envelope
    gateway.py     Gateway: what one process serves with; drain
    base.py        every handler: request id, who calls, body, errors, access line
    counted.py     ... and what it tells the original's metrics
    cross_origin.py  browsers: pages that may read answers, preflights
    credentials.py whose key a request brings
    admission.py   admission control: how many requests at one time, who waits, who is refused
    backstop.py    the last limit: what hangs in spite of every other one is ended
    body.py        a request's body: bytes -> a JSON object
    beside.py      work that would hold everybody up, in a thread beside the loop
    rate_limit.py  rate limits and quotas of a key and a model, and the headers that tell of them
    member_limits.py  ... of the targets of a group, before each attempt there
    booking.py     what requests under way have used, booked where a limit counts tokens
    entering.py    its rate limits and its place: whether a request may go on
    chat.py        the handler of one exchange: the caller's side, plain answers
    call.py        an exchange, its attempts, the request that goes out; what both sides hold
    provider_answers.py  what a provider's answers call themselves, for the log
    told_lines.py  lines about one request as the original AISIX writes them
    captures.py    which exchanges an admin has asked to see, and where they are kept
    recording.py   one of them, written down while it happens
    scattered.py   secrets that a stream says in pieces, taken out of it
    relay.py       a stream: upstream bytes -> exchange -> caller's socket, with back-pressure
    back_pressure.py  ... which its upstream is paused for
    stream_writer.py  what a stream needs of its caller's side
    count.py       how many tokens a request would take: asked upstream, or estimated
    passing.py     the handler of routes that are passed on as they are
    uploading.py   ... and that take forms with files, which go on as they come
    pass_call.py   ... their call, and their bytes on the way back
    model_checks.py  models that are asked in the background whether they are well
    real_ip.py     where a caller is, when proxies stand before us
    original_metrics.py  what the original AISIX's metrics tell of a request
    route_hints.py what a request says of where it goes, for groups
    models.py      what a caller may ask for
    model_status.py  how every stored model does
    health.py      what is answered without a key: /, /livez, /health, /healthz, /readyz
    upstream_doubts.py  of upstreams, for the log: unchecked ones, those that cannot be asked
    tables.py      the mapping tables of now, and of the next generation
    identity.py    how each request, and the gateway itself, is named to both sides
    ids.py         random ids

Must never know: a wire name, SQL, libcurl.
"""
