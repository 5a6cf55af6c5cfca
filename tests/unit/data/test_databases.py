# SPDX-License-Identifier: GPL-3.0-or-later
"""Which databases are refreshed, from where to where."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._data.databases import DataError, Side, chosen, databases, policy_files

SHOP = {"engine": "postgresql", "hosts": "db", "database": "shop", "data": {"masking": "shop", "mode": "auto", "max_lag": 5}}
CRM = {"engine": "mysql", "hosts": "crm", "database": "crm", "user": "reader", "data": {"masking": "crm"}}
LOG = {"engine": "sqlite", "hosts": "db", "database": "/srv/log.db"}
WEB = {"engine": "application", "hosts": "web"}
ALL = {"shop": SHOP, "crm": CRM, "log": LOG, "web": WEB}


def side(name: str, *, services: Any = None, secrets: Any = None) -> Side:
    ends = {
        "shop": {f"{name}-db": {"address": "10.0.0.1", "ports": {"main": 5432}}},
        "crm": {f"{name}-crm": {"address": "10.0.0.2", "ports": {"main": "3306"}}},
    }
    return Side(name, services or ALL, ends, secrets or {"database_password": "one", "crm_password": "two"})


@pytest.mark.parametrize(
    ("services", "asked", "found"),
    [
        (ALL, "", ["shop", "crm"]),
        (ALL, "log", ["log"]),
        (ALL, "crm, shop", ["crm", "shop"]),
        (ALL, ["log", "shop", "log"], ["log", "shop"]),
        ({"log": LOG, "web": WEB}, None, ["log"]),
    ],
)
def test_which(services, asked, found):
    assert chosen(services, asked, environment="staging") == found


@pytest.mark.parametrize(
    ("services", "asked", "text"),
    [
        (ALL, "web", "no database web: found shop, crm, log"),
        ({"web": WEB}, "", r"databases \(none\)"),
        ({"a": LOG, "b": LOG}, "", "databases a, b and none"),
    ],
)
def test_no_guess_between_databases(services, asked, text):
    with pytest.raises(DataError, match=text):
        chosen(services, asked, environment="staging")


def made(names: list[str], **more: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"source": side("production"), "target": side("staging"), "overrides": {}, "options": {}}
    return databases(names, policies={name: {"name": name} for name in names}, **{**given, **more})


def test_each_database_has_its_places_its_policy_and_what_it_declares():
    shop, crm, log = made(["shop", "crm", "log"])
    assert shop == {
        "name": "shop",
        "engine": "postgresql",
        "mode": "auto",
        "source": {"host": "10.0.0.1", "port": 5432, "dbname": "shop", "user": "shop", "password": "one"},
        "target": {"host": "10.0.0.1", "port": 5432, "dbname": "shop", "user": "shop", "password": "one"},
        "policy": {"name": "shop"},
    }
    assert crm["source"] == {"host": "10.0.0.2", "port": 3306, "dbname": "crm", "user": "reader", "password": "two"}
    assert log["target"] == {"path": "/srv/log.db"}


def test_options_go_before_what_is_declared_and_empty_ones_say_nothing():
    [shop] = made(["shop"], options={"mode": "full", "workers": 4, "slot": "", "window": None})
    assert (shop["mode"], shop["workers"]) == ("full", 4)
    assert "slot" not in shop
    assert "window" not in shop


def test_a_place_can_be_overridden():
    [shop] = made(["shop"], overrides={"shop": {"source": {"host": "replica", "user": "reader"}}})
    assert (shop["source"]["host"], shop["source"]["user"], shop["source"]["port"]) == ("replica", "reader", 5432)
    assert shop["target"]["host"] == "10.0.0.1"


def test_what_is_not_there_is_named():
    with pytest.raises(DataError, match="production has no service crm, found shop"):
        made(["crm"], source=side("production", services={"shop": SHOP}))
    with pytest.raises(DataError, match="production: nothing is known of where crm listens"):
        made(["crm"], source=Side("production", ALL, {}, {}))


def test_policies_are_files_of_the_folder_or_paths():
    assert policy_files(["shop", "crm"], ALL, masking="", folder="masking") == {"shop": "masking/shop.yml", "crm": "masking/crm.yml"}
    assert policy_files(["shop"], ALL, masking="/x/other.yml", folder="masking") == {"shop": "/x/other.yml"}
    assert policy_files(["log", "shop"], ALL, masking="log.yml", folder="m") == {"log": "m/log.yml", "shop": "m/shop.yml"}
    with pytest.raises(DataError, match=r"log: no masking policy"):
        policy_files(["log"], ALL, masking="", folder="m")
