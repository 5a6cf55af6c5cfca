# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody wrote for this collection, in the order in which it happens. Started by the molecule scenario `strangers`."""

from __future__ import annotations

import http.client
import threading
import time

import pytest

from .fleet import Fleet

BOX = "box1"
SITE = "/var/www/my-app"
BEFORE = "20261001080000Z"
NGINX = {
    "hosts": "lab_edge",
    "gather_facts": False,
    "tasks": [
        {
            "name": "Switch",
            "evenkeel.release.traffic": {
                "driver": "nginx",
                "include": "/etc/nginx/conf.d/evenkeel.conf",
                "service": "mysite",
                "value": "{{ pool }}",
                "state": "switched",
            },
        }
    ],
}


@pytest.fixture(scope="module")
def fleet():
    return Fleet("strangers/inventory/hosts.yml", "lab")


def old(fleet):
    """Everything that ansistrano left, by its content, and the user's file."""
    said = fleet.on(BOX, "sh", "-c", f"cd {SITE} && find releases/2026* shared -printf '%p %y %l\\n' -type f -exec sha256sum '{{}}' ';' | sort")
    assert "shared/uploads/letter.txt" in said
    return said


def page(fleet, port, host=BOX):
    connection = http.client.HTTPConnection(fleet.address[host], port, timeout=10)
    connection.request("GET", "/", headers={"Host": "localhost"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def folder_of(fleet, service):
    """Where its process was started: nothing in Django's stock project says its release."""
    (unit,) = fleet.units(BOX, service)
    number, user = (fleet.on(BOX, "systemctl", "show", "--value", "--property", word, unit) for word in ("MainPID", "User"))
    # root in a container has no right to look into the processes of others
    return fleet.on(BOX, "runuser", "--user", user or "root", "--", "readlink", f"/proc/{number}/cwd").rpartition("/")[2]


class Visitors:
    """One request after the other, each with a connection of its own; nothing is tried twice."""

    def __init__(self, fleet, port):
        self.fleet, self.port, self.stop, self.bad, self.asked = fleet, port, threading.Event(), [], 0
        self.thread = threading.Thread(target=self.visit)

    def visit(self):
        while not self.stop.wait(0.02):
            self.asked += 1
            try:
                status, _text = page(self.fleet, self.port)
            except (OSError, http.client.HTTPException) as exc:
                status = repr(exc)
            if status != 200:
                self.bad.append((time.time(), status))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.stop.set()
        self.thread.join(30)


def test_a_first_release_that_fails_leaves_what_ansistrano_deployed(fleet):
    assert fleet.current(BOX, SITE) == BEFORE
    found = old(fleet)
    run = fleet.play("deploy", evenkeel_version="0.9.0", evenkeel_service="site")
    assert run.rc != 0
    assert old(fleet) == found
    assert fleet.current(BOX, SITE) == BEFORE
    assert fleet.units(BOX, "site") == []


def test_a_host_of_ansistrano_is_taken_over(fleet):
    found = old(fleet)
    fleet.must("deploy", evenkeel_version="1.0.0")
    assert old(fleet) == found
    assert fleet.current(BOX, SITE) == "1.0.0"
    assert page(fleet, 8100) == (200, "<h1>My app 1.0.0</h1>\n")


def test_the_stock_project_of_django_runs(fleet):
    for service, port in (("wsgi", 8200), ("socket", 8300)):
        status, text = page(fleet, port)
        assert status == 200
        assert "The install worked successfully" in text
        assert folder_of(fleet, service) == "1.0.0"


def test_visitors_of_a_held_socket_lose_no_request_without_any_balancer(fleet):
    with Visitors(fleet, 8300) as visitors:
        fleet.must("deploy", evenkeel_version="1.1.0")
    assert folder_of(fleet, "wsgi") == folder_of(fleet, "socket") == "1.1.0"
    print(f"{visitors.asked} requests, {len(visitors.bad)} failed")
    assert visitors.asked > 100
    assert visitors.bad == []


def test_rollback(fleet):
    fleet.must("rollback")
    assert page(fleet, 8100) == (200, "<h1>My app 1.0.0</h1>\n")
    assert folder_of(fleet, "wsgi") == folder_of(fleet, "socket") == "1.0.0"


def test_debians_nginx_is_switched_and_keeps_what_it_refuses(fleet):
    assert "The install worked" in page(fleet, 8080, "edge1")[1]
    before = fleet.on("edge1", "systemctl", "show", "--value", "--property", "MainPID", "nginx")
    fleet.run_plays([NGINX], pool="mysite_green")
    assert page(fleet, 8080, "edge1") == (200, "<h1>My app 1.0.0</h1>\n")
    assert fleet.on("edge1", "systemctl", "show", "--value", "--property", "MainPID", "nginx") == before, "it was restarted"
    # a fault that somebody else made: nothing is switched and the file is as it was
    fleet.on("edge1", "sh", "-c", "echo 'no_such_word on;' >/etc/nginx/conf.d/fault.conf")
    was = fleet.on("edge1", "cat", "/etc/nginx/conf.d/evenkeel.conf")
    refused = fleet.run_plays([NGINX], pool="mysite_blue", fails=True)
    assert "no_such_word" in refused.stdout
    assert fleet.on("edge1", "cat", "/etc/nginx/conf.d/evenkeel.conf") == was
    assert page(fleet, 8080, "edge1") == (200, "<h1>My app 1.0.0</h1>\n")
