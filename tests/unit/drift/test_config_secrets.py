# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a secret: by its name, by its value, by configuration. And what is not, because who looks for drift must see it."""

from __future__ import annotations

import hashlib
import hmac
import time

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.keyed import fingerprint, key_id
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.patterns import Globs
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import SECRET_FILES, WHOLE_SECRETS
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import (
    LONGEST,
    REDACTED,
    is_secret,
    redact_line,
    redact_lines,
)
from ansible_collections.evenkeel.release.plugins.modules import drift_snapshot
from hypothesis import given
from hypothesis import strategies as st

RANDOM = "k3Jd8fLs0Qp2mXz7Rt5Yb1"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
PEM = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA", "short", "-----END RSA PRIVATE KEY-----"]

SECRETS = [
    ("database.password", "x"),
    ("DB_PASS", "x"),
    ("dbPass", "x"),
    ("app.secret", "x"),
    ("api-key", "x"),
    ("vault.token", "5"),
    ("login.pin", "1234"),
    ("a.dsn", "host=db"),
    ("password_hash_algorithm", RANDOM),
    ("password_file", "hunter2"),
    ("session.seed", RANDOM),
    ("x", "postgres://shop:hunter2@db/shop"),
    ("x", f"postgres://shop:{'x' * 2000}@db/shop"),
    ("x", "postgres://shop:hun/ter@2@db/shop"),
    ("x", "redis://:hunter2@db"),
    ("x", "https://x/y?sig=hunter2"),
    ("x", "run --db-password hunter2 now"),
    ("x", "token=hunter2"),
    ("x", 'Authorization: "Bearer abcdefgh12"'),
    ("x", "\n".join(PEM)),
    ("x", "AKIAIOSFODNN7EXAMPLE"),
    ("x", "ghp_" + "a1" * 18),
    ("x", JWT),
    ("x", "hvs." + "a" * 24),
    ("x", "$6$salt$hash"),
    ("userlist[l].user[bob]", "insecure-password hunter2"),
    ("global.stats[auth]", "admin:hunter2"),
    ("frontend[web].acl[ok]", "hdr(X-API-Key) -m str hunter2"),
    ("x", "a" * (LONGEST + 1)),
]
SHOWN = [
    ("passwordauthentication", "no"),
    ("permitemptypasswords", "yes"),
    ("password_min_length", "12"),
    ("token_ttl", "30m"),
    ("http.server[a].location[/].proxy_pass", "http://up"),
    ("ssl_certificate_key", "/etc/ssl/private/shop.key"),
    ("password_file", "/run/secrets/db"),
    ("server_tokens", "build"),
    ("database.password", ""),
    ("hostkey", "/etc/ssh/ssh_host_ed25519_key"),
    ("authorizedkeysfile", ".ssh/authorized_keys"),
    ("pubkeyacceptedalgorithms", "ssh-ed25519,rsa-sha2-512"),
    ("authenticationmethods", "publickey,password"),
    ("ssl_ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"),
    ("url", "https://shop.example.org:8443/a?b=c"),
    ("keyboard", "us"),
    ("bypass", "local"),
    ("auth", "ldap"),
    ("stats.on", "a > b"),
    ("compass.heading", "north"),
]


@pytest.mark.parametrize(("key", "value"), SECRETS)
def test_a_secret_is_known(key: str, value: str) -> None:
    assert is_secret(key, value)


@pytest.mark.parametrize(("key", "value"), SHOWN)
def test_a_setting_is_shown(key: str, value: str) -> None:
    assert not is_secret(key, value)


