# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.server
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port, server_folder
from ansible_collections.evenkeel.release.tests.integration.support.prometheus import Prometheus

from .conftest import BEGAN, STEP, STEPS, history

END = BEGAN + STEP * STEPS


def queried(url: str, *metrics: dict[str, Any]) -> dict[str, Any]:
    return {"prometheus": {"url": url, "headers": {"Authorization": "Bearer geheim"}}, "start": BEGAN, "end": END, "step": STEP, "metrics": list(metrics)}


def both(expression: str) -> dict[str, Any]:
    return {side: {"query": expression % side} for side in ("canary", "baseline")}


def errors(track: str) -> dict[str, Any]:
    return {"query": {"events": f'http_errors_total{{track="{track}"}}', "of": f'http_requests_total{{track="{track}"}}'}}


def test_what_a_real_prometheus_says(prometheus: str, judged: Any) -> None:
    latency = {"name": "p95", "kind": "gauge", **both('p95_seconds{track="%s"}')}
    found = judged(
        fails=2,
        all=queried(
            prometheus,
            {"name": "errors", "kind": "ratio", "canary": errors("canary"), "baseline": errors("baseline")},
            latency,
            {"name": "requests", "kind": "counter", **both('http_requests_total{track="%s"}')},
            {"name": "two", "kind": "gauge", **both('p95_seconds{track=~"%s|baseline"}')},
            {"name": "typo", "kind": "gauge", **both("sum(p95_seconds{track='%s'}")},
            {"name": "nothing", "kind": "gauge", **both('p99_seconds{track="%s"}')},
        ),
        nobody=queried(f"http://127.0.0.1:{free_port()}", latency),
    )
    by_name = {metric["name"]: metric for metric in found["all"]["metrics"]}
    assert {name: metric["verdict"] for name, metric in by_name.items()} == {
        "errors": "failed", "p95": "failed", "requests": "passed", "two": "errored", "typo": "errored", "nothing": "inconclusive",
    }  # fmt: skip
    # 40 steps of 2 x 50 requests, but for the one in which an instance started anew and showed nothing yet
    assert by_name["errors"]["canary"] == {"n": 3950, "events": 474, "rate": 0.12}
    assert (by_name["errors"]["baseline"]["n"], by_name["errors"]["baseline"]["events"]) == (4000, 4)
    assert (by_name["p95"]["classification"], by_name["p95"]["canary"]["n"]) == ("High", 41)
    assert by_name["requests"]["canary"]["n"] == 600.0
    assert "gave 2 series, needed is one" in by_name["two"]["reason"]
    assert "Prometheus refused the query" in by_name["typo"]["reason"]
    assert (found["nobody"]["verdict"], "could not be asked" in found["nobody"]["msg"]) == ("errored", True)
    assert "geheim" not in str(found)


def test_a_run_shorter_than_a_step(prometheus: str, judged: Any) -> None:
    """Eight seconds around one reading: all that it showed is counted."""
    middle = BEGAN + STEP * 10
    short = {"name": "errors", "kind": "ratio", "canary": errors("canary"), "baseline": errors("baseline")}
    document = {**queried(prometheus, short), "start": middle - 4, "end": middle + 4}
    del document["step"]
    metric = judged(fails=1, short=document)["short"]["metrics"][0]
    assert (metric["canary"]["n"], metric["canary"]["events"], metric["baseline"]["n"]) == (100, 12, 100)


def test_what_appears_in_a_run_is_new_unless_prometheus_was_away(prometheus: str, judged: Any) -> None:
    """The same two steps, before which the first Prometheus read other things and the second nothing at all."""
    counted = {"name": "requests", "kind": "counter", **both('http_requests_total{track="%s"}')}
    share = {"name": "errors", "kind": "ratio", "canary": errors("canary"), "baseline": errors("baseline")}
    returned = Prometheus(history(since=10))
    try:
        found = judged(
            fails=0,
            **{
                name: {**queried(url, share, counted), "start": BEGAN + STEP * (10 - before), "end": BEGAN + STEP * 12, "fail_on": []}
                for name, url, before in (("there", prometheus, 0), ("away", returned.url, 2))
            },
        )
    finally:
        returned.stop()
    seen = {name: [metric["canary"]["n"] for metric in each["metrics"]] for name, each in found.items()}
    assert seen["away"] == seen["there"] == [200, 30]


