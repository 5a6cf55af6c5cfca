# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.prometheus import Prometheus

BEGAN = 1_800_000_000  # 2027-01-15T08:00:00Z
STEP, STEPS = 15, 40


def history(since: int = 0) -> str:
    """Ten minutes of a canary that fails in 12 % of its requests and is half as slow again, and of its baseline. In OpenMetrics.

    The canary's counter of errors appears with its first error only, and one of its two instances starts anew in the middle. With `since` nothing was
    read before that step, which `up` tells.
    """
    requests, errors, p95 = [], [], []
    for number in range(since, STEPS + 1):
        at = BEGAN + STEP * number
        restarted = number - 20 if number >= 20 else number
        for track, instance, asked, failed in (
            ("canary", "c1", 50 * number, 6 * number),
            ("canary", "c2", 50 * restarted, 6 * restarted),
            ("baseline", "b1", 100 * number, number // 10),
        ):
            labels = f'track="{track}",instance="{instance}"'
            requests.append(f"http_requests_total{{{labels}}} {asked} {at}")
            if failed:
                errors.append(f"http_errors_total{{{labels}}} {failed} {at}")
        wave = number * 7 % 10 / 100
        p95 += [f'p95_seconds{{track="canary"}} {0.3 + wave} {at}', f'p95_seconds{{track="baseline"}} {0.2 + wave} {at}']
    kinds = [("http_requests", "counter", requests), ("http_errors", "counter", errors), ("p95_seconds", "gauge", p95)]
    if since:
        kinds.append(("up", "gauge", [f'up{{instance="b1"}} 1 {BEGAN + STEP * number}' for number in range(since, STEPS + 1)]))
    return "\n".join(line for name, kind, lines in kinds for line in [f"# TYPE {name} {kind}", *lines]) + "\n# EOF\n"


@pytest.fixture(scope="module")
def prometheus() -> Iterator[str]:
    """A real one with that history."""
    server = Prometheus(history())
    yield server.url
    server.stop()


@pytest.fixture
def judged(playbook):
    """Runs one canary_judge per set of options, in one play; {name: result}. `fails` is how many of them must fail; the run goes on after each."""

    def run(*, check: bool = False, before: tuple = (), fails: int, **wanted):
        steps = [*before, *({"name": name, "evenkeel.release.canary_judge": options, "ignore_errors": True} for name, options in wanted.items())]
        done = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": steps}], check=check)
        assert (done.rc, done.stats["localhost"]["ignored"], done.changed) == (0, fails, 0), done.stdout + done.stderr
        return {name: done.result(name) for name in wanted}

    return run


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """One CSV with both releases."""
    path = tmp_path / "run.csv"
    rows = [f"{BEGAN + 60 * number},{version},{base + number * 7 % 10}" for number in range(60) for version, base in (("1.0.0", 20), ("1.1.0", 40))]
    path.write_text("\n".join(["time,version,p95", *rows]) + "\n")
    return path
