"""What the original AISIX answers to who asks whether it lives, and whether to send it requests.

    live(draining=False, verbose=True)    (200, b"[+]ping ok\\n[+]shutdown ok\\n...")
    ready(draining=True, applied=True)    (503, b"[-]shutdown failed: draining\\n...")

Must never know: HTTP, what is applied.
"""

from __future__ import annotations

PLAIN_TEXT = {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
}
VERBOSE = "verbose"  # the parameter that asks for every check; its value is nothing

Probe = tuple[int, bytes]
Check = tuple[str, str]  # its name, and why it failed: "" it did not


def live(draining: bool, verbose: bool = False) -> Probe:
    """Whether the process lives: not while it stops."""
    return _probe(
        "livez", (("ping", ""), ("shutdown", "reason withheld" if draining else "")), verbose
    )


def ready(draining: bool, applied: bool, verbose: bool = False) -> Probe:
    """Whether it should be sent requests. applied: there is a configuration."""
    shutdown = ("shutdown", "draining" if draining else "")
    return _probe("readyz", (shutdown, ("config", "" if applied else "not ready")), verbose)


def _probe(name: str, checks: tuple[Check, ...], verbose: bool) -> Probe:
    lines = "".join(
        f"[-]{check} failed: {why}\n" if why else f"[+]{check} ok\n" for check, why in checks
    )
    if any(why for _, why in checks):
        return 503, f"{lines}{name} check failed".encode()
    return 200, f"{lines}{name} check passed\n".encode() if verbose else b"ok"