def test_files_and_modes(judged: Any, samples: Path) -> None:
    sides = {
        side: {"file": str(samples), "columns": {"value": "p95"}, "where": {"version": version}}
        for side, version in (("canary", "1.1.0"), ("baseline", "1.0.0"))
    }
    bad, good = {"name": "p95", "kind": "gauge", **sides}, {"name": "p95", "kind": "gauge", "canary": sides["baseline"], "baseline": sides["baseline"]}
    totals = {"name": "errors", "kind": "ratio", "canary": {"events": "{{ 2 }}", "of": 1800}, "baseline": {"events": 3, "of": 1950}}
    found = judged(
        bad={"metrics": [bad]},
        good={"metrics": [good, totals]},
        kayenta={"metrics": [bad], "mode": "kayenta"},
        watch={"metrics": [bad], "mode": "watch"},
        early={"metrics": [{**good, "must_see": 0.1}], "look": 1, "looks": 5, "fail_on": ["failed", "errored"]},
        gone={"metrics": [{**good, "canary": {"file": "/nowhere.csv"}}]},
        faulty={"metrics": [{**bad, "kind": "gage", "canary": {}}]},
        check=True,
        fails=5,
    )
    assert {name: result.get("verdict") for name, result in found.items()} == {
        "bad": "failed", "good": "passed", "kayenta": "failed", "watch": "failed", "early": "inconclusive", "gone": "errored", "faulty": None,
    }  # fmt: skip
    assert found["bad"]["msg"].startswith("The canary failed, score 0.\n- p95 is higher than the baseline: +")
    assert found["bad"]["msg"].splitlines()[-1].endswith("of p95 with 80 % power.")
    assert "at 20 % of the run is inconclusive" in found["early"]["msg"]
    assert "did you mean gauge?" in found["faulty"]["msg"]
    assert found["watch"]["metrics"][0]["began"] == BEGAN


class Answering(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(500 if self.path == "/bad" or type(self).asked % 5 == 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def application() -> Iterator[int]:
    """Every fifth answer is a 500."""
    Answering.asked = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def balancer(haproxy_bin: Path, application: int) -> Iterator[tuple[int, str]]:
    folder, port = server_folder("judge-lb"), free_port()
    config = [
        "global", f"  stats socket {folder}/admin.sock mode 600 level admin",
        "defaults", "  mode http", "  timeout connect 5s", "  timeout client 10s", "  timeout server 10s",
        "frontend in", f"  bind 127.0.0.1:{port}", "  default_backend shop_green",
        "backend shop_green", f"  server web1 127.0.0.1:{application}",
    ]  # fmt: skip
    (folder / "haproxy.cfg").write_text("\n".join(config) + "\n")
    server = Server([str(haproxy_bin), "-db", "-f", f"{folder}/haproxy.cfg"], folder=folder)
    server.wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    yield port, f"{folder}/admin.sock"
    server.stop()


def ask(port: int, times: int) -> int:
    """How many of them failed."""
    failed = 0
    for _time in range(times):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError as exc:
            failed += exc.code == 500
    return failed


def test_a_real_balancer_and_real_probes(balancer: tuple[int, str], judged: Any) -> None:
    """What its counters gained is what a client counted."""
    port, admin = balancer

    def stat() -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(admin)
            connection.sendall(b"show stat\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    ask(port, 10)
    first = stat()
    failed = ask(port, 200)
    readings = [{"at": 0, "stat": first}, {"at": 60, "stat": stat()}]
    baseline = {"events": 2, "of": 1000}
    probe = {"name": "shop", "type": "http", "url": f"http://127.0.0.1:{port}/", "samples": 100}
    info = {"name": "Read", "evenkeel.release.traffic_info": {"socket": admin}}
    before = (
        {**info, "register": "first"},
        {"name": "Probe", "evenkeel.release.health_probe": {"probes": [probe], "fail_on": []}, "register": "probed"},
        {**info, "register": "second"},
    )
    both = {"haproxy": ["{{ first }}", "{{ second }}"], "backend": "shop_green"}
    found = judged(
        fails=4,
        before=before,
        balancer={"metrics": [{"name": "errors", "kind": "ratio", "canary": {"haproxy": readings, "backend": "shop_green"}, "baseline": baseline}]},
        server={
            "metrics": [{"name": "up", "kind": "availability", "objective": 0.99, "canary": {"haproxy": readings, "backend": "shop_green", "server": "web1"}}]
        },
        probes={"metrics": [{"name": "errors", "kind": "ratio", "canary": {"probes": "{{ probed }}", "probe": "shop"}, "baseline": baseline}]},
        info={"metrics": [{"name": "errors", "kind": "ratio", "canary": both, "baseline": baseline}]},
    )
    assert {name: result["verdict"] for name, result in found.items()} == dict.fromkeys(("balancer", "server", "probes", "info"), "failed")
    for name in ("balancer", "server"):
        assert (found[name]["metrics"][0]["canary"]["events"], found[name]["metrics"][0]["canary"]["n"]) == (failed, 200)
    # the balancer counted what the probe saw of it
    assert found["info"]["metrics"][0]["canary"] == found["probes"]["metrics"][0]["canary"] == {"n": 100, "events": 20, "rate": 0.2}
