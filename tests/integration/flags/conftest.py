# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.flags import unleash_api
from ansible_collections.evenkeel.release.tests.integration.flags.evaluator import Evaluator

TEXT = """{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "flags": {
    "checkout": {
      "state": "ENABLED",
      "variants": { "on": true, "off": false },
      "defaultVariant": "off"
    },
    "search": {
      "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on",
      "targeting": {"if": [{"==": [{"var": "tier"}, "beta"]}, "on", {"fractional": [["on", 10], ["off", 90]]}]}
    },
    "theme": {"state": "ENABLED", "variants": {"blue": "b", "green": "g"}, "defaultVariant": "blue"}
  }
}
"""


@pytest.fixture
def flag_file(tmp_path: Path) -> Path:
    path = tmp_path / "flags.json"
    path.write_text(TEXT)
    return path


@pytest.fixture
def evaluator(flag_file: Path) -> Iterator[Callable[..., Evaluator]]:
    running: list[Evaluator] = []

    def start(**options: Any) -> Evaluator:
        running.append(Evaluator(flag_file, **options))
        return running[-1]

    yield start
    for one in running:
        one.stop()


class Server:
    """A place on an Unleash server, and flag names that nobody had before."""

    def __init__(self, url: str, token: str, recorded: unleash_api.Recorded | None = None) -> None:
        self.recorded = recorded
        self.place = {"provider": "unleash", "url": url, "token": token, "environment": "development"}
        self.mark = uuid.uuid4().hex[:8]

    def flag(self, name: str) -> str:
        return f"{name}-{self.mark}"


@pytest.fixture(params=["recorded", "real"])
def unleash(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The real server is one that somebody has started: `npm install unleash-server` is too much for every run."""
    if request.param == "real":
        url, token = (os.environ.get(f"EVENKEEL_TEST_UNLEASH_{name}", "") for name in ("URL", "TOKEN"))
        if not url:
            pytest.skip("EVENKEEL_TEST_UNLEASH_URL and EVENKEEL_TEST_UNLEASH_TOKEN name no Unleash server")
        yield Server(url, token)
        return
    recorded = unleash_api.Recorded()
    yield Server(recorded.url, unleash_api.TOKEN, recorded)
    recorded.stop()


def play(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": f"t{number}", **task} for number, task in enumerate(tasks)]}]


def flags_of(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())["flags"])
