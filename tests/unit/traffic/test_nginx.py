# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import nginx
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import nginx_text as ng
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError, Unreachable
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.nginx import Driver
from hypothesis import given
from hypothesis import strategies as st

TEXT = """\
# ours
upstream shop_blue {
    least_conn;
    server 127.0.0.1:8001 weight=2 max_fails=3; # web1
    server 127.0.0.1:8002;
    keepalive 16;
}
upstream shop_green { # idle
    server unix:/run/green.sock down; # web1 (drain)
    server 127.0.0.1:8004 down;
}
split_clients $shop_key $shop_pool {
    5% shop_green;
    * shop_blue;
}
map $http_x_evenkeel_canary $shop_forced {
    default $shop_pool;
    always shop_green;
    never shop_blue;
}
map $host $shop_closed {
    default 30;
}
map $host $something_else { default 1; }
"""


def test_read():
    state = ng.read_state(TEXT)
    assert state["services"] == {"shop": "shop_blue"}
    assert state["splits"] == {"shop": {"shop_blue": 95.0, "shop_green": 5.0}}
    assert state["closed"] == {"shop": 30}
    shown = {pool: {name: (one["state"], one["weight"]) for name, one in servers.items()} for pool, servers in state["servers"].items()}
    assert shown == {
        "shop_blue": {"web1": ("ready", 2), "127.0.0.1:8002": ("ready", 1)},
        "shop_green": {"web1": ("drain", 1), "127.0.0.1:8004": ("maint", 1)},
    }


@given(st.lists(st.tuples(st.sampled_from(["shop_blue", "shop_green"]), st.sampled_from(["ready", "drain", "maint"]), st.integers(1, 256)), max_size=6))
def test_a_server_takes_what_is_set_and_the_rest_stays(changes):
    text, others = TEXT, [line for line in TEXT.splitlines() if "web1" not in line]
    for pool, state, weight in changes:
        text = ng.with_server(ng.with_server(text, pool, "web1", state=state), pool, "web1", weight=weight)
        found = ng.read_state(text)["servers"][pool]["web1"]
        assert (found["state"], found["weight"]) == (state, weight)
        assert [line for line in text.splitlines() if "web1" not in line] == others
    assert "max_fails=3" in text


@given(st.integers(0, 10000), st.booleans())
def test_a_split_survives_the_file(lots, forced):
    text = TEXT if forced else TEXT.replace("$shop_forced", "$shop_other")
    changed = ng.with_split(text, "shop", "shop_green", "shop_blue", lots / 100)
    state = ng.read_state(changed)
    assert state["services"] == {"shop": "shop_green"}
    assert state["splits"]["shop"] == {"shop_green": round(100 - lots / 100, 2), "shop_blue": lots / 100}
    assert ("always shop_blue;" in changed) is forced
    assert not any(line.startswith("0%") for line in ng.directives(changed).splitlines())
    whole = ng.with_split(changed, "shop", "shop_green", None, 0)
    assert ng.read_state(whole)["splits"] == {}


def test_comments_are_no_directives():
    drained, stopped = (ng.with_server(TEXT, "shop_blue", "web1", state=state) for state in ("drain", "maint"))
    assert drained != stopped
    assert ng.directives(drained) == ng.directives(stopped) != ng.directives(TEXT)


@pytest.mark.parametrize(
    ("text", "told"),
    [("upstream a {\n  server b;\n", "has no closing line"), ("split_clients $k $shop_pool {\n 5% a;\n}\n", r"needs one line '\* <pool>;'")],
)
def test_a_file_that_is_not_understood(text, told):
    with pytest.raises(ng.Fault, match=told):
        ng.read_state(text)


@pytest.fixture
def driver(tmp_path):
    """An nginx whose master is this process, so it has no workers and no reload is seen."""
    (tmp_path / "nginx.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "include.conf").write_text(TEXT)
    calls = []

    def run(argv, seconds):
        calls.append(argv)
        return (1, "", "nginx: [emerg] no") if "-t" in argv and "shop_bad" in (tmp_path / "include.conf").read_text() else (0, "", "")

    made = Driver(str(tmp_path / "include.conf"), run=run, program=["ng"], pid_file=str(tmp_path / "nginx.pid"))
    made.calls = calls
    return made


def test_what_nginx_refuses_is_put_back(driver):
    with pytest.raises(TrafficError, match=r"ng -t ended with 1: nginx: \[emerg\] no\..*was put back"):
        driver.switch("shop", "shop_bad")
    assert driver.calls == [["ng", "-t"]]
    assert driver.state()["services"] == {"shop": "shop_blue"}


def test_a_reload_that_is_not_seen_is_taken_back(driver, monkeypatch):
    """It may still come into force, so putting the file back is not enough."""
    monkeypatch.setattr(nginx, "RELOAD_SECONDS", 0)
    with pytest.raises(TrafficError, match=r"did not take its new configuration.*was put back and nginx told to read it again\."):
        driver.switch("shop", "shop_green")
    assert driver.calls == [["ng", "-t"], ["ng", "-s", "reload"], ["ng", "-s", "reload"]]
    assert driver.state()["services"] == {"shop": "shop_blue"}


def test_without_the_program_the_file_stays_as_it_was(driver, tmp_path):
    def nobody(argv, seconds):
        raise FileNotFoundError(2, "No such file or directory", argv[0])

    driver._run = nobody
    with pytest.raises(TrafficError, match=r"No such file or directory.*was put back"):
        driver.switch("shop", "shop_green")
    assert (tmp_path / "include.conf").read_text() == TEXT


def test_many_changes_are_one_test_and_a_comment_needs_no_reload(driver):
    with driver.together():
        driver.maint("shop_green", "web1")
        driver.drain("shop_green", "127.0.0.1:8004")
    assert driver.calls == [["ng", "-t"]]
    assert [one["state"] for one in driver.state()["servers"]["shop_green"].values()] == ["maint", "drain"]


def test_nobody_there(driver, tmp_path):
    (tmp_path / "nginx.pid").write_text("")
    with pytest.raises(Unreachable, match="does not run: its pid file"):
        driver.state()
