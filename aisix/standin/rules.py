"""Everything the stand-in refuses in a Messages request, in the words of the real service.

    complaints(body, version="2023-06-01", betas=frozenset()) -> ["max_tokens: Field required", ...]

Three passes, each only when the one before was content: shape (`body.py`), rules of single fields
and of the model (here), rules of the conversation (`conversation.py`). The server answers with the
first complaint; tests look at all of them. Uses no SDK: it must run wherever the gateway runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from aisix.standin.body import REQUEST
from aisix.standin.conversation import conversation_complaints
from aisix.standin.keywords import keyword_complaints
from aisix.standin.models import ModelFacts, facts_for
from aisix.standin.subset import optional_and_union_counts, root_complaints, subset_complaints

VERSIONS = ("2023-06-01", "2026-10-21")
NO_SAMPLING_SINCE = "2026-10-21"
SAMPLING = ("temperature", "top_p", "top_k")

# Fields that exist only while one of these betas is asked for (a beta's prefix, before its date).
_BETA_FIELDS = {
    "context_management": ("context-management", "compact"),
    "mcp_servers": ("mcp-client",),
    "compaction": ("compact",),
    "fallbacks": ("server-side-fallback",),
}
_BETA_TOOLS = {
    "computer_2": "computer-use",
    "mcp_toolset": "mcp-client",
    "advisor_2": "advisor-tool",
}
_E_MAIL = re.compile(r"[^@\s]+@[^@\s]+")
_PHONE = re.compile(r"\+\d[\d\s().-]{6,18}|\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}")
_MOST_BREAKPOINTS, _MOST_STRICT_TOOLS = 4, 20
_MOST_OPTIONAL, _MOST_UNIONS = 24, 16


def complaints(
    body: Any, *, version: str = VERSIONS[0], betas: Collection[str] = frozenset()
) -> list[str]:
    """All that is wrong with a request body, in the order the service would notice it."""
    out: list[str] = []
    if has_half_characters(body):
        return ["The request body is not valid JSON: no low surrogate in string"]
    REQUEST(body, "", out)
    if isinstance(body, dict):
        if version >= NO_SAMPLING_SINCE:
            out += [f"{f}: Extra inputs are not permitted" for f in SAMPLING if f in body]
        for field, names in _BETA_FIELDS.items():
            if field in body and not any(beta.startswith(names) for beta in betas):
                out.append(f"{field}: Extra inputs are not permitted")
    if out:
        return out
    facts = facts_for(body["model"])
    if facts is None:
        return [f"model: {body['model']}"]
    out += _fields(body)
    out += _model_rules(body, facts, betas)
    out += _thinking(body, facts, betas)
    out += _tools(body, facts, betas)
    out += _breakpoints(body)
    out += conversation_complaints(body, facts, version, betas)
    return out


def has_half_characters(value: Any) -> bool:
    """Whether some text holds one half of a surrogate pair, as escapes in JSON can say it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _fields(body: dict[str, Any]) -> Iterator[str]:
    for index, stop in enumerate(body.get("stop_sequences") or ()):
        if not stop.strip():
            yield f"stop_sequences.{index}: each stop sequence must contain non-whitespace"
    user = (body.get("metadata") or {}).get("user_id")
    if user:
        if len(user) > 256:
            yield "metadata.user_id: String should have at most 256 characters"
        if _E_MAIL.search(user):
            yield "metadata.user_id: user_id appears to contain an email address"
        if _PHONE.fullmatch(user):
            yield "metadata.user_id: user_id appears to contain a phone number"


def _model_rules(body: dict[str, Any], facts: ModelFacts, betas: Collection[str]) -> Iterator[str]:
    if body["max_tokens"] > facts.max_tokens:
        yield (
            f"max_tokens: {body['max_tokens']} > {facts.max_tokens}, which is the maximum allowed "
            f"number of output tokens for {body['model']}"
        )
    sent = [field for field in SAMPLING if field in body]
    if facts.sampling == "none":
        for field in sent:
            yield f"`{field}` is deprecated for this model."
    elif facts.sampling == "one" and "temperature" in sent and "top_p" in sent:
        yield (
            "`temperature` and `top_p` cannot both be specified for this model. "
            "Please use only one."
        )
    config = body.get("output_config") or {}
    effort = config.get("effort")
    if effort and not facts.efforts:
        yield "This model does not support the effort parameter."
    elif effort and effort not in facts.efforts:
        yield f"output_config.effort: effort '{effort}' is not supported by this model"
    if config.get("format"):
        if not facts.structured:
            yield "output_config.format: structured outputs are not supported by this model"
        at = "output_config.format.schema"
        yield from keyword_complaints(config["format"]["schema"], at)
        yield from subset_complaints(config["format"]["schema"], at)
    if config.get("task_budget") and not any(b.startswith("task-budgets") for b in betas):
        yield "output_config.task_budget: Extra inputs are not permitted"


