# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags of a deployment by themselves: no balancer, and a service that says of itself what its users met."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

NAME = "new-checkout"
COUNTED = 'requests_total{variant="{variant}"'
HEAD = {
    "hosts": "localhost",
    "gather_facts": False,
    "vars": {"deploy_target": "live", "deploy_act": "deploy", "deploy_intent": "the-deployment", "deploy_release": "2"},
}


class Service:
    """Each look at it is another thousand requests, parted by the flag; with the flag every third one fails when it is bad."""

    def __init__(self, path, bad):
        self.path, self.bad = path, bad
        self.counts = {(variant, status): 0 for variant in ("on", "off") for status in (200, 500)}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = service.look().encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def look(self):
        targeting = json.loads(self.path.read_text())["flags"][NAME].get("targeting") or {}
        share = dict(targeting.get("fractional", [["on", 0]]))["on"] / 100
        failed = int(1000 * share / 3) if self.bad else 0
        for key, count in ((("on", 500), failed), (("on", 200), int(1000 * share) - failed), (("off", 200), int(1000 * (1 - share)))):
            self.counts[key] += count
        return "".join(f'requests_total{{variant="{variant}",status="{status}"}} {count}\n' for (variant, status), count in self.counts.items())


def written(path, variant="off"):
    path.write_text(json.dumps({"flags": {NAME: {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": variant}}}))
    return path


def rollout_of(path, **more):
    return {
        "flag": {"name": NAME, "path": str(path), "settle_seconds": 0, "hosts": ["localhost"]},
        "steps": [{"percent": 20, "seconds": 0}, {"percent": 100, "seconds": 0}],
        "metrics": [{"name": "failed requests", "kind": "ratio", "scrape": {"events": COUNTED + ',status=~"5.."}', "of": COUNTED + "}"}}],
        **more,
    }


def inventory(rollout):
    services = {"shop": {"engine": "application", "hosts": "live", "strategy": "feature_flag", "rollout": rollout}}
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {"all": {"hosts": {"localhost": host}, "children": {"live": {"hosts": {"localhost": {}}, "vars": {"evenkeel_services": services}}}}}


def placed(rollout):
    return {"provider": "flagd", **rollout["flag"], "on_failure": rollout.get("on_failure", "release")}


def is_off(path):
    found = json.loads(path.read_text())["flags"][NAME]
    rule = (found.get("targeting") or {}).get("if", [False])
    # As flagd reads it: nobody fits the condition, and what is behind it is for everybody, else the default.
    return rule[0] is False and (rule[2:] or [None])[0] in ("off", None) and "off" in (*rule[2:], found["defaultVariant"])


def entries(run):
    return [entry for entry in open_store(f"sqlite:///{run.state_dir / 'ledger.sqlite'}").entries() if entry.kind in ("flag", "step")]


def raise_it(playbook, tmp_path, *, bad, **more):
    path = written(tmp_path / "flags.json")
    service = Service(path, bad)
    rollout = rollout_of(path, **more)
    ports = {"blue": service.server.server_port, "green": service.server.server_port}
    item = {"service": "shop", "release": "2", "idle": "green", "balancer": [], "hosts": {"localhost": {"address": "127.0.0.1", "ports": ports}}}
    variables = {
        "deploy_item": {**item, "flag": placed(rollout)},
        "__deploy_rollout": rollout,
        "__deploy_flag_steps": "{{ __deploy_rollout | evenkeel.release.flag_steps }}",
        "__deploy_flag_pool": "",
    }
    tasks = [
        # A step is taken by the run that has the environment, and by no other.
        {"name": "Take the lease", "evenkeel.release.lease": {"name": "environment/live"}},
        {"name": "Raise", "include_role": {"name": "evenkeel.release.deploy", "tasks_from": "flag"}, "vars": variables},
        {"name": "Tell", "debug": {"msg": "{{ deploy_stays_dark | default([]) }}"}},
    ]
    try:
        return path, playbook([{**HEAD, "tasks": tasks}], inventory=inventory(rollout))
    finally:
        service.server.shutdown()


def test_a_flag_is_raised_step_by_step(playbook, tmp_path):
    path, run = raise_it(playbook, tmp_path, bad=False)
    assert run.rc == 0, run.stdout
    assert json.loads(path.read_text())["flags"][NAME]["targeting"] == {"fractional": [["on", 100], ["off", 0]]}
    found = entries(run)
    assert [entry.body["percentage"] for entry in found if entry.kind == "flag" and entry.phase == "outcome"] == [20, 100]
    judged = [entry.body["judgement"] for entry in found if entry.kind == "step" and entry.phase == "outcome"]
    assert [one["verdict"] for one in judged] == ["passed", "passed"]


@pytest.mark.parametrize(("on_failure", "stays"), [("release", False), ("flag_only", True)])
def test_a_bad_step_lowers_the_flag_before_the_ledger_is_told_why(playbook, tmp_path, on_failure, stays):
    path, run = raise_it(playbook, tmp_path, bad=True, on_failure=on_failure)
    assert (run.rc == 0) == stays, run.stdout
    assert is_off(path)
    told = [(entry.kind, entry.phase, entry.body.get("percentage")) for entry in entries(run)]
    assert told == [
        ("step", "intent", None),
        ("flag", "intent", 20),
        ("flag", "outcome", 20),
        ("flag", "intent", 0),
        ("flag", "outcome", 0),
        ("step", "outcome", None),
    ]
    assert entries(run)[-1].body["judgement"]["verdict"] == "failed"
    if stays:
        assert "failed requests" in run.result("Tell")["msg"][0]["reason"]


def test_what_cannot_be_lowered_is_told_and_holds_up_nothing(playbook, tmp_path):
    good, missing = written(tmp_path / "good.json", "on"), tmp_path / "missing.json"
    flags = [{"name": NAME, "provider": "flagd", "path": str(path), "hosts": ["localhost"]} for path in (missing, good)]
    include = {"name": "evenkeel.release.deploy", "tasks_from": "flag_lower"}
    tasks = [
        {"name": "Lower", "include_role": include, "vars": {"deploy_lower_services": [{"service": "shop", "release": "2", "previous": "1", "lower": flags}]}},
        {"name": "Tell", "debug": {"msg": "{{ deploy_flags_left }}"}},
    ]
    run = playbook([{**HEAD, "tasks": tasks}], inventory=inventory(rollout_of(good)))
    assert run.rc == 0, run.stdout
    left = run.result("Tell")["msg"]
    assert [one["phase"] for one in left] == [f"flag {NAME}"]
    assert str(missing) in left[0]["reason"]
    assert is_off(good)
    assert [entry.body["verdict"] for entry in entries(run) if entry.phase == "outcome"] == ["failed", "passed"]


@pytest.mark.parametrize(("variant", "refused"), [("off", False), ("on", True)])
def test_only_what_is_dark_goes_out_and_what_has_done_its_work_is_told(playbook, tmp_path, variant, refused):
    path = written(tmp_path / "flags.json", variant)
    rollout = rollout_of(path)
    rows = [{**placed(rollout), "service": "shop", "host": "localhost"}]
    tasks = [
        {"name": "Look for stale ones", "include_role": {"name": "evenkeel.release.deploy", "tasks_from": "flags_stale"}},
        {"name": "Look", "include_role": {"name": "evenkeel.release.deploy", "tasks_from": "flag_dark"}, "vars": {"deploy_dark_places": rows}},
    ]
    run = playbook([{**HEAD, "tasks": tasks}], inventory=inventory(rollout))
    assert (run.rc != 0) == refused, run.stdout
    assert ("is on for 100 %" in run.stdout) == refused
    assert "nobody knows since when" in run.stdout
