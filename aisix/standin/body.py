"""The shape of a Messages request: every field, every block, as tables of checks.

What a shape cannot say (pairing, order, what one model refuses) is in `rules.py` and
`conversation.py`. Beta-only fields are part of the shape here; `rules.py` refuses them when the
beta is not asked for.
"""

from __future__ import annotations

import re
from typing import Any

from aisix.standin.shapes import (
    Check,
    anything,
    array,
    at_most,
    between,
    boolean,
    integer,
    list_of,
    mapping,
    matching,
    maybe,
    number,
    one_of,
    string,
    struct,
    tagged,
    text_or,
)

ID = r"^[a-zA-Z0-9_-]+$"
TOOL_NAME = r"^[a-zA-Z0-9_-]{1,128}$"
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_tag = string  # the tag itself was checked by `tagged`
_cache = maybe(struct({"type": one_of("ephemeral")}, {"ttl": one_of("5m", "1h")}))
_citations_on = maybe(struct({}, {"enabled": boolean}))
_caller = mapping
Fields = tuple[dict[str, Check], dict[str, Check]]


def _marked(fields: Fields) -> Check:
    """A block that may end a cached prefix."""
    required, optional = fields
    return struct(required, {**optional, "cache_control": _cache})


_text_fields: Fields = ({"type": _tag, "text": string}, {"citations": maybe(array)})

_image_source = tagged(
    {
        "base64": struct({"type": _tag, "media_type": one_of(*IMAGE_TYPES), "data": string}),
        "url": struct({"type": _tag, "url": string}),
        "file": struct({"type": _tag, "file_id": string}),
    }
)
_image_fields: Fields = (
    {"type": _tag, "source": _image_source},
    {"transformations": maybe(mapping)},
)
_text, _image = _marked(_text_fields), _marked(_image_fields)
_document_source = tagged(
    {
        "base64": struct({"type": _tag, "media_type": one_of("application/pdf"), "data": string}),
        "text": struct({"type": _tag, "media_type": one_of("text/plain"), "data": string}),
        "content": struct(
            {"type": _tag, "content": text_or(list_of(tagged({"text": _text, "image": _image})))}
        ),
        "url": struct({"type": _tag, "url": string}),
        "file": struct({"type": _tag, "file_id": string}),
    }
)
_document_fields: Fields = (
    {"type": _tag, "source": _document_source},
    {
        "citations": _citations_on,
        "context": maybe(string),
        "title": maybe(at_most(string, 500)),
    },
)
_search_fields: Fields = (
    {
        "type": _tag,
        "source": string,
        "title": string,
        "content": list_of(tagged({"text": _text})),
    },
    {"citations": _citations_on},
)
_document, _search_result = _marked(_document_fields), _marked(_search_fields)
_tool_use = struct(
    {"type": _tag, "id": matching(ID), "name": matching(TOOL_NAME), "input": mapping},
    {"cache_control": _cache, "caller": _caller, "toolset_name": maybe(string)},
)
_tool_result = struct(
    {"type": _tag, "tool_use_id": matching(ID)},
    {
        "content": text_or(
            list_of(
                tagged(  # the mark of a result stands on its block, not inside
                    {
                        "text": struct(*_text_fields),
                        "image": struct(*_image_fields),
                        "document": struct(*_document_fields),
                        "search_result": struct(*_search_fields),
                        "tool_reference": struct({"type": _tag, "tool_name": string}),
                    }
                )
            )
        ),
        "is_error": boolean,
        "cache_control": _cache,
        "toolset_name": maybe(string),
    },
)
_thinking = struct({"type": _tag, "thinking": string, "signature": string})
_redacted = struct({"type": _tag, "data": string})
_server_tool_use = struct(
    {"type": _tag, "id": matching(ID), "name": string, "input": mapping},
    {"cache_control": _cache, "caller": _caller},
)
_server_result = struct(
    {"type": _tag, "tool_use_id": matching(ID), "content": anything},
    {"cache_control": _cache, "caller": _caller},
)