def _thinking(body: dict[str, Any], facts: ModelFacts, betas: Collection[str]) -> Iterator[str]:
    config = body.get("thinking")
    if config is None:
        return
    kind = config["type"]
    if kind not in facts.thinking:
        yield f'"thinking.type.{kind}" is not supported for this model.'
    effort = (body.get("output_config") or {}).get("effort")
    if kind in ("disabled", "between_tools") and facts.off_cap and effort in ("xhigh", "max"):
        yield f"thinking: type '{kind}' requires effort 'high' or below"
    if "block_binding" in config and not any(
        beta.startswith("thinking-binding-controls") for beta in betas
    ):
        yield "thinking.adaptive.block_binding: Extra inputs are not permitted"
    if config.get("display") == "updates" and not any(
        beta.startswith("thinking-display-updates") for beta in betas
    ):
        yield "thinking.adaptive.display: Input should be 'summarized' or 'omitted'"
    if kind == "enabled":
        if config["budget_tokens"] >= body["max_tokens"]:
            yield "`max_tokens` must be greater than `thinking.budget_tokens`."
        if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
            yield "Thinking may not be enabled when tool_choice forces tool use."
    if kind not in ("enabled", "adaptive"):
        return
    if body.get("temperature", 1) != 1:
        yield "`temperature` may only be set to 1 when thinking is enabled."
    if "top_k" in body:
        yield "`top_k` must be unset when thinking is enabled."
    if body.get("top_p", 1) < 0.95:
        yield "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."


def _tools(body: dict[str, Any], facts: ModelFacts, betas: Collection[str]) -> Iterator[str]:
    tools = body.get("tools") or []
    names = [tool["name"] for tool in tools if isinstance(tool.get("name"), str)]
    if len(names) != len(set(names)):
        yield "tools: Tool names must be unique."
    strict = 0
    optional = unions = 0
    for index, tool in enumerate(tools):
        kind = tool.get("type") or "custom"
        for begins, beta in _BETA_TOOLS.items():
            if kind.startswith(begins) and not any(one.startswith(beta) for one in betas):
                yield f"tools.{index}: '{kind}' needs the beta '{beta}'"
        if kind != "custom":
            continue
        at = f"tools.{index}.custom.input_schema"
        yield from keyword_complaints(tool["input_schema"], at)
        yield from root_complaints(tool["input_schema"], at)
        if tool.get("strict"):
            strict += 1
            if not facts.structured:
                yield f"tools.{index}.custom.strict: strict tools are not supported by this model"
            yield from subset_complaints(tool["input_schema"], at)
            more = optional_and_union_counts(tool["input_schema"])
            optional, unions = optional + more[0], unions + more[1]
    if strict > _MOST_STRICT_TOOLS:
        yield f"tools: at most {_MOST_STRICT_TOOLS} tools may be strict, found {strict}"
    wanted = (body.get("output_config") or {}).get("format")
    if wanted:
        more = optional_and_union_counts(wanted["schema"])
        optional, unions = optional + more[0], unions + more[1]
    if optional > _MOST_OPTIONAL:
        yield f"Schemas contain too many optional parameters ({optional} > {_MOST_OPTIONAL})"
    if unions > _MOST_UNIONS:
        yield f"Schemas contain too many parameters with union types ({unions} > {_MOST_UNIONS})"
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not tools:
        yield "tool_choice: tool_choice may only be specified while providing tools."
    elif choice["type"] == "tool" and choice["name"] not in names:
        yield f"tool_choice.tool.name: Tool '{choice['name']}' not found in provided tools"
    if choice["type"] in ("any", "tool") and not facts.forced:
        yield 'tool_choice: type "tool" and "any" are not supported for this model.'


def _breakpoints(body: dict[str, Any]) -> Iterator[str]:
    found = list(
        _breakpoints_in({k: body[k] for k in ("tools", "system", "messages") if k in body})
    )
    count = len(found) + bool(body.get("cache_control"))
    if count > _MOST_BREAKPOINTS:
        yield (
            f"A maximum of {_MOST_BREAKPOINTS} blocks with cache_control may be provided. "
            f"Found {count}."
        )
    lives = [point.get("ttl", "5m") for point in found]
    if "1h" in lives[lives.index("5m") if "5m" in lives else len(lives) :]:
        yield "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."


def _breakpoints_in(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "cache_control" and isinstance(value, dict):
                yield value
            elif name not in ("input", "input_schema", "schema"):  # the caller's own data
                yield from _breakpoints_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from _breakpoints_in(value)
