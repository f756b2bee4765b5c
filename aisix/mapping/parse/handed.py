"""What rows hand to the chunks they send: $given.

Must never know: what a chunk is made of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

CHUNK = ("answer", "chunk")


def wanting(
    emit: Iterable[str], give: Collection[str], asked: Iterable[tuple[str, tuple[str, ...]]]
) -> Iterator[str]:
    """Why chunks that a row sends hold nothing: it gives them none of what they are made of.

    asked: names of $given, and the place of the rule that asks for each.

    >>> asked = [("text", ("answer", "chunk", "words", "say"))]
    >>> [*wanting(["words", "mark"], ["name"], asked)]
    ['"words" is made of what its row gives it: give.text = { from = ... } here']
    >>> [*wanting(["words"], ["text"], asked)]
    []
    """
    for chunk in emit:
        names = {name for name, at in asked if at[:3] == (*CHUNK, chunk)}
        if names and names.isdisjoint(give):
            words = ", ".join(f"give.{name} = {{ from = ... }}" for name in sorted(names))
            yield f'"{chunk}" is made of what its row gives it: {words} here'
