# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.module_utils import _haproxy as hp


def test_a_map_entry_is_replaced_and_the_rest_stays():
    assert hp.with_entry("# live\nshop shop_blue\npay pay_blue\n", "shop", "shop_green") == "# live\nshop shop_green\npay pay_blue\n"


def test_runtime_map():
    assert hp.parse_map("0x55d shop shop_blue\n") == {"shop": "shop_blue"}


def test_server_states():
    assert [hp.admin_state(text) for text in ("UP", "DRAIN", "MAINT", "DOWN")] == ["ready", "drain", "maint", "ready"]


def backend(status, *servers):
    return {"status": status, "servers": {f"web{number}": {"status": text, "check": "L4CON"} for number, text in enumerate(servers)}}


def test_a_backend_is_up_with_one_server_that_may_serve():
    assert hp.is_up(backend("UP", "DOWN", "UP 1/2"))
    assert hp.is_up(backend("UP", "no check"))
    assert not hp.is_up(backend("DOWN", "DOWN"))
    assert not hp.is_up(backend("UP", "MAINT"))
    assert not hp.is_up(backend("UP"))


def test_servers_are_named_with_their_checks():
    assert hp.server_states(backend("DOWN", "DOWN", "MAINT")) == "web0 DOWN (check L4CON), web1 MAINT (check L4CON)"
