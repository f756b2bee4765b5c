"""Streams of Responses answers made at random, read by the clients' own accumulators, without a socket.

openai-python reads every one in tests/fuzzed; here openai-node, the AI SDK and openai-agents read the
same ones, a bounded sample: one Node process for all of them.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.clients.test_node import HERE
from tests.fuzzed import asked as requests
from tests.fuzzed.judged import ANSWERS, OPTIONS
from tests.fuzzed.responses import Json, streamed
from tests.long import times
from tests.strict import sse

COUNT = 60  # answers of each upstream

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules" / "@ai-sdk" / "openai").is_dir(),
    reason="needs Node and `npm install` in tests/clients (make test does that)",
)


@cache
def streams() -> list[bytes]:
    """What callers received, and began to receive: a failure before the first word is no stream."""
    made = []
    for mapping, answer in ANSWERS.items():
        for number in range(times(COUNT)):
            random = Random(number)
            body = requests.asked(random, stream=True)
            upstream, options = answer(random), random.choice(OPTIONS)
            carried = streamed(mapping, body, upstream.stream, (), options)
            if carried.exchange.started:
                made.append(carried.data)
    return made


def terminal(data: bytes) -> Json:
    return json.loads(sse.events(data)[-1][1])["response"]  # type: ignore[no-any-return]


def texts(response: Json, *kinds: str) -> str:
    """All texts of an answer; of these kinds of parts, as they came."""
    parts = [p for i in response["output"] if i["type"] == "message" for p in i["content"]]
    return "".join(p.get("text", p.get("refusal")) for p in parts if p["type"] in kinds)


def read_by_node(given: list[bytes], folder: Path) -> list[Any]:
    file = folder / "streams.json"
    file.write_text(json.dumps([{"data": data.decode()} for data in given]))
    done = subprocess.run(
        ["node", "responses-streams.mjs", str(file)],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    read: list[Any] = json.loads(done.stdout.rstrip("\n").split("\n")[-1])
    assert len(read) == len(given)
    return read


def openai_faults(read: Json, response: Json) -> list[str]:
    """What openai-node's accumulator made of it that is not what was sent."""
    if response["status"] == "failed":
        told = (read.get("raised"), read.get("code"), read.get("message"))
        wanted = ("APIError", response["error"]["code"], response["error"]["message"])
        return [] if told == wanted else [f"raised {told}, not {wanted}"]
    if "raised" in read:
        return [f"raised {read['raised']}: {read['message']}"]
    found = []
    text = texts(response, "output_text")
    if (read["status"], read["text"]) != (response["status"], text):
        found.append(f"holds {read['status']}, {read['text']!r}")
    if [item["id"] for item in read["output"]] != [item["id"] for item in response["output"]]:
        found.append("holds other items")
    for index, text in read["texts"].items():
        message = next((i for i in response["output"] if i["id"].endswith(f"_{index}")), None)
        if message and message["content"][0]["text"] != text:
            found.append(f"joined {text!r} of item {index}")
    return found


FINISH = {
    "failed": ("error", None),  # None: it raised before it gave anything
    "incomplete": ("length", "content-filter"),
    "completed": ("stop", "tool-calls", "content-filter"),
}


def ai_faults(read: Json, response: Json) -> list[str]:
    """The same of the AI SDK's."""
    status = response["status"]
    found = [] if read["finish"] in FINISH[status] else [f"{status}, and finish {read['finish']}"]
    if status == "failed":
        message = response["error"]["message"]
        told = any(message in text for text in read["errors"])
        return found if told else [*found, f"no word of {message!r}: {read['errors']}"]
    if read["errors"]:
        return [f"errors: {read['errors']}"]
    said = texts(response, "output_text", "refusal")
    if read["text"] != said:
        found.append(f"text {read['text']!r}, not {said!r}")
    thoughts = [
        p["text"] for i in response["output"] if i["type"] == "reasoning" for p in i["summary"]
    ]
    if read["thoughts"] != "".join(thoughts):
        found.append(f"thoughts {read['thoughts']!r}")
    calls = [i for i in response["output"] if i["type"] in ("function_call", "custom_tool_call")]
    wanted = [(i["call_id"], i["name"]) for i in calls]
    given = [(one, name) for one, name, _ in read["calls"] if name != "tool_search"]
    if [call for call in given if call in wanted] != wanted:
        found.append(f"calls {given}, not {wanted}")
    return found


@needs_node
def test_openai_node_and_the_ai_sdk_read_every_stream(tmp_path: Path) -> None:
    given = streams()
    found = {}
    for number, (data, read) in enumerate(zip(given, read_by_node(given, tmp_path), strict=True)):
        response = terminal(data)
        wrong = [f"openai: {text}" for text in openai_faults(read["openai"], response)]
        wrong += [f"ai: {text}" for text in ai_faults(read["ai"], response)]
        if wrong:
            found[number] = wrong
    assert found == {}


@needs_node
def test_they_do_not_read_what_is_wrong(tmp_path: Path) -> None:
    """Or the test above shows nothing: a stream without its items, and one of other words."""
    good = next(data for data in streams() if texts(terminal(data), "output_text"))
    events = [json.loads(text) for _, text in sse.events(good)]
    headless = sse.named(*(e for e in events if e["type"] != "response.output_item.added"))
    longer = good.replace(b'"delta":"', b'"delta":"+')
    read = read_by_node([headless, longer], tmp_path)
    assert openai_faults(read[0]["openai"], terminal(good))
    assert openai_faults(read[1]["openai"], terminal(good))
    assert ai_faults(read[1]["ai"], terminal(good))


@pytest.mark.filterwarnings("ignore")
def test_openai_agents_reads_every_stream() -> None:
    found = {}
    for number, data in enumerate(streams()):
        wrong = asyncio.run(agents_faults(data, terminal(data)))
        if wrong:
            found[number] = wrong
    assert found == {}


async def agents_faults(data: bytes, response: Json) -> list[str]:
    """What a run of an agent, whose model is the default one, makes of it."""
    import agents
    import httpx2
    from openai import APIError, AsyncOpenAI

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    client = AsyncOpenAI(
        api_key="sk-test", base_url="http://gateway.test/v1", http_client=http, max_retries=0
    )
    model = agents.OpenAIResponsesModel(model="m", openai_client=client)
    settings = agents.RunConfig(tracing_disabled=True)
    run = agents.Runner.run_streamed(agents.Agent(name="a", model=model), "x", run_config=settings)
    status = response["status"]
    try:
        async for _ in run.stream_events():
            pass
    except (APIError, agents.AgentsException) as error:
        expected = status != "completed" or texts(response, "refusal")
        calls = any(item["type"].endswith("_call") for item in response["output"])
        known = expected or calls  # it has no tools of these names, and says so
        return [] if known else [f"{status}, and raised {type(error).__name__}: {error}"]
    finally:
        await client.close()
    if status != "completed":
        return [f"{status}, and nothing was raised"]
    last = response["output"][-1] if response["output"] else {"type": None}
    if last["type"] == "message" and run.final_output != last["content"][0].get("text"):
        return [f"final output {run.final_output!r}"]
    return []
