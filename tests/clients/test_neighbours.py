"""The SDKs' other calls through the running gateway: embeddings, pictures, sound, models, counts.

Each is checked against what the upstream really got and said: what is passed on stays what it was.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import shutil
import subprocess
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from aisix.standin.neighbours import PNG, SIZE, SOUND
from aisix.standin.server import Standin
from tests.clients.test_python_sdk import asked
from tests.running import CALLER_KEY, Running

# The SDK calls some of its own calls old.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

HERE = Path(__file__).parent
OPENAI = {"provider": "openai", "adapter": "openai"}
MODEL = "the-upstreams-own"
CLAUDE = "claude"
PICTURE = base64.b64decode(PNG)
HEARD = "I heard {} bytes."


def _wave() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000))
    return out.getvalue()


SPOKEN = _wave()


@pytest.fixture(scope="module")
def gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {"upstream": {"retries": 0}}
    with Running(tmp_path_factory.mktemp("neighbours"), more) as running:
        models = {"any": MODEL, "gpt": "gpt-5.5"}
        made = {name: {"model_name": of, "provider": "openai"} for name, of in models.items()}
        running.set_up(f"{standin.url}/v1", made, display_name="openai-like", **OPENAI)
        running.set_up(standin.url, {CLAUDE: {"model_name": "claude-sonnet-4-6"}})
        running.allow("any", "gpt", CLAUDE, "gone/*")
        yield running
        assert not running.bugs


@pytest.fixture
def client(gateway: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def azure(gateway: Running) -> Iterator[Callable[[str], openai.AzureOpenAI]]:
    """Of a deployment."""
    made: list[openai.AzureOpenAI] = []

    def build(deployment: str) -> openai.AzureOpenAI:
        sdk = openai.AzureOpenAI(
            azure_endpoint=gateway.base_url.removesuffix("/v1"), azure_deployment=deployment,
            api_key=CALLER_KEY, api_version="2024-10-21", max_retries=0,
        )  # fmt: skip
        made.append(sdk)
        return sdk

    yield build
    for sdk in made:
        sdk.close()


# ------------------------------------------------------------------ openai-python
def test_embeddings_in_the_encoding_that_the_sdk_asks_for(
    client: openai.OpenAI, standin: Standin
) -> None:
    done = client.embeddings.create(model="any", input=["a", "b"])
    sent = standin.passed[-1].json
    assert (sent["model"], sent["encoding_format"]) == (MODEL, "base64")
    as_text = [row["embedding"] for row in json.loads(standin.sent[-1])["data"]]
    assert all(isinstance(packed, str) for packed in as_text)
    plain = client.embeddings.create(model="any", input=["a", "b"], encoding_format="float")
    assert [row.embedding for row in done.data] == [row.embedding for row in plain.data]
    assert [len(row.embedding) for row in done.data] == [SIZE, SIZE]
    assert done.usage.total_tokens > 0
    few = client.embeddings.create(model="any", input="a", dimensions=3)
    assert len(few.data[0].embedding) == 3


def test_completions_plain_and_streamed(client: openai.OpenAI) -> None:
    done = client.completions.create(model="any", prompt="Hello")
    assert (done.choices[0].text, done.choices[0].finish_reason) == ("You said: Hello", "stop")
    text, usage = "", None
    for chunk in client.completions.create(
        model="any", prompt="Hello " * 9, stream=True, stream_options={"include_usage": True}
    ):
        text += chunk.choices[0].text if chunk.choices else ""
        usage = chunk.usage or usage
    assert text == "You said: " + "Hello " * 9
    assert usage is not None and usage.total_tokens > 0


def test_moderations(client: openai.OpenAI) -> None:
    done = client.moderations.create(model="any", input=["peace", "violence"])
    assert [result.flagged for result in done.results] == [False, True]


def test_pictures_made_and_edited(client: openai.OpenAI, standin: Standin) -> None:
    made = client.images.generate(model="any", prompt="a cat", n=2)
    assert [row.b64_json for row in made.data or []] == [PNG, PNG]
    edited = client.images.edit(
        model="any", prompt="a hat", image=[("a.png", PICTURE), ("b.png", PICTURE)],
        mask=("m.png", PICTURE),
    )  # fmt: skip
    assert [row.b64_json for row in edited.data or []] == [PNG]
    received = standin.passed[-1]
    assert received.whole and received.raw.count(PICTURE) == 3
    assert MODEL.encode() in received.raw and b"\r\nany\r\n" not in received.raw
    varied = client.images.create_variation(model="any", image=("a.png", PICTURE))
    assert [row.b64_json for row in varied.data or []] == [PNG]
    events = [
        event.type for event in client.images.generate(model="any", prompt="a cat", stream=True)
    ]
    assert events == ["image_generation.completed"]


def test_speech_is_read_and_written_as_sound(
    client: openai.OpenAI, standin: Standin, tmp_path: Path
) -> None:
    heard = client.audio.transcriptions.create(model="any", file=("a.wav", SPOKEN))
    assert heard.text == HEARD.format(len(SPOKEN))
    assert SPOKEN in standin.passed[-1].raw
    as_text = client.audio.transcriptions.create(
        model="any", file=("a.wav", SPOKEN), response_format="text"
    )
    assert str(as_text).strip() == heard.text
    with (tmp_path / "a.wav").open("w+b") as file:
        file.write(SPOKEN)
        file.seek(0)
        english = client.audio.translations.create(model="any", file=file)
    assert english.text == heard.text
    deltas = [
        event.delta
        for event in client.audio.transcriptions.create(
            model="any", file=("a.wav", SPOKEN), stream=True
        )
        if event.type == "transcript.text.delta"
    ]
    assert "".join(deltas) == heard.text
    with client.audio.speech.with_streaming_response.create(
        model="any", input="standin:slow-1", voice="alloy"
    ) as spoken:
        assert spoken.headers["content-type"] == "audio/mpeg"
        pieces = [*spoken.iter_bytes(500)]
    assert b"".join(pieces) == SOUND and len(pieces) > 1
    whole = client.audio.speech.create(model="any", input="Hi", voice="alloy")
    assert whole.read() == SOUND


def test_the_async_client_uploads_and_embeds(gateway: Running) -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(
            base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0
        ) as sdk:
            heard, rows = await asyncio.gather(
                sdk.audio.transcriptions.create(model="any", file=("a.wav", SPOKEN)),
                sdk.embeddings.create(model="any", input="a"),
            )
            assert heard.text == HEARD.format(len(SPOKEN))
            assert len(rows.data[0].embedding) == SIZE

    asyncio.run(run())


# What each call of the SDK needs beside its model.
CALLS: dict[str, Callable[[openai.OpenAI], Any]] = {
    "/v1/embeddings": lambda sdk: sdk.embeddings.create(model=CLAUDE, input="a"),
    "/v1/completions": lambda sdk: sdk.completions.create(model=CLAUDE, prompt="a"),
    "/v1/moderations": lambda sdk: sdk.moderations.create(model=CLAUDE, input="a"),
    "/v1/images/generations": lambda sdk: sdk.images.generate(model=CLAUDE, prompt="a"),
    "/v1/images/edits": lambda sdk: sdk.images.edit(model=CLAUDE, prompt="a", image=PICTURE),
    "/v1/images/variations": lambda sdk: sdk.images.create_variation(model=CLAUDE, image=PICTURE),
    "/v1/audio/speech": lambda sdk: sdk.audio.speech.create(model=CLAUDE, input="a", voice="x"),
    "/v1/audio/transcriptions": lambda sdk: sdk.audio.transcriptions.create(
        model=CLAUDE, file=("a.wav", SPOKEN)
    ),
    "/v1/audio/translations": lambda sdk: sdk.audio.translations.create(
        model=CLAUDE, file=("a.wav", SPOKEN)
    ),
}


@pytest.mark.parametrize("route", CALLS)
def test_an_alias_that_cannot_names_what_it_can(
    client: openai.OpenAI, standin: Standin, route: str
) -> None:
    before = len(standin.passed)
    with pytest.raises(openai.BadRequestError) as caught:
        CALLS[route](client)
    error = caught.value
    assert (error.status_code, error.code, error.param) == (400, "unsupported_endpoint", "model")
    assert isinstance(error.body, dict)
    assert error.body["message"] == (
        "The model `claude` answers /v1/messages, /v1/chat/completions and /v1/responses, "
        f"not {route}."
    )
    assert len(standin.passed) == before


def test_what_the_upstream_refuses_has_the_class_of_its_status(client: openai.OpenAI) -> None:
    for status, kind in ((400, openai.BadRequestError), (429, openai.RateLimitError)):
        with pytest.raises(kind):
            client.embeddings.create(model="any", input=f"standin:status-{status}")
        with pytest.raises(kind):
            client.audio.transcriptions.create(
                model="any", file=("a.wav", b"standin:status-%d" % status)
            )
    with pytest.raises(openai.UnprocessableEntityError):
        client.audio.transcriptions.create(model="any", file=("a.wav", b"standin:early-422 "))


def test_a_stream_that_breaks_off_is_an_error_of_the_sdk(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError) as caught:
        for _ in client.completions.create(
            model="any", prompt="standin:cut " + "word " * 20, stream=True
        ):
            pass
    assert caught.value.code == "upstream_stream_interrupted"
    with pytest.raises(openai.APIConnectionError):
        client.audio.speech.create(model="any", input="standin:cut", voice="alloy").read()


# ------------------------------------------------------------------ Azure's client
def test_a_deployment_is_the_alias_of_every_call(
    azure: Callable[[str], openai.AzureOpenAI], standin: Standin
) -> None:
    chat = azure("gpt").chat.completions
    done = chat.create(model="whatever", messages=asked("Hi"))
    assert done.choices[0].message.content == "You said: Hi"
    sdk = azure("any")
    rows = sdk.embeddings.create(model="text-embedding-3-small", input="a")
    assert len(rows.data[0].embedding) == SIZE
    assert standin.passed[-1].json["model"] == MODEL
    heard = sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", SPOKEN))
    assert heard.text == HEARD.format(len(SPOKEN))
    assert MODEL.encode() in standin.passed[-1].raw and b"whisper-1" not in standin.passed[-1].raw
    assert sdk.completions.create(model="x", prompt="Hi").choices[0].text == "You said: Hi"
    assert sdk.images.generate(model="dall-e-3", prompt="a cat").data
    assert sdk.audio.speech.create(model="tts-1", input="Hi", voice="alloy").read() == SOUND


def test_a_deployment_that_cannot_is_named(azure: Callable[[str], openai.AzureOpenAI]) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        azure(CLAUDE).embeddings.create(model="text-embedding-3-small", input="a")
    assert caught.value.code == "unsupported_endpoint"
    assert "`claude`" in str(caught.value)


# ------------------------------------------------------------------ models and counts
def test_models_page_by_page_in_both_sdks(client: openai.OpenAI, gateway: Running) -> None:
    assert [model.id for model in client.models.list()] == ["any", CLAUDE, "gpt"]
    assert {model.id: model.owned_by for model in client.models.list()} == {
        "any": "openai", CLAUDE: "anthropic", "gpt": "openai",
    }  # fmt: skip
    assert client.models.retrieve(CLAUDE).id == CLAUDE
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gone/for-good")
    base = gateway.base_url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=base, api_key=CALLER_KEY, max_retries=0) as theirs:
        first = theirs.models.list(limit=1)
        assert ([model.id for model in first.data], first.has_more) == (["any"], True)
        assert [model.id for model in theirs.models.list(limit=1)] == ["any", CLAUDE, "gpt"]
        back = theirs.models.list(limit=1, before_id="gpt")
        assert [model.id for model in back] == [CLAUDE, "any"]
        assert theirs.models.retrieve(CLAUDE).type == "model"
        with pytest.raises(anthropic.BadRequestError) as caught:
            theirs.models.list(limit=0)
        assert "limit" in str(caught.value)
        with pytest.raises(anthropic.NotFoundError):
            theirs.models.retrieve("gone/for-good")


def test_tokens_are_counted_by_the_upstream_or_estimated(
    gateway: Running, standin: Standin
) -> None:
    base = gateway.base_url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=base, api_key=CALLER_KEY, max_retries=0) as sdk:
        words: Any = [{"role": "user", "content": "Hello there"}]
        told = sdk.messages.with_raw_response.count_tokens(model=CLAUDE, messages=words)
        assert told.parse().input_tokens > 0
        assert "x-aisix-estimate" not in told.headers
        guess = sdk.messages.with_raw_response.count_tokens(model="gpt", messages=words)
        assert guess.parse().input_tokens > 0
        assert guess.headers["x-aisix-estimate"] == "true"
        with pytest.raises(anthropic.BadRequestError):
            sdk.messages.count_tokens(model=CLAUDE, messages=[])
        with pytest.raises(anthropic.PermissionDeniedError):
            sdk.messages.count_tokens(model="nobody", messages=words)


# ------------------------------------------------------------------ Node
@pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "node_modules" / "openai").is_dir(),
    reason="needs Node and `npm install` in tests/clients (make test does that)",
)
def test_openai_node(gateway: Running, standin: Standin, tmp_path: Path) -> None:
    sound = tmp_path / "a.wav"
    sound.write_bytes(SPOKEN)
    env = {**os.environ, "BASE_URL": gateway.base_url, "KEY": CALLER_KEY, "SOUND": str(sound)}
    done = subprocess.run(
        ["node", "neighbours.mjs"], cwd=HERE, env=env, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "embeddings": [SIZE, SIZE],
        "encodings": True,
        "transcription": HEARD.format(len(SPOKEN)),
        "named": HEARD.format(3),
        "edited": True,
        "speech": len(SOUND),
        "completion": "You said: Hello",
        "models": ["any", CLAUDE, "gpt"],
        "one": "anthropic",
        "refused": {
            "embeddings": ["BadRequestError", 400, "unsupported_endpoint", "model"],
            "transcriptions": ["BadRequestError", 400, "unsupported_endpoint", "model"],
        },
    }
    assert any(SPOKEN in one.raw for one in standin.passed)
