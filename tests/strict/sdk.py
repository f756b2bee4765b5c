"""The official clients, answered from memory: no socket, the SDK's own parsing."""

from __future__ import annotations

from collections.abc import Mapping

import anthropic
import httpx2
import openai


def openai_client(
    content: bytes,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    sent: list[httpx2.Request] | None = None,
    retries: int = 0,
) -> openai.OpenAI:
    """A client whose every request is answered with these bytes; requests are kept in `sent`."""
    return openai.OpenAI(
        api_key="sk-test",
        base_url="http://gateway.test/v1",
        max_retries=retries,
        http_client=_answering(content, status, headers, sent),
    )


def anthropic_client(
    content: bytes,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    sent: list[httpx2.Request] | None = None,
    retries: int = 0,
) -> anthropic.Anthropic:
    """The same for the other side."""
    return anthropic.Anthropic(
        api_key="sk-test",
        base_url="http://upstream.test",
        max_retries=retries,
        http_client=_answering(content, status, headers, sent),
    )


def _answering(
    content: bytes,
    status: int,
    headers: Mapping[str, str] | None,
    sent: list[httpx2.Request] | None,
) -> httpx2.Client:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if sent is not None:
            sent.append(request)
        return httpx2.Response(status, headers=dict(headers or {}), content=content)

    return httpx2.Client(transport=httpx2.MockTransport(answer))
