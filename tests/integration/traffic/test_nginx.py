# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx by include file, test and graceful reload: what it keeps, what it refuses, and what a reload under load costs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.acts import Wish, act
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError, Unreachable
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.nginx import Driver
from ansible_collections.evenkeel.release.tests.integration.support import nginx

from .load import Load
from .web import Web


@pytest.fixture(scope="module")
def shared_web(haproxy_bin):
    made = Web(nginx.binary(), haproxy_bin)
    yield made
    made.close()


@pytest.fixture
def web(shared_web):
    driver = driver_of(shared_web)
    with driver.together():
        driver._pending = shared_web.first
    return shared_web


def run(argv, seconds):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
    return done.returncode, done.stdout, done.stderr


def driver_of(web):
    return Driver(str(web.include), run=run, program=web.program, pid_file=web.pid_file)


def switched(pool):
    return Wish("switched", service="shop", pool=pool, deadline=10)


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep-alive", "close"])
def test_reloads_under_load(web, keep_alive):
    flips = []
    with Load(web.port, clients=8, keep_alive=keep_alive) as load:
        for number in range(6):
            pool, asked = ("shop_green", "shop_blue")[number % 2], time.monotonic()
            act([driver_of(web)], switched(pool), check=False)
            flips.append((asked, time.monotonic(), pool[5]))
            time.sleep(0.2)
    ends = [*(asked for asked, _acknowledged, _letter in flips[1:]), float("inf")]
    seen = list(zip(load.seen.began, load.seen.took, load.seen.status, load.seen.letter))
    late = 0
    for (_asked, acknowledged, letter), end in zip(flips, ends):
        late += sum(status == 200 and found != ord(letter) for at, took, status, found in seen if acknowledged < at and at + took < end)
    assert late == 0
    # What makes nginx the weaker driver: a kept connection may be closed just as a request goes out on it.
    lost = {reason for reason in load.seen.reasons if not reason.startswith(("closed before", "hear: Connection", "ask: "))}
    assert lost == set()
    if not keep_alive:
        assert load.seen.failed == 0, load.seen.reasons
    assert len(seen) > 50


def test_shares_forced_and_sticky(web):
    driver = driver_of(web)
    for percent, low, high in ((0, 0, 0), (50, 0.3, 0.7), (100, 1, 1)):
        act([driver], Wish("split", service="shop", shares={"shop_blue": 100 - percent, "shop_green": percent}), check=False)
        bodies = [web.get()[1] for _number in range(150)]
        assert low <= bodies.count("green") / len(bodies) <= high
        assert web.get({"X-Evenkeel-Canary": "always"})[1] == "green"
        assert web.get({"X-Evenkeel-Canary": "never"})[1] == "blue"
    act([driver], Wish("split", service="shop", shares={"shop_blue": 50, "shop_green": 50}), check=False)
    for number in range(10):
        assert len({web.get({"Cookie": f"evenkeel_shop=client{number}"})[1] for _again in range(5)}) == 1
    act([driver], switched("shop_green"), check=False)
    assert {web.get({"X-Evenkeel-Canary": word})[1] for word in ("always", "never", "")} == {"green"}
    assert Path(web.include).read_text().startswith("# kept as it is\nupstream shop_blue {")


def test_by_the_module(web, tasks):
    base, green = web.options, {"pool": "shop_green", "server": "web2_green"}
    found = tasks(
        unknown={**base, "service": "shop", "value": "shop_pink"},
        drain={
            **base,
            "state": "maint",
            "wait": True,
            "servers": [{"pool": "shop_blue", "server": "web1_blue"}, green],
        },
        again={**base, "state": "maint", "pool": "shop_blue", "server": "web1_blue"},
        close={**base, "state": "closed", "service": "shop", "retry_after": 9},
        zero={**base, "state": "weighted", "pool": "shop_blue", "server": "web2_blue", "weight": 0},
        server={**base, "state": "drain", "pool": "shop_blue", "server": "web9"},
    )
    assert "has no upstream shop_pink; it has shop_blue, shop_green" in found["unknown"]["msg"]
    assert [(row["after"], row["left"]) for row in found["drain"]["servers"]] == [("maint", 0)] * 2
    assert [found[name]["changed"] for name in ("drain", "again", "close")] == [True, False, True]
    assert "nginx has no weight 0" in found["zero"]["msg"]
    assert "Upstream shop_blue of the balancer at" in found["server"]["msg"]
    status, body, headers = web.get()
    assert (status, body, headers["Retry-After"]) == (503, "being updated", "9")
    read = tasks(module="traffic_info", read=base)["read"]["balancers"][0]
    assert (read["services"], read["closed"]) == ({"shop": "shop_blue"}, {"shop": 9})
    assert {name: one["state"] for name, one in read["servers"]["shop_blue"].items()} == {"web1_blue": "maint", "web2_blue": "ready"}


def test_a_configuration_that_nginx_refuses_is_put_back(web):
    Path(web.folder / "nginx.conf").write_text(Path(web.folder / "nginx.conf").read_text() + "\nnonsense;\n")
    try:
        with pytest.raises(TrafficError, match=r'(?s)unknown directive "nonsense".* was put back'):
            act([driver_of(web)], switched("shop_green"), check=False)
    finally:
        text = Path(web.folder / "nginx.conf").read_text().replace("\nnonsense;\n", "")
        Path(web.folder / "nginx.conf").write_text(text)
    assert Path(web.include).read_text() == web.first
    assert web.get()[1] == "blue"


def test_workers_that_still_answer_are_waited_for_and_cut(web):
    driver = driver_of(web)
    slow = socket.create_server(("127.0.0.1", 0))
    text = web.first.replace("upstream shop_green {", f"upstream shop_slow {{\n    server 127.0.0.1:{slow.getsockname()[1]};\n}}\nupstream shop_green {{")
    with driver.together():
        driver._pending = text
    act([driver], switched("shop_slow")._replace(wait_up=False), check=False)
    answers = []

    def ask():
        try:
            answers.append(web.get()[0])
        except OSError:
            answers.append(0)
        except Exception as exc:  # what a cut answer looks like is the client's business
            answers.append(repr(exc))

    user = threading.Thread(target=ask)
    user.start()
    held, _peer = slow.accept()
    act([driver], switched("shop_blue"), check=False)
    wish = Wish("drained", servers=(("shop_slow", None, None),), deadline=0.2)
    with pytest.raises(TrafficError, match=r"still has 1 sessions after 0\.2s"):
        act([driver], wish, check=False)
    assert act([driver], wish._replace(cut=True), check=False)["cut"] == 1
    user.join()
    held.close()
    slow.close()
    assert answers != [200]


def test_an_nginx_that_does_not_run_is_unreachable(web):
    pid = int(Path(web.pid_file).read_text())
    os.kill(pid, signal.SIGTERM)
    web.server.process.wait()
    try:
        with pytest.raises(Unreachable, match="does not run"):
            act([driver_of(web)], switched("shop_green"), check=False)
    finally:
        web.start()
