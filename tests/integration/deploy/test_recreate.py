# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot run twice is replaced on all its hosts at once, behind a page; in the order in which it happens."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request

import pytest

from .lab import Lab

QUIET = {"deploy_bake": False, "deploy_rehearse": False}


@pytest.fixture(scope="module")
def lab():
    def with_migrations(text):
        migrate = next(line.partition("migrate: ")[2] for line in text.splitlines() if "  migrate: " in line)
        return text.replace(f"migrate: {migrate}", f'migrations: {{tool: command, command: {migrate}, chdir: "{{release_dir}}"}}')

    with Lab() as made:
        made.declare("recreate")
        made.edit("shop_environments", with_migrations)
        made.provision()
        made.must("deploy", evenkeel_version="1.0.0", **QUIET)
        yield made


class Visitor:
    """Asks again and again; `seen` has each (status, Retry-After) once, in order."""

    def __init__(self, lab):
        self.url = f"{lab.url}/version"
        self.seen = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._visit)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.over.set()
        self.thread.join(30)

    def _visit(self):
        while not self.over.is_set():
            try:
                with urllib.request.urlopen(self.url, timeout=5) as answer:
                    found = (answer.status, None)
            except urllib.error.HTTPError as exc:
                found = (exc.code, exc.headers.get("Retry-After"))
            except OSError as exc:
                found = (0, str(exc))
            if not self.seen or self.seen[-1] != found:
                self.seen.append(found)
            time.sleep(0.01)


def test_users_meet_a_page_and_then_the_new_release(lab):
    lab.assert_settled("1.0.0")
    with Visitor(lab) as visitor:
        lab.must("deploy", evenkeel_version="1.1.0", deploy_retry_after=7, **QUIET)
    # Nothing but the page in between: no refused connection, no answer of a balancer that has nobody.
    assert visitor.seen == [(200, None), (503, "7"), (200, None)]
    lab.assert_settled("1.1.0")


def test_the_schema_was_expanded_once_for_each_release(lab):
    found = lab.entries(kind="migration", phase="outcome")
    assert [(entry.release, entry.body["phase"], entry.body["verdict"]) for entry in found] == [("1.0.0", "expand", "passed"), ("1.1.0", "expand", "passed")]


def test_killed_behind_the_page_then_recovered(lab):
    lab.killed("deploy", at="See how the hosts came through", evenkeel_version="1.0.0", **QUIET)
    with pytest.raises(urllib.error.HTTPError) as closed:
        lab.served()
    assert closed.value.code == 503
    lab.must("recover")
    lab.assert_settled("1.1.0")
