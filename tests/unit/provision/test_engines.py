# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._engines import haproxy, openbao, ports, postgresql
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import Context, EngineError


def context(engine="postgresql", **params):
    usual = {"name": "database", "root": "/x", "address": "127.0.0.1", "ports": {"main": 1}, "paths": {}, "settings": {}, "secrets": {}, "wait": 1}
    return Context({**usual, **params}, check=True)


@pytest.mark.parametrize("password", ["shop", "owner", "database"])
def test_a_password_that_is_a_public_name_is_a_fault(password):
    faults = postgresql.validate(context(secrets={"databases": [{"name": "shop", "owner": "owner", "password": password}]}))
    assert faults == ["secrets.databases[0].password is also a public name (service, database or owner); choose another one"]


def test_secret_values_are_the_passwords_and_nothing_else():
    databases = [{"name": "shop", "owner": "shop", "password": "p1"}, {"name": "free"}]
    assert postgresql.secret_values({"superuser_password": "p0", "databases": databases}) == {"p0", "p1"}
    assert openbao.secret_values({"kv": {"a": {"k": "v1", "made": {"generate": 32}}}}) == {"v1"}


def test_unknown_keys_of_secrets_are_faults():
    assert postgresql.validate(context(secrets={"passwords": {}})) == ["secrets.passwords is unknown; allowed are databases, superuser_password"]


def test_a_generated_secret_is_made_once():
    first = openbao.merged({}, {"key": {"generate": 20}})
    assert len(first["key"]) == 20
    assert openbao.merged(first, {"key": {"generate": 20}}) == first


def test_a_single_vault_does_not_wait_for_an_election():
    document = json.loads(openbao.server_config(address="127.0.0.1", port=1, cluster=2, data="/d"))
    assert document["storage"]["raft"]["performance_multiplier"] == "1"


def test_a_balancer_without_applications_answers_all_the_same():
    text = haproxy.render(address="127.0.0.1", socket="/s", map_file="/m", drop="", applications=[], idle=20001)
    assert "frontend idle\n    bind 127.0.0.1:20001" in text


def test_statements_quote_names_and_texts():
    assert postgresql.identifier('a"b') == '"a""b"'
    assert postgresql.literal("a'b") == "'a''b'"


def test_a_reserved_port_stays_and_another_one_is_chosen_beside_it():
    book = {"a/h/s/main": 20000}
    assert ports.reserve(book, "a/h/s/main", 0, address="127.0.0.1") == 20000
    assert ports.reserve(book, "b/h/s/main", 0, address="127.0.0.1") > 20000


def test_a_declared_port_that_another_service_has_is_refused():
    with pytest.raises(EngineError, match=r"Port 20000 for b/h/s/main is reserved for a/h/s/main"):
        ports.reserve({"a/h/s/main": 20000}, "b/h/s/main", 20000, address="127.0.0.1")


def test_teardown_gives_back_the_ports_of_one_environment_alone():
    assert ports.without({"a/h/s/main": 1, "ab/h/s/main": 2}, "a") == {"ab/h/s/main": 2}
