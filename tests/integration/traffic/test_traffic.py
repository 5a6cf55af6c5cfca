# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic moves without a failed request, and what cannot be moved is named."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.wait import Place, wait_drained

from .scene import Users

FLIPS = 50


@pytest.fixture
def traffic(playbook, scene):
    """Runs the module once per set of options, in one play; {name: result}."""

    def run(*, check=False, module="traffic", **tasks):
        steps = [{"name": name, f"evenkeel.release.{module}": {"socket": scene.socket, **options}, "ignore_errors": True} for name, options in tasks.items()]
        done = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": steps}], check=check, args=("--diff",))
        return {name: done.result(name) for name in tasks}

    return run


def switched(scene, colour, **options):
    return {"map": scene.map, "key": "shop", "value": f"shop_{colour}", **options}


def test_fifty_flips_lose_no_request_and_none_goes_to_the_old_colour_after_the_acknowledgement(scene):
    flips = []
    with Users(scene) as users:
        for number in range(FLIPS):
            colour = ("green", "blue")[number % 2]
            asked = time.monotonic()
            scene.switch(colour)
            flips.append((asked, time.monotonic(), colour))
            seen = len(users.samples)
            while len(users.samples) < seen + 20:
                time.sleep(0.01)
    ends = [asked for asked, _acknowledged, _colour in flips[1:]]
    late = []
    for (_asked, acknowledged, colour), end in zip(flips, [*ends, float("inf")], strict=True):
        # whoever is still on the way when the next switch is asked for may get either colour
        late += [sample for sample in users.samples if acknowledged < sample[0] and sample[3] < end and sample[2] != colour]
    assert users.failed == []
    assert late == []
    assert users.reconnects == 0, "a kept connection must survive a switch"
    assert len(users.samples) >= 20 * FLIPS


def test_a_killed_backend_is_seen_as_failures(scene):
    """The control of the test above: these users do notice."""
    with Users(scene) as users:
        scene.blue.end()
        time.sleep(0.5)
    assert users.failed


def test_switch_is_idempotent_kept_and_honest_in_check_mode(scene, traffic):
    text = Path(scene.map).read_text()
    assert traffic(check=True, look=switched(scene, "green"))["look"]["changed"]
    assert (scene.live(), Path(scene.map).read_text()) == ("shop_blue", text)
    found = traffic(first=switched(scene, "green"), second=switched(scene, "green"))
    assert (found["first"]["before"], found["first"]["after"], found["first"]["changed"]) == ("shop_blue", "shop_green", True)
    assert not found["second"]["changed"]
    assert scene.get() == (200, "green")
    scene.restart()
    assert scene.live() == "shop_green"
    assert scene.get() == (200, "green")


def test_a_switch_waits_until_the_backend_is_up(scene, traffic):
    scene.green.end()
    while scene.balancer.backends()["shop_green"]["status"] != "DOWN":
        time.sleep(0.05)
    found = traffic(check=True, look=switched(scene, "green"))["look"]
    assert found["changed"]
    assert "DOWN now" in found["warnings"][0]
    found = traffic(late=switched(scene, "green", deadline=0.5))["late"]
    assert "nothing was switched" in found["msg"]
    assert "web_green DOWN (check" in found["msg"]
    assert scene.live() == "shop_blue"
    waker = threading.Timer(2.5, scene.green.start)
    waker.start()
    found = traffic(waits=switched(scene, "green", deadline=20))["waits"]
    waker.join()
    assert found["changed"]
    assert scene.get() == (200, "green")
    scene.blue.end()
    while scene.balancer.backends()["shop_blue"]["status"] != "DOWN":
        time.sleep(0.05)
    assert traffic(forced=switched(scene, "blue", wait_up=False))["forced"]["changed"]
    assert scene.live() == "shop_blue"


def test_unknown_names_are_told_with_the_known_ones(scene, traffic):
    found = traffic(
        map={**switched(scene, "green"), "map": "/nowhere.map"},
        key={**switched(scene, "green"), "key": "pay"},
        backend={**switched(scene, "green"), "value": "shop_pink"},
        place={"state": "drain", "backend": "shop_pink", "server": "x"},
        server={"state": "drain", "backend": "shop_blue", "server": "web9"},
        blank={**switched(scene, "green"), "value": "shop_green;shutdown"},
    )
    assert f"has no map /nowhere.map; it has {scene.map}" in found["map"]["msg"]
    assert "has no key pay; it has shop" in found["key"]["msg"]
    assert "has no backend shop_pink; it has shop_blue, shop_green" in found["backend"]["msg"]
    assert "has no backend shop_pink" in found["place"]["msg"]
    assert "has no server web9; it has web_blue" in found["server"]["msg"]
    assert "not allowed" in found["blank"]["msg"]
    assert scene.live() == "shop_blue"


def test_drained_waits_for_requests_that_run(scene):
    users, answers = scene.hold()
    scene.switch("green")
    place = Place(scene.driver, "shop_blue", None)
    assert wait_drained([place], deadline=0.2)[0]["left"] == 1
    threading.Timer(0.5, scene.blue.tell, ["/release"]).start()
    found = wait_drained([place], deadline=20)[0]
    users[0].join()
    assert found["waited"] > 0.3
    assert (found["left"], found["cut"], answers[0][0]) == (0, 0, 200)


def test_server_states_and_counters(scene, traffic):
    place = {"backend": "shop_green", "server": "web_green"}
    found = traffic(
        drain={"state": "drain", **place},
        again={"state": "drain", **place},
        ready={"state": "ready", **place},
        weigh={"state": "weighted", "weight": 7, **place},
        weighed={"state": "weighted", "weight": 7, **place},
    )
    assert [found[name]["changed"] for name in ("drain", "again", "ready", "weigh", "weighed")] == [True, False, True, True, False]
    before = traffic(module="traffic_info", read={"map": scene.map})["read"]
    for _number in range(5):
        scene.get()
    after = traffic(module="traffic_info", read={"map": scene.map})["read"]
    assert after["map_entries"] == {"shop": "shop_blue"}
    assert after["backends"]["shop_blue"]["hrsp_2xx"] - before["backends"]["shop_blue"]["hrsp_2xx"] == 5
