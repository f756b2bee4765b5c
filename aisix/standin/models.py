"""What each Claude model accepts, as its provider documents it: the stand-in's one table of facts.

One row per generation, first match wins: a row matches when one of its names follows "claude-"
anywhere in the model id, so cloud ids (us.anthropic.claude-...-v1:0) are found too. An id that says
claude but is in no row is taken for the newest generation. This table is written apart from the
gateway's own (`mappings/`) on purpose: the stand-in must be able to catch a mistake made there.
"""

from __future__ import annotations

from dataclasses import dataclass

_ALL = ("low", "medium", "high", "xhigh", "max")
_NO_XHIGH = ("low", "medium", "high", "max")
_UP_TO_HIGH = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One generation of models.

    thinking: accepted `thinking.type`s · thinks: it thinks when nothing is said · efforts: accepted
    efforts, none if empty · sampling: "none", "one" (temperature or top_p) or "both" · forced: a
    tool call may be forced · prefill: an assistant message may come last · late_system: system
    messages inside the conversation · structured: JSON schema answers and strict tools · bound:
    replayed thinking is checked against everything before it · off_cap: thinking off needs
    effort <= high.
    """

    names: tuple[str, ...]
    thinking: tuple[str, ...] = ("adaptive",)
    thinks: bool = True
    efforts: tuple[str, ...] = _ALL
    sampling: str = "none"
    forced: bool = True
    prefill: bool = False
    late_system: bool = True
    max_tokens: int = 128_000
    structured: bool = True
    bound: bool = False
    off_cap: bool = False


def _manual(*names: str, max_tokens: int, **more: object) -> ModelFacts:
    """The generations that think only by budget: enabled or disabled."""
    facts = {
        "thinking": ("enabled", "disabled"), "thinks": False, "efforts": (), "sampling": "one",
        "prefill": True, "late_system": False, "structured": False, **more,
    }  # fmt: skip
    return ModelFacts(names, max_tokens=max_tokens, **facts)  # type: ignore[arg-type]


NEWEST = ModelFacts(("opus-5-5",), forced=False, bound=True)

ROWS: tuple[ModelFacts, ...] = (
    ModelFacts(("fable-5-1", "fable-5-2", "mythos-5-1", "mythos-5-2"), forced=False, bound=True),
    NEWEST,
    ModelFacts(
        ("sonnet-5-5",), ("adaptive", "between_tools"), forced=False, bound=True, off_cap=True
    ),
    ModelFacts(("haiku-5-5",), ("adaptive", "disabled"), bound=True, off_cap=True),
    ModelFacts(("fable-5", "mythos-5")),
    ModelFacts(("opus-5",), ("adaptive", "disabled"), off_cap=True),
    ModelFacts(("sonnet-5",), ("adaptive", "disabled"), late_system=False),
    ModelFacts(("opus-4-8",), ("adaptive", "disabled"), thinks=False),
    ModelFacts(("opus-4-7",), ("adaptive", "disabled"), thinks=False, late_system=False),
    ModelFacts(
        ("mythos-preview",), ("adaptive", "enabled"),
        efforts=_NO_XHIGH, forced=False, late_system=False,
    ),
    ModelFacts(
        ("opus-4-6", "sonnet-4-6"), ("adaptive", "enabled", "disabled"),
        thinks=False, efforts=_NO_XHIGH, sampling="one", late_system=False,
    ),
    _manual("opus-4-5", max_tokens=64_000, efforts=_UP_TO_HIGH, structured=True),
    _manual("sonnet-4-5", "haiku-4-5", max_tokens=64_000, structured=True),
    _manual("opus-4-1", max_tokens=32_000),
    _manual("opus-4", "4-opus", max_tokens=32_000, sampling="both"),
    _manual("sonnet-4", "4-sonnet", "3-7", max_tokens=64_000, sampling="both"),
    _manual("3-5", max_tokens=8_192, thinking=(), sampling="both"),
    _manual("3", max_tokens=4_096, thinking=(), sampling="both"),
)  # fmt: skip


def facts_for(model: str) -> ModelFacts | None:
    """The facts of a model id; None when the id is no Claude model at all."""
    _, claude, rest = model.partition("claude-")
    if not claude:
        return None
    rest = rest.replace(".", "-")  # as some write it: claude-opus-4.8
    for row in ROWS:
        if rest.startswith(row.names):
            return row
    return NEWEST