# Which blocks exist, and whose message each may stand in ("" = anyone's).
BLOCKS: dict[str, tuple[str, Check]] = {
    "text": ("", _text),
    "image": ("user", _image),
    "document": ("user", _document),
    "search_result": ("user", _search_result),
    "tool_result": ("user", _tool_result),
    "container_upload": (
        "user",
        struct({"type": _tag, "file_id": string}, {"cache_control": _cache}),
    ),
    "tool_use": ("assistant", _tool_use),
    "thinking": ("assistant", _thinking),
    "redacted_thinking": ("assistant", _redacted),
    "server_tool_use": ("assistant", _server_tool_use),
    "web_search_tool_result": ("assistant", _server_result),
    "web_fetch_tool_result": ("assistant", _server_result),
    "code_execution_tool_result": ("assistant", _server_result),
    "bash_code_execution_tool_result": ("assistant", _server_result),
    "text_editor_code_execution_tool_result": ("assistant", _server_result),
    "tool_search_tool_result": ("assistant", _server_result),
    "mcp_tool_use": ("assistant", anything),
    "mcp_tool_result": ("assistant", anything),
}  # fmt: skip

_content = text_or(list_of(tagged({name: check for name, (_, check) in BLOCKS.items()})))
_message = struct({"role": one_of("user", "assistant", "system"), "content": _content})

_function_tool = struct(
    {"name": matching(TOOL_NAME), "input_schema": mapping},
    {
        "type": maybe(one_of("custom")),
        "description": string,
        "strict": boolean,
        "cache_control": _cache,
        "allowed_callers": array,
        "defer_loading": boolean,
        "eager_input_streaming": maybe(boolean),
        "input_examples": array,
    },
)
_toolset = struct(
    {"type": _tag, "mcp_server_name": string},
    {"cache_control": _cache, "configs": mapping, "default_config": mapping, "tools": array},
)
_BUILT_IN = re.compile(r"^[a-z0-9_]+_20\d{6}$")


def _tool(value: Any, at: str, out: list[str]) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and (_BUILT_IN.match(kind) or kind == "mcp_toolset"):
        return  # the service's own tools change every few months; their options are not judged here
    tagged({"custom": _function_tool, "mcp_toolset": _toolset}, default="custom")(value, at, out)


_shown = {"display": maybe(one_of("summarized", "omitted", "updates"))}
_thinking_config = tagged(
    {
        "enabled": struct({"type": _tag, "budget_tokens": between(integer, 1024, None)}, _shown),
        "disabled": struct({"type": _tag}),
        "between_tools": struct({"type": _tag}),
        "adaptive": struct(
            {"type": _tag},
            {
                **_shown,
                "block_binding": struct(
                    {}, {"prefix_mismatch_behavior": maybe(one_of("error", "drop_block"))}
                ),
            },
        ),
    }
)
_in_parallel = {"disable_parallel_tool_use": boolean}
_tool_choice = tagged(
    {
        "auto": struct({"type": _tag}, _in_parallel),
        "any": struct({"type": _tag}, _in_parallel),
        "tool": struct({"type": _tag, "name": string}, _in_parallel),
        "none": struct({"type": _tag}),
    }
)
_output_config = struct(
    {},
    {
        "effort": maybe(one_of("low", "medium", "high", "xhigh", "max")),
        "format": maybe(tagged({"json_schema": struct({"type": _tag, "schema": mapping})})),
        "task_budget": maybe(mapping),
    },
)

REQUEST = struct(
    {"model": string, "max_tokens": between(integer, 1, None), "messages": list_of(_message)},
    {
        "system": text_or(list_of(tagged({"text": _text}))),
        "stream": boolean,
        "stop_sequences": list_of(string),
        "temperature": between(number, 0, 1),
        "top_p": between(number, 0, 1),
        "top_k": between(integer, 0, None),
        "tools": list_of(_tool),
        "tool_choice": _tool_choice,
        "thinking": _thinking_config,
        "output_config": _output_config,
        "metadata": struct({}, {"user_id": maybe(string)}),
        "service_tier": one_of("auto", "standard_only"),
        "cache_control": _cache,
        "container": maybe(text_or(mapping)),
        "inference_geo": maybe(string),
        "speed": maybe(one_of("standard", "fast")),
        "diagnostics": maybe(mapping),
        "context_management": maybe(mapping),
        "mcp_servers": list_of(mapping),
        "compaction": maybe(mapping),
        "fallbacks": maybe(array),
    },
)
