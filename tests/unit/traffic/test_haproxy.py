# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import socket
import threading

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._engines import haproxy as engine
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import haproxy_text as hp
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError, Unreachable
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.haproxy import Balancer, Driver
from hypothesis import given
from hypothesis import strategies as st

SERVERS = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight
3 shop_blue 1 web1 127.0.0.1 2 %d 0 1
3 shop_blue 2 web2 127.0.0.1 2 0 7 1
"""
STAT = """# pxname,svname,qcur,qmax,scur,stot,econ,eresp,weight,status,hrsp_2xx,hrsp_5xx,addr,check_status,type,
shop_blue,web1,2,0,3,9,0,0,1,DRAIN,8,1,127.0.0.1:1,L7OK,2,
shop_blue,BACKEND,0,0,3,9,1,0,1,UP,8,1,,,1,
shop_live,FRONTEND,,,3,9,,,,OPEN,,,,,0,
"""
POOLS = ["shop_blue", "shop_green"]
WORDS = st.from_regex(r"[a-z][a-z0-9_.]{0,8}", fullmatch=True)


def test_a_map_entry_is_replaced_and_the_rest_stays():
    assert hp.with_entry("# live\nshop shop_blue\npay pay_blue\n", "shop", "shop_green") == "# live\nshop shop_green\npay pay_blue\n"


@given(st.dictionaries(WORDS, WORDS), WORDS, WORDS)
def test_an_entry_is_set_once_and_no_other_one_moves(entries, key, value):
    text = "# comment\n" + "".join(f"{one} {other}\n" for one, other in entries.items())
    changed = hp.with_entry(text, key, value)
    assert hp.file_entries(changed) == {**entries, key: value}
    assert changed.startswith("# comment\n")
    assert hp.with_entry(changed, key, value) == changed


def test_runtime_map():
    assert hp.parse_map("0x55d shop shop_blue\n0x55e shop.canary shop_green:500\n") == {"shop": "shop_blue", "shop.canary": "shop_green:500"}


def test_counters():
    found = hp.parse_stat(STAT)
    assert list(found) == ["shop_blue"]
    assert (found["shop_blue"]["econ"], found["shop_blue"]["status"]) == (1, "UP")
    server = found["shop_blue"]["servers"]["web1"]
    assert (server["sessions"], server["queued"], server["requests"], server["check"], server["address"]) == (3, 2, 9, "L7OK", "127.0.0.1:1")


@pytest.mark.parametrize(("bits", "state"), [(0, "ready"), (8, "drain"), (16, "drain"), (1, "maint"), (4, "maint"), (9, "maint"), (0x40, "maint")])
def test_what_was_set_is_told_whatever_the_weight(bits, state):
    assert hp.parse_servers(SERVERS % bits) == {"shop_blue": {"web1": {"state": state, "weight": 0}, "web2": {"state": "ready", "weight": 7}}}


@pytest.mark.parametrize("text", ["", "1\n", "No such backend.\n", "1\nsomething else\n"])
def test_no_servers(text):
    assert hp.parse_servers(text) == {}


@pytest.mark.parametrize(
    ("canary", "shares"),
    [
        (None, None),
        ("none:0", None),
        ("shop_blue:100", None),
        ("shop_green:x", None),
        ("shop_green:0", {"shop_blue": 100, "shop_green": 0}),
        ("shop_green:500", {"shop_blue": 95, "shop_green": 5}),
        ("shop_green:10000", {"shop_blue": 0, "shop_green": 100}),
    ],
)
def test_shares(canary, shares):
    entries = {"shop": "shop_blue", **({} if canary is None else {"shop.canary": canary})}
    assert hp.shares(entries, "shop") == shares
    assert hp.services(entries) == {"shop": "shop_blue"}


def test_a_host_name_may_end_like_an_entry_beside():
    entries = {"shop.page": "shop_blue", "pay": "pay_blue", "pay.page": "open", "pay.canary": "none:0"}
    assert hp.services(entries) == {"shop.page": "shop_blue", "pay": "pay_blue"}


@given(st.integers(0, 10000))
def test_a_share_survives_the_map(lots):
    value = hp.canary_value("shop_green", lots / 100)
    assert hp.shares({"shop": "shop_blue", "shop.canary": value}, "shop") == {"shop_blue": round(100 - lots / 100, 2), "shop_green": lots / 100}


@pytest.mark.parametrize(("page", "seconds"), [(None, None), ("open", None), ("closed:30", 30), ("closed:0", 0), ("closed", None)])
def test_page(page, seconds):
    assert hp.retry_after({} if page is None else {"shop.page": page}, "shop") == seconds


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


def test_provision_keeps_a_split_and_a_page_and_starts_whole_and_open():
    found = "shop shop_green\nshop.canary shop_blue:500\nshop.page closed:30\nshop.other x\n"
    assert engine.beside_text(found, {"shop": POOLS, "new": ["new"]}) == "shop.canary shop_blue:500\nshop.page closed:30\nnew.canary none:0\nnew.page open\n"
    assert engine.beside_text("shop.canary evil;x:5\nshop.page closed:soon\n", {"shop": POOLS}) == "shop.canary none:0\nshop.page open\n"


class Fake:
    """A socket that answers with what a table says; the real signature is the wire."""

    def __init__(self, answers):
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.answers = answers
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _peer = self.listener.accept()
            except OSError:
                return
            with connection:
                line = connection.recv(4096).decode().strip()
                self.asked.append(line)
                connection.sendall(next((answer for begins, answer in self.answers.items() if line.startswith(begins)), "\n").encode())


@pytest.fixture
def fake():
    made = []

    def make(**answers):
        made.append(Fake({begins.replace("_", " "): answer for begins, answer in answers.items()}))
        return made[-1]

    yield make
    for one in made:
        one.listener.close()


def test_over_tcp(fake):
    answers = fake(show_stat=STAT + "\n", show_servers=SERVERS % 8 + "\n")
    found = Driver(answers.address).state()["servers"]["shop_blue"]["web1"]
    assert found == {"state": "drain", "weight": 0, "sessions": 5, "up": False, "check": "L7OK", "status": "DRAIN", "address": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"show_stat": STAT}, "broke off its answer"),
        ({"show_stat": ""}, "broke off its answer to 'show stat' after 0 bytes"),
        ({"show_stat": "HTTP/1.1 400 Bad request\r\n\n"}, "broke off|gave no statistics"),
        ({"show_stat": STAT + "\n", "show_servers": "\n"}, "counts shop_blue/web1 but does not tell its state"),
    ],
)
def test_an_answer_that_is_no_answer(fake, answers, told):
    with pytest.raises(TrafficError, match=told):
        Driver(fake(**answers).address).state()


def test_a_state_that_was_not_taken_is_told(fake):
    answers = fake(show_servers=SERVERS % 0 + "\n")
    with pytest.raises(TrafficError, match="still says state ready of shop_blue/web1 after it was set to drain"):
        Driver(answers.address).drain("shop_blue", "web1")
    assert answers.asked[0] == "set server shop_blue/web1 state drain"
    with pytest.raises(TrafficError, match="still says weight 7 of shop_blue/web2 after it was set to 9"):
        Driver(answers.address).set_weight("shop_blue", "web2", 9)


def test_a_refusal_is_told(fake):
    with pytest.raises(TrafficError, match=r"refused to set shop_blue/web1 to drain: No such server\."):
        Driver(fake(set_server="No such server.\n\n").address).drain("shop_blue", "web1")


def test_a_server_that_went_away_while_it_was_waited_for_is_told(fake):
    driver = Driver(fake(show_stat=STAT + "\n").address)
    assert driver.sessions([("shop_blue", "web1"), ("shop_blue", None)]) == [5, 3]
    with pytest.raises(TrafficError, match="does not know 'web9' any more"):
        driver.sessions([("shop_blue", "web9")])


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ("\n0x1 shop shop_blue\n\n", "still says shop shop_blue after the switch"),
        ("entry not found.\n\n0x1 shop shop_blue\n\n", r"refused to set shop to shop_green in map .*: entry not found\."),
        ("\n0x1 shop shop_gre", "broke off its answer"),
    ],
)
def test_a_switch_that_fails_leaves_the_file_as_it_was(fake, tmp_path, after, told):
    path = tmp_path / "live.map"
    path.write_text("# ours\nshop shop_blue\n")
    path.chmod(0o640)
    answers = fake(set_map=after, show_map="0x1 shop shop_blue\n\n")
    with pytest.raises(TrafficError, match=told):
        Driver(answers.address, str(path)).switch("shop", "shop_green")
    assert path.read_text() == "# ours\nshop shop_blue\n"
    assert (path.stat().st_mode & 0o777, [one.name for one in tmp_path.iterdir()]) == (0o640, ["live.map"])


def test_a_map_on_another_host_needs_no_file(fake):
    answers = fake(set_map="\n0x1 shop shop_green\n\n", show_map="0x1 shop shop_blue\n\n", show_stat=STAT + "\n", show_servers=SERVERS % 0 + "\n")
    Driver(answers.address, "/nowhere/live.map", persist=False).switch("shop", "shop_green")
    assert answers.asked == ["set map /nowhere/live.map shop shop_green; show map /nowhere/live.map"]
    with pytest.raises(TrafficError, match="runs on another host, say persist: false"):
        Driver(answers.address, "/nowhere/live.map").state()


@pytest.mark.parametrize("address", ["/nowhere/admin.sock", "127.0.0.1:1"])
def test_nobody_there(address):
    with pytest.raises(Unreachable, match=re.escape(address)):
        Balancer(address).command("show stat")


def test_neither_path_nor_port():
    with pytest.raises(TrafficError, match="neither a path nor host:port"):
        Balancer("admin.sock").command("show stat")


@given(st.integers(0, 5000))
def test_a_baseline_of_the_same_age_survives_the_map(lots):
    entries = {"shop": "shop_blue", "shop.canary": hp.canary_value("shop_green", lots / 100, "shop_baseline")}
    assert hp.shares(entries, "shop") == {"shop_blue": round(100 - lots / 50, 2), "shop_green": lots / 100, "shop_baseline": lots / 100}
    pools = [*POOLS, "shop_baseline"]
    assert engine.beside_text(f"shop.canary {entries['shop.canary']}\n", {"shop": pools}) == f"shop.canary {entries['shop.canary']}\nshop.page open\n"


def test_a_baseline_is_never_live():
    assert engine.map_text("shop shop_baseline\n", {"shop": [*POOLS, "shop_baseline"]}) == "shop shop_blue\n"
