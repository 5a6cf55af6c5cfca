# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import pickle

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import Redactor, Secret, is_secret_key, known_secrets
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from hypothesis import given, settings
from hypothesis import strategies as st

KEYS = ["password", "db_passwd", "clientSecret", "token", "API-KEY", "private_key", "Authorization", "credentials", "PGPASSWORD", "cookie", "pwd", "apiKey"]
VALUE = st.from_regex(r"Z[a-zA-Z0-9]{9,20}", fullmatch=True)


@pytest.mark.parametrize("key", KEYS)
def test_values_under_a_secret_key_go_at_any_depth(key):
    data = Redactor()({"a": [{key: "swordfish"}, {key: ["swordfish"]}, {key: {"x": "swordfish"}}, {key: 12345}]})
    assert "swordfish" not in json.dumps(data)
    assert "12345" not in json.dumps(data)


@pytest.mark.parametrize("key", ["author", "passed", "compass", "keys", "primary_key", "changed", "fence", "message", "path"])
def test_ordinary_keys_stay(key):
    assert not is_secret_key(key)


@pytest.mark.parametrize(
    "text",
    [
        "connect to postgresql://app:swordfish@db/shop failed",
        "Authorization: Bearer swordfish.abc.def",
        "psql --password swordfish -h db",
        "PGPASSWORD=swordfish psql",
        '{"password": "swordfish"}',
        "password: 'swordfish'",
        "-----BEGIN PRIVATE KEY-----\nswordfish\n-----END PRIVATE KEY-----",
        "api_key=swordfish&x=1",
    ],
)
def test_secrets_in_a_text_go(text):
    assert "swordfish" not in Redactor().text(text)


def test_ordinary_texts_stay():
    for text in ("12 passed: all good", "author: Ada", "http://host:8080/path", "wrote /etc/passwd", "key 7"):
        assert Redactor().text(text) == text


@given(st.recursive(VALUE | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8), VALUE)
@settings(max_examples=100, deadline=None)
def test_a_known_secret_survives_nowhere(data, secret):
    found = Redactor([secret])({"x": data, "y": f"before {secret} after", secret: [secret, Secret(secret), secret.encode(), {secret}]})
    assert secret not in json.dumps(found)


def test_secrets_that_contain_each_other_leave_no_tail():
    assert Redactor(["abcd", "abcdefgh"]).text("x abcdefgh y") == "x [REDACTED] y"


def test_a_secret_does_not_print_or_pickle():
    secret = Secret("swordfish")
    assert "swordfish" not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_results_of_ansible():
    redact = Redactor()
    censored = redact({"censored": "the output has been hidden", "stdout": "swordfish", "changed": True})
    assert censored == {"censored": "[REDACTED]", "changed": True}
    assert redact({"_ansible_no_log": False, "rc": 0}) == {"rc": 0}


def test_vault_values_are_secrets():
    tag = type("VaultedValue", (), {})
    tagged = type("Tagged", (str,), {"_ansible_tags_mapping": {tag: tag()}})("swordfish")
    old = type("AnsibleVaultEncryptedUnicode", (), {"__str__": lambda self: "swordfish"})()
    assert Redactor()([tagged, old]) == ["[REDACTED]", "[REDACTED]"]


def test_plain_types_only():
    tagged = type("Tagged", (str,), {})("x")
    [plain] = Redactor()([tagged])
    assert type(plain) is str
    assert Redactor()([float("nan"), 2**60, (1, 2), {3}, b"b", "\udcff"]) == ["nan", str(2**60), [1, 2], [3], "b", "\\udcff"]


def test_known_secrets_are_values_not_templates_or_paths():
    found = known_secrets({"DB_PASSWORD": "swordfish", "SSH_AUTH_SOCK": "/tmp/agent", "HOME": "/root"}, {"app_token": "{{ lookup('x') }}"})
    assert found == ["swordfish"]


def test_no_secret_in_the_bytes_of_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_DB_PASSWORD", "correct-horse-battery")
    with open_store(f"sqlite:///{tmp_path}/l.sqlite", secrets=["staple-99"]) as store:
        body = {"token": "swordfish", "msg": "used staple-99 and correct-horse-battery", "s": Secret("open-sesame")}
        store.append([NewEntry("gate", "fact", subject="staple-99", body=body)])
        store.acquire("x", message="with staple-99")
        written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (b"swordfish", b"staple-99", b"correct-horse-battery", b"open-sesame"):
        assert secret not in written
