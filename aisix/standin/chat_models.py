"""What some models behind the other face of the stand-in refuse, as their vendors document it.

Written apart from the gateway's own tables on purpose, as `models.py` is.
"""

from __future__ import annotations

from typing import Any

Complaint = tuple[str, str, str | None]  # message, param, code
# What an id begins with: the most tokens of an answer; the first that fits counts.
_MOST = (
    ("gpt-4o", 16_384),
    ("gpt-4.1", 32_768),
    ("gpt-5", 128_000),
    ("o1", 100_000),
    ("o3", 100_000),
)
_REASONING = ("o1", "o3", "o4", "gpt-5")
_AUTO_ONLY = ("deepseek-reasoner", "kimi", "glm")


def complaint(body: dict[str, Any]) -> Complaint | None:
    """What this model refuses in a request that is right otherwise."""
    model: str = body["model"]
    reasons = model.startswith(_REASONING)
    if reasons and "max_tokens" in body:
        text = "Unsupported parameter: 'max_tokens' is not supported with this model."
        return text, "max_tokens", "unsupported_parameter"
    sampled = reasons and not model.startswith("gpt-5.")  # those take it while they do not reason
    if sampled and body.get("temperature", 1) != 1:
        text = "Unsupported value: 'temperature' does not support this value with this model."
        return text, "temperature", "unsupported_value"
    most = next((most for begins, most in _MOST if model.startswith(begins)), None)
    for field in ("max_tokens", "max_completion_tokens"):
        said = body.get(field)
        if most is not None and type(said) is int and said > most:
            text = f"{field} is too large: {said}. This model supports at most {most}."
            return text, field, "invalid_value"
    choice = body.get("tool_choice")
    if model.startswith(_AUTO_ONLY) and choice not in (None, "auto", "none"):
        return "Tool choice must be auto", "tool_choice", None
    return None