def test_configured_patterns_are_globs_of_whole_keys() -> None:
    assert is_secret("shop.ini.plain", "x", ["shop.*.plain"])
    assert not is_secret("shop.ini.plain", "x", ["plain"])


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("password = hunter2", f"password = {REDACTED}"),
        ('  "password": "hunter2", "port": 1', f'  "password": {REDACTED}'),
        ("export DB_PASS=hunter2", f"export DB_PASS={REDACTED}"),
        ("+password: hunter2", f"+password: {REDACTED}"),
        ("curl https://u:hunter2@h/x", f"curl https://u:{REDACTED}@h/x"),
        ("backup --password hunter2 /srv", f"backup --password {REDACTED} /srv"),
        ("<password>hunter2</password>", f"<password>{REDACTED}</password>"),
        ("{a: 1, token: hunter2}", f"{{a: 1, token: {REDACTED}"),
        ("user bob insecure-password hunter2", f"user bob insecure-password {REDACTED}"),
        ("acl ok hdr(X-API-Key) -m str hunter2", f"acl ok hdr(X-API-Key){REDACTED}"),
        ("bob:$6$salt$hash:19000", f"bob:{REDACTED}"),
        ("PasswordAuthentication no", "PasswordAuthentication no"),
        ("proxy_pass http://up;", "proxy_pass http://up;"),
        ("run host=db password=hun,ter;2& port=1", f"run host=db password={REDACTED} port=1"),
        ('run password="hunter 2', f"run password={REDACTED}"),
        ("plain = value", "plain = value"),
        ("ops ALL=(ALL) NOPASSWD: /bin/a, PASSWD: /bin/b", "ops ALL=(ALL) NOPASSWD: /bin/a, PASSWD: /bin/b"),
        ("ops ALL=(ALL) NOPASSWD:SETENV: SERVICES", "ops ALL=(ALL) NOPASSWD:SETENV: SERVICES"),
        ("ops ALL= NOPASSWD : sudoedit /etc/motd, PASSWD: sha256:abc= /bin/b", "ops ALL= NOPASSWD : sudoedit /etc/motd, PASSWD: sha256:abc= /bin/b"),
        ("ops ALL=(ALL) NOPASSWD: /bin/x --token hunter2", f"ops ALL=(ALL) NOPASSWD: /bin/x --token {REDACTED}"),
        ("login PASSWD: hunter2", f"login PASSWD: {REDACTED}"),
    ],
)
def test_a_line_without_its_secret(line: str, shown: str) -> None:
    assert redact_line(line) == shown


def test_secrets_of_several_lines_are_hidden_as_a_whole() -> None:
    block = ["db:", "  password: |", "    hunter2", "", "    more", "  port: 1"]
    assert redact_lines([*PEM, *block]) == [REDACTED] * 4 + ["db:", f"  password: {REDACTED}", REDACTED, "", REDACTED, "  port: 1"]


@given(st.lists(st.text(max_size=30), max_size=8))
def test_as_many_lines_as_before(lines: list[str]) -> None:
    assert len(redact_lines(lines)) == len(lines)


@given(st.sampled_from(["password", "apiToken", "db.secret", "API_KEY"]), st.text("abcXYZ0189!$%", min_size=4, max_size=20))
def test_no_assignment_shows_its_secret(name: str, secret: str) -> None:
    secret = f"~{secret}~"
    for line in (f"{name}={secret}", f"{name} = '{secret}'", f'"{name}": "{secret}"', f"  {name}: {secret}"):
        assert secret not in redact_line(line)


@pytest.mark.parametrize(
    "piece", ["://a:", "eyJ-", "a", "password", "-", " ", "a-", "\\", '"', "auth a", "? &", "bearer ", "hdr(token)", "sk-", "$1$", "+", "x=", "token "]
)
def test_no_line_takes_long(piece: str) -> None:
    line = (piece * LONGEST)[:LONGEST]
    started = time.process_time()
    redact_line(line)
    is_secret("x", line)
    assert time.process_time() - started < 1


@given(st.text(), st.binary(min_size=1))
def test_a_fingerprint_is_an_hmac(value: str, key: bytes) -> None:
    raw = value.encode("utf-8", "surrogatepass")
    assert fingerprint(value, key) == hmac.digest(key, raw, "sha256").hex()[:32]
    assert key_id(key) == hashlib.sha256(key).hexdigest()[:8]


def test_the_documentation_names_every_secret_file() -> None:
    text = drift_snapshot.DOCUMENTATION
    assert [glob for glob in SECRET_FILES if f"C({glob})" not in text] == []
    whole = Globs(WHOLE_SECRETS)
    assert not any(map(whole, (b"/srv/shop.env", b"/srv/.env", b"/root/.ssh/id_rsa.pub")))
    assert all(map(whole, (b"/etc/pgbouncer/userlist.txt", b"/etc/postfix/sasl_passwd.db", b"/etc/ppp/chap-secrets", b"/srv/x.secrets")))
