"""The form of a resources file: what it may hold, and where a complaint points."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisix.errors import OperatorError
from aisix.store import yaml_document
from aisix.store.snapshot import Entry, Snapshot
from tests.long import times

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)


def complaints(text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(OperatorError) as caught:
        yaml_document.read(text, "r.yaml", environ or {})
    return [str(complaint) for complaint in caught.value.complaints]


@given(TEXT, TEXT)
@settings(max_examples=times(60), deadline=None)
def test_what_is_written_is_read_again(name: str, secret: str) -> None:
    document = {"display_name": name, "provider": "p", "headers": {"x-a": name + "${X}$${"}}
    entry = Entry("provider_keys", "a", 1, 1, 0, 0, document, secret + "$${A}")
    text = yaml_document.written(Snapshot([entry], 1), with_secrets=True)
    (wanted,), _ = yaml_document.read(text, "r.yaml", {})
    assert wanted.id == "a"
    assert wanted.body == {**document, "secret": secret + "$${A}"}
    hidden = yaml_document.written(Snapshot([entry], 1), with_secrets=False)
    (wanted,), _ = yaml_document.read(hidden, "r.yaml", {"SECRET_A": "s"})
    assert wanted.body["secret"] == "s"


@given(st.text(max_size=60))
@settings(max_examples=times(200), deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    for more in ("", "models:\n- a: "):
        try:
            yaml_document.read(more + text, "r.yaml", {})
        except OperatorError as error:
            assert str(error).startswith("r.yaml:")


def test_a_value_from_the_environment_is_a_text_and_cannot_add_structure() -> None:
    text = "provider_keys: [{display_name: '${A}', secret: 'x-${B}-$${B}', tls: {verify: true}}]"
    (wanted,), _ = yaml_document.read(text, "r.yaml", {"A": "1\nmodels: []", "B": "${C}"})
    assert wanted.body["display_name"] == "1\nmodels: []"
    assert wanted.body["secret"] == "x-${C}-${B}"
    assert wanted.body["tls"] == {"verify": True}


def test_every_fault_of_the_form_has_its_line() -> None:
    text = """\
models:
  - display_name: ${NONE}
    options:
      a: ${
  - 7
apikyes: []
provider_keys: {}
"""
    assert complaints(text) == [
        "r.yaml:2: models[0].display_name: the environment variable NONE is not set",
        "r.yaml:4: models[0].options.a: expected ${NAME}; for a plain ${ write $${",
        "r.yaml:5: models[1]: must be an object, not a number",
        'r.yaml:6: apikyes: unknown section (did you mean "apikeys"?)',
        "r.yaml:7: provider_keys: must be a list, not an object",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "r.yaml:1: is empty"),  # an editor has cut it off, and not written it yet
        ("# nothing\n", "r.yaml:1: is empty"),
        ("---\n~\n", "r.yaml:1: is empty"),
        ("a: b: c", "r.yaml:1: not valid YAML"),
        ("- 1", "r.yaml:1: must hold provider_keys, models, apikeys"),
        ("models:\n  - a: 1\n    a: 2", "r.yaml:3: models[0].a: is there twice"),
        ("models:\n- {1: 2}", "r.yaml:2: models[0]: a name must be a text"),
        ("models:\n- {a: .nan}", "r.yaml:2: models[0].a: must be a text, a number"),
        ("models:\n- {a: !!binary aGk=}", "r.yaml:2: models[0].a: must be a text, a number"),
        ("models:\n- {id: -x}", "r.yaml:2: models[0].id: must be 1 to 128"),
        ("models: !!python/object:os.system {}", "r.yaml:1: not valid YAML"),
        ("x: &a [*a]", "r.yaml:1"),
    ],
)
def test_what_is_no_resources_file_says_so(text: str, said: str) -> None:
    assert complaints(text)[0].startswith(said)


def test_a_date_stays_text_and_an_id_is_the_same_each_time() -> None:
    text = "apikeys:\n- {display_name: a key, expires_at: 2030-01-01T00:00:00Z}\n"
    first, again = (yaml_document.read(text, "r.yaml", {})[0][0] for _ in range(2))
    assert first.body["expires_at"] == "2030-01-01T00:00:00Z"
    assert first.id == again.id
    models = "models:\n- display_name: small\n- display_name: small*\n"
    plain, wild = yaml_document.read(models, "r.yaml", {})[0]
    assert plain.id == "small" and wild.id.startswith("model-")
