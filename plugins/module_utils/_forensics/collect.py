# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All parts of a bundle, the small and telling ones first. None of them can fail the others, nor hold them up."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._forensics import files, host, known
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.bundle import Bundle, member
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.files import Absent
from ansible_collections.evenkeel.release.plugins.module_utils._forensics.mask import Mask
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import ports
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.patterns import Globs
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import WHOLE_SECRETS

CONFIG_SIZE = 1 << 20
MOST_FILES = 50
EACH = 10.0  # seconds that one part may take


class Wanted(NamedTuple):
    """What a bundle is made of; `lines` and `size` bound each log."""

    service: str
    since: float
    logs: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    root: str = ""
    units: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    supervisor_dir: str = ""
    given: Mapping[str, Any] = {}
    lines: int = 2000
    size: int = 1 << 20
    most: int = 16 << 20
    deadline: float = 30.0


class Part(NamedTuple):
    name: str
    source: str
    # (text, bytes there were or None, whether it is cut); raises Absent
    read: Callable[[], tuple[str, Optional[int], bool]]


def collect(wanted: Wanted, mask: Mask, *, reach: Optional[Host] = None, clock: Callable[[], float] = time.monotonic) -> Bundle:
    ends = clock() + wanted.deadline
    made = Bundle(most=wanted.most)
    reach = reach or Host()

    def within(read: Callable[[], list[Any]], what: str) -> list[Any]:
        found = _within(read, min(EACH, ends - clock()))
        if isinstance(found, Absent):
            made.lack(what, what, state=found.state, reason=str(found))
            return []
        return list(found)

    # First, so that what it gives away is hidden in all that comes after.
    pids = within(lambda: _pids(wanted, reach), "the processes of the service")
    config = within(lambda: files.matching(wanted.config, most=MOST_FILES), "config")
    logs = within(lambda: files.matching(wanted.logs, most=MOST_FILES), "logs")
    mask.learn(within(lambda: _secrets(wanted, pids, config, reach), "the secrets of the service"))
    for part in [*_states(wanted, mask, pids, reach), *_configs(config, mask), *_logs(wanted, mask, logs, reach)]:
        found = _within(part.read, min(EACH, ends - clock()))
        if isinstance(found, Absent):
            made.lack(part.name, part.source, state=found.state, reason=str(found))
        else:
            text, available, cut = found  # pylint: disable=unpacking-non-sequence
            made.add(part.name, part.source, text, available=available, cut=cut)
    return made


def _within(read: Callable[[], Any], seconds: float) -> Any:
    """What it gives, or an Absent that says why not.

    In a thread of its own: a file on a dead network file system cannot be waited for, and a daemon does not keep the process.
    """
    if seconds <= 0:
        return Absent("timed_out", "no time was left for it")
    answers: list[Any] = []

    def work() -> None:
        try:
            answers.append(read())
        except Absent as exc:
            answers.append(exc)
        except Exception as exc:  # its text may quote what was read
            answers.append(Absent("failed", f"reading it broke ({type(exc).__name__})"))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else Absent("timed_out", f"it took longer than {seconds:.3g} s")


def _states(wanted: Wanted, mask: Mask, pids: list[int], reach: Host) -> Iterator[Part]:
    """Small ones, in when time or room end."""

    def part(name: str, source: str, read: Callable[..., Any], *args: Any) -> Part:
        return Part(name, source, lambda: (json.dumps(mask.data(read(*args)), indent=2, sort_keys=True) + "\n", None, False))

    disks = ["/", tempfile.gettempdir(), "/var/log", *filter(None, [wanted.root, wanted.supervisor_dir])]
    yield part("host/resources.json", "/proc, statvfs", host.resources, disks)
    yield part("host/processes.json", "/proc", host.processes, pids)
    yield part("host/ports.json", "/proc/net", ports.collect, {}, reach)
    if wanted.root:
        yield part("release/pointers.json", wanted.root, host.pointers, wanted.root)
    for name, value in sorted(wanted.given.items()):
        yield part(member("given", f"{name}.json"), f"given as {name}", lambda value: value, value)
    for name in wanted.units:
        yield part(member("systemd", f"{name}.json"), f"systemctl show {name}", _unit, reach, name)
    for name in wanted.programs:
        yield part(member("supervisor", f"{name}.json"), f"supervisord of {wanted.supervisor_dir}", host.program, wanted.supervisor_dir, name)


def _configs(paths: list[str], mask: Mask) -> Iterator[Part]:
    keys = Globs(WHOLE_SECRETS)

    def read(path: str) -> tuple[str, int, bool]:
        if keys(os.fsencode(path)):
            raise Absent("skipped", f"{path} is a secret as a whole")
        taken = files.whole(path, size=CONFIG_SIZE)
        return mask.text(taken.text, config=True), taken.available, taken.cut

    return (Part(member("config", path), path, partial(read, path)) for path in paths)


def _logs(wanted: Wanted, mask: Mask, paths: list[str], reach: Host) -> Iterator[Part]:
    def read(path: str) -> tuple[str, int, bool]:
        taken = files.tail(path, lines=wanted.lines, size=wanted.size)
        return mask.text(taken.text), taken.available, taken.cut

    def journal(unit: str) -> tuple[str, None, bool]:
        rows = host.journal(reach, unit, since=wanted.since, lines=wanted.lines, timeout=EACH)
        kept, cut = files.cut_lines(rows, lines=wanted.lines, size=wanted.size)
        return "".join(f"{row}\n" for row in mask.lines(kept)), None, cut or len(rows) >= wanted.lines

    own = [os.path.join(wanted.supervisor_dir, "log", f"{name}.log") for name in wanted.programs]
    own += [os.path.join(wanted.supervisor_dir, "supervisord.log")] if wanted.programs else []
    yield from (Part(member("supervisor", os.path.basename(path)), path, partial(read, path)) for path in own)
    yield from (Part(member("journal", f"{unit}.txt"), f"journalctl -u {unit}", partial(journal, unit)) for unit in wanted.units)
    yield from (Part(member("logs", path), path, partial(read, path)) for path in paths)
    yield Part("journal/kernel.txt", "journalctl -k", partial(journal, ""))


def _unit(reach: Host, name: str) -> dict[str, str]:
    return host.unit(reach, name, timeout=EACH)


def _pids(wanted: Wanted, reach: Host) -> list[int]:
    found: list[int] = []
    for name in wanted.programs:
        found += sv.orphans(os.path.abspath(wanted.supervisor_dir), name)
    for name in wanted.units:
        try:
            found += host.pids_of_unit(_unit(reach, name))
        except Absent:
            continue
    return sorted(set(found))


def _secrets(wanted: Wanted, pids: list[int], config: list[str], reach: Host) -> list[str]:
    """Also of programs that run no more: how they are started is written down."""
    found = known.of_environment(pids)
    for name in wanted.programs:
        found += known.of_script(sv.read_text(os.path.join(wanted.supervisor_dir, "launch", f"{name}.sh")) or "")
    for name in wanted.units:
        found += known.of_script(host.unit_environment(reach, name, timeout=EACH))
    for path in config:
        try:
            found += known.of_config(path, files.whole(path, size=CONFIG_SIZE).text)
        except Absent:
            continue
    return found
