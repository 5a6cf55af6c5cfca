# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All collectors of the host, and one call that runs the chosen ones at once: most of them wait for a tool.

The imports are written out, because what is not imported by name does not travel to the node.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Protocol

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import (
    certificates,
    config,
    containers,
    cron,
    custom,
    firewall,
    mounts,
    packaged,
    packages,
    ports,
    services,
    sysctl,
    system,
    users,
)
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown


class Collector(Protocol):
    @property
    def NAME(self) -> str: ...

    @property
    def KINDS(self) -> tuple[str, ...]: ...

    def collect(self, options: Mapping[str, Any], host: Host) -> Items: ...


_ALL: tuple[Collector, ...] = (
    certificates,
    config,
    containers,
    cron,
    custom,
    firewall,
    mounts,
    packaged,
    packages,
    ports,
    services,
    sysctl,
    system,
    users,
)
# It forks, which processes with several threads must not.
_ALONE = frozenset({packaged.NAME})
COLLECTORS: dict[str, Collector] = {module.NAME: module for module in _ALL}
# Files are walked by a machinery of their own.
KIND_OF: dict[str, str] = {"file": "files", **{kind: module.NAME for module in _ALL for kind in module.KINDS}}


def gather(options: Mapping[str, Any], host: Host) -> tuple[dict[str, dict[str, Any]], Items]:
    """({collector: its state}, items) of the chosen collectors but `files`."""
    names = [name for name in dict.fromkeys(options["collectors"]) if name != "files"]
    answers: dict[str, tuple[dict[str, Any], Items]] = {}

    def work(name: str) -> None:
        answers[name] = _collect(name, options, host)

    threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in names if name not in _ALONE]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        if name in _ALONE:
            work(name)
    states = {name: answers[name][0] for name in names}
    return states, {key: item for name in names for key, item in answers[name][1].items()}


def _collect(name: str, options: Mapping[str, Any], host: Host) -> tuple[dict[str, Any], Items]:
    if name not in COLLECTORS:
        return {"state": "unknown", "reason": f"there is no collector {name}"}, {}
    try:
        return {"state": "read"}, COLLECTORS[name].collect(options, host)
    except Unknown as exc:
        return {"state": "unknown", "reason": str(exc)}, {}
    except Exception as exc:  # a fault of ours is not "nothing there"; its text may quote what was read
        return {"state": "unknown", "reason": f"the collector broke ({type(exc).__name__})"}, {}
