"""The settings of many nodes: what goes together, and the key that comes from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.config.settings import Settings, load_settings
from aisix.errors import OperatorError

GOOD = {
    "AISIX_ETCD__ENDPOINTS": "http://10.0.0.1:2379,http://10.0.0.2:2379/",
    "AISIX_ENCRYPTION_KEY": "k" * 44,
    "AISIX_ADMIN__ADMIN_KEYS": "an-admin-key-of-tests",
}


def loaded(**changed: str | None) -> Settings:
    env = {**GOOD, **changed}
    return load_settings(None, {k: v for k, v in env.items() if v is not None})


def complaint(**changed: str | None) -> str:
    with pytest.raises(OperatorError) as caught:
        loaded(**changed)
    return str(caught.value)


def test_names_of_three_levels_come_from_a_file_and_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "admin: {admin_keys: [an-admin-key-of-tests]}\nencryption_key: k\n"
        "etcd:\n  endpoints: ['https://e:2379']\n  env_id: prod\n"
        "  tls: {ca_cert_file: ca.pem, domain_name: etcd.local}\n"
    )
    env = {"AISIX_ETCD__TLS__DOMAIN_NAME": "other.local", "AISIX_NODE_ID": "node-a"}
    settings = load_settings(file, env)
    assert settings.etcd.endpoints == ("https://e:2379",)
    assert (settings.etcd.prefix, settings.etcd.env_id) == ("/aisix", "prod")
    assert settings.etcd.tls.ca_cert_file == tmp_path / "ca.pem"
    assert settings.etcd.tls.domain_name == "other.local"
    assert settings.node_id == "node-a"
    file.write_text("etcd:\n  tls:\n    domain: x\n")
    with pytest.raises(OperatorError) as caught:
        load_settings(file, {})
    text = 'config.yaml:3: etcd.tls.domain: unknown setting (did you mean "etcd.tls.domain_name"?)'
    assert text in str(caught.value)


def test_two_nodes_of_one_configuration_have_one_digest() -> None:
    one, other = loaded(AISIX_NODE_ID="a"), loaded(AISIX_NODE_ID="b")
    assert one.digest == other.digest != loaded(AISIX_ETCD__PREFIX="/b").digest


def test_files_beside_the_settings_of_each_node_are_no_difference(tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text("k" * 44)
        file = tmp_path / name / "config.yaml"
        more = 'endpoints: ["http://10.0.0.1:2379"]\nencryption_key_file: key\n'
        file.write_text(f"etcd:\n  {more}admin: {{admin_keys: [some-key-of-mine]}}\n")
        digests.append(load_settings(file, {}).digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"AISIX_ENCRYPTION_KEY": None}, "etcd.endpoints: needs encryption_key or"),
        ({"AISIX_ADMIN__ADMIN_KEYS": None}, "admin.admin_keys: must be set beside etcd"),
        ({"AISIX_RESOURCES_FILE": "r.yaml"}, "resources_file: not beside etcd.endpoints"),
        ({"AISIX_ETCD__ENDPOINTS": "10.0.0.1"}, "expected URLs such as"),
        ({"AISIX_ETCD__ENDPOINTS": "http://u:p@h:1"}, "scheme, host and port alone"),
        ({"AISIX_ETCD__PREFIX": "/"}, 'expected a path such as "/aisix"'),
        ({"AISIX_ETCD__PASSWORD_ENV": "NOT_SET"}, "the environment has no NOT_SET"),
        ({"AISIX_ETCD__USER": "u"}, "etcd.user: needs etcd.password_env"),
        ({"AISIX_ETCD__TLS__CA_CERT_FILE": "x"}, "every endpoint must be https://"),
        ({"AISIX_ETCD__ENDPOINTS": None, "AISIX_ETCD__PREFIX": "/b"}, "etcd.prefix: needs"),
        ({"AISIX_ENCRYPTION_KEY_FILE": "/k"}, "encryption_key_file: not beside encryption_key"),
    ],
)
def test_what_does_not_go_together_is_told(changed: dict[str, str | None], text: str) -> None:
    assert text in complaint(**changed)


def test_the_key_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("new\nold\n")
    changed = {"AISIX_ENCRYPTION_KEY": None, "AISIX_ENCRYPTION_KEY_FILE": str(file)}
    assert loaded(**changed).encryption_key == "new,old"
    file.write_text("\n")
    assert "holds no key" in complaint(**changed)
    file.unlink()
    assert "cannot be read: No such file" in complaint(**changed)
