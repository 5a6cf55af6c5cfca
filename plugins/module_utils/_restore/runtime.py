# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs, beside what lies on disk: whether a unit is enabled and active, and the value of a kernel setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Broken, Item, Refused, kind_of

Run = Callable[[Sequence[str]], tuple[int, str]]
UNITS = ("service", "timer")
KINDS = (*UNITS, "sysctl")
ENABLED = {"enabled": "enable", "disabled": "disable", "masked": "mask"}
ACTIVE = {"active": "start", "inactive": "stop"}
# What brings the others back, for the one who reads the refusal.
NEXT = {
    "config": "Apply the role that owns the file (drift.repair_role).",
    "package": "Install or remove that version with the role that owns the packages.",
    "packaged": "Install the package again (apt-get install --reinstall, dnf reinstall).",
    "user": "Apply the role that owns the accounts; password hashes are in no baseline.",
    "group": "Apply the role that owns the accounts.",
    "sudo": "Name its file in the paths of the baseline, then file:/etc/sudoers.d/... is restored.",
    "key": "Name authorized_keys in the paths of the baseline, then the file is restored.",
    "cron": "Name the crontab in the paths of the baseline, then the file is restored.",
    "port": "See which program listens and restore its unit or its configuration.",
    "mount": "Mount it by hand, or restore file:/etc/fstab.",
    "cmdline": "It takes a new boot with the boot loader's configuration restored.",
    "certificate": "Issue or copy it from where it comes; private keys are in no baseline.",
    "container": "Deploy the container again by its digest.",
    "image": "Pull the image again by its digest.",
    "firewall": "Restore the file that the rules are loaded from, then load it.",
    "hosts": "Name /etc/hosts in the paths of the baseline, then the file is restored.",
    "resolver": "Name its file in the paths of the baseline, then the file is restored.",
    "hostname": "Name /etc/hostname in the paths of the baseline, then the file is restored; hostnamectl sets it at once.",
    "locale": "Name its file in the paths of the baseline, then the file is restored.",
    "time": "Name its file in the paths of the baseline, then the file is restored.",
    "custom": "Only who wrote the command knows how.",
}


def commands(key: str, item: Optional[Item], now: Optional[Item]) -> list[list[str]]:
    """What makes it as it was; Refused when that is not exact. The kernel's settings are commands of one word and its value."""
    kind, name = kind_of(key), key.partition(":")[2]
    if kind not in KINDS:
        raise Refused(f"a {kind} is not restored from a baseline", NEXT.get(kind, "Restore it by hand."))
    if item is None or now is None:
        what = "was not there" if item is None else "is not there now"
        raise Refused(f"it {what}, and only its file can be made or removed", "Restore the file of it, or its package.")
    for side in (item, now):
        if side.get("unknown") or side.get("secret"):
            raise Refused("its state is not in the baseline, or cannot be read now", "Restore it by hand.")
    return _sysctl(name, item, now) if kind == "sysctl" else _unit(name, item, now)


def unit_differs(item: Optional[Item], now: Optional[Item]) -> bool:
    return bool(item and now and item.get("unit") != now.get("unit"))


def _sysctl(name: str, item: Item, now: Item) -> list[list[str]]:
    return [] if item.get("value") == now.get("value") else [["sysctl", name, str(item["value"])]]


def _unit(name: str, item: Item, now: Item) -> list[list[str]]:
    argvs = []
    if item.get("enabled") != now.get("enabled"):
        wanted = str(item.get("enabled"))
        if wanted not in ENABLED or (now.get("enabled") not in ENABLED):
            raise Refused(f"its enablement is {now.get('enabled')} and was {wanted}; only enabled, disabled and masked are set", "Restore the unit's file.")
        if now.get("enabled") == "masked":
            argvs.append(["systemctl", "unmask", name])
        argvs.append(["systemctl", ENABLED[wanted], name])
    if item.get("active") != now.get("active"):
        wanted = str(item.get("active"))
        if wanted not in ACTIVE:
            raise Refused(f"it was {wanted}, and no one wants that back", "Take a new baseline when it is well.")
        argvs.append(["systemctl", ACTIVE[wanted], name])
    return argvs


def perform(argv: Sequence[str], *, run: Run, proc: str = "/proc/sys") -> None:
    if argv[0] == "sysctl":
        _write_setting(argv[1], argv[2], proc)
        return
    code, said = run(argv)
    if code != 0:
        raise Broken(f"{' '.join(argv)} failed with code {code}: {said.strip()[:300]}")


def _write_setting(name: str, value: str, proc: str) -> None:
    # A name with / in a part (an interface eth0.1) is written with / for . and . for /, as sysctl does.
    path = f"{proc}/" + (name if "/" in name else name.replace(".", "/"))
    if ".." in path.split("/"):
        raise Broken(f"sysctl:{name} is no kernel setting")
    try:
        with open(path, "w", encoding="ascii") as stream:
            stream.write(value + "\n")
        with open(path, encoding="ascii") as stream:
            found = " ".join(stream.read().split())
    except (OSError, UnicodeError) as exc:
        raise Broken(f"sysctl:{name} cannot be set ({getattr(exc, 'strerror', None) or type(exc).__name__})") from exc
    if found != " ".join(value.split()):
        raise Broken(f"sysctl:{name} was set and reads {found} afterwards")


def states(keys: Sequence[str], collect: Callable[[str, Sequence[str]], Mapping[str, Any]]) -> dict[str, Optional[Item]]:
    """The items of these keys as they are now; `collect(collector, names)` asks one collector."""
    found: dict[str, Any] = {}
    kinds = {kind_of(key) for key in keys}
    if kinds & {*UNITS}:
        found.update(collect("services", []))
    if "sysctl" in kinds:
        found.update(collect("sysctl", [key.partition(":")[2] for key in keys if kind_of(key) == "sysctl"]))
    return {key: found.get(key) for key in keys}
