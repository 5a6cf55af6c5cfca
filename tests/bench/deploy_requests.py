# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that rolling deployments of four hosts lose, by the real playbook, with users of both kinds of connection all the time."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ..integration.deploy.light import RELEASES, Light
from ._load import Native, load

if TYPE_CHECKING:
    from ..integration.traffic.load import Load, Seen
    from ._runner import Bench

DEPLOYMENTS, AT_MOST_SECONDS = 10, 600.0
# Zone after zone, two hosts at once; each batch serves for a second before the next one.
ROLLOUT = {"batches": ["zone"], "min_healthy": "50%", "watch": {"seconds": 1, "max_error_rate": 0}}
KINDS = (("keep-alive", True), ("close", False))


def run(bench: Bench) -> None:
    lab = Light(rollout=ROLLOUT)
    try:
        lab.must("provision")
        lab.must("deploy", evenkeel_version="1.0.0")
        _deployments(bench, lab)
        _control(bench, lab)
    finally:
        lab.close()


def _users(bench: Bench, lab: Light, *, keep_alive: bool) -> Native | Load:
    return load(bench, lab.port, keep_alive=keep_alive, pause=0.01, bodies=tuple(RELEASES.values()))


def _deployments(bench: Bench, lab: Light) -> None:
    """On a machine that is too slow fewer are made; the rows say how many."""
    seconds: list[float] = []
    with _users(bench, lab, keep_alive=True) as kept, _users(bench, lab, keep_alive=False) as closed:
        while len(seconds) < DEPLOYMENTS and sum(seconds) < AT_MOST_SECONDS:
            version = ("1.1.0", "1.0.0")[len(seconds) % 2]
            began = time.monotonic()
            lab.must("deploy", evenkeel_version=version)
            seconds.append(time.monotonic() - began)
            bench.say(f"deploy_requests: deployment {len(seconds)}, to {version}: {seconds[-1]:.1f} s")
            if set(lab.current().values()) != {version}:
                raise RuntimeError(f"deployment {len(seconds)} ended on {lab.current()}, wanted is {version}")
    for (kind, _keep_alive), users in zip(KINDS, (kept, closed)):
        _told(bench, kind, len(seconds), users.seen)
    bench.say(f"deploy_requests: a deployment took {statistics.median(seconds):.1f} s, the longest {max(seconds):.1f} s")


def _told(bench: Bench, kind: str, made: int, seen: Seen) -> None:
    if len(set(seen.letter)) < 2:
        raise RuntimeError("only one release ever answered, so nothing was proved")
    bench.row(f"lost of {len(seen.began)}, {made} rolling deployments, {kind}", ours=seen.failed, reference=len(seen.began), bar=0, unit="")
    letters = dict(Counter(chr(letter) for letter in seen.letter))
    bench.say(f"deploy_requests: {kind}: {dict(seen.reasons) or 'no failure'}; {seen.reconnects} connections ended by the other side; answers {letters}")


def _control(bench: Bench, lab: Light) -> None:
    """Killed with requests under way, as a deployment without a drain would: these users do notice.

    The processes stand still for a moment before, since on a fast machine none of them may be at work when the signal comes.
    """
    for kind, keep_alive in KINDS:
        with _users(bench, lab, keep_alive=keep_alive) as users:
            time.sleep(0.5)
            serving = served_by(lab)
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in serving:
                    os.kill(pid, number)
                time.sleep(0.1)
            time.sleep(1)
        bench.row(f"lost when hosts are killed undrained (control), {kind}", ours=users.seen.failed, reference=1, bar=1, better="higher", unit="")
        bench.say(f"deploy_requests: killed undrained, {kind}: {dict(users.seen.reasons)}")
        time.sleep(3)  # the supervisor starts them again


def served_by(lab: Light) -> list[int]:
    """The processes of the service: their command names a file below a release."""
    found = []
    for place in os.listdir("/proc"):
        if place.isdigit():
            try:
                words = Path("/proc", place, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.startswith(bytes(lab.state)) and word.endswith(b"/shop.cfg") for word in words):
                found.append(int(place))
    return found
