# SPDX-License-Identifier: GPL-3.0-or-later
"""Units and kernel settings: which commands, what is refused, and that a setting is read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._restore import module, restore, runtime
from ansible_collections.evenkeel.release.plugins.module_utils._restore.journal import Journal
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Broken, Refused
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import registry

ON = {"enabled": "enabled", "active": "active", "unit": "1"}
OFF = {"enabled": "disabled", "active": "inactive", "unit": "1"}


@pytest.mark.parametrize(
    ("key", "item", "now", "expected"),
    [
        ("service:x.service", ON, ON, []),
        ("service:x.service", ON, OFF, [["systemctl", "enable", "x.service"], ["systemctl", "start", "x.service"]]),
        ("timer:x.timer", OFF, ON, [["systemctl", "disable", "x.timer"], ["systemctl", "stop", "x.timer"]]),
        ("service:x.service", ON, {**ON, "enabled": "masked"}, [["systemctl", "unmask", "x.service"], ["systemctl", "enable", "x.service"]]),
        ("service:x.service", {**ON, "enabled": "masked"}, ON, [["systemctl", "mask", "x.service"]]),
        ("sysctl:net.ipv4.ip_forward", {"value": "0"}, {"value": "1"}, [["sysctl", "net.ipv4.ip_forward", "0"]]),
        ("service:x.service", {**ON, "enabled": "static"}, ON, "only enabled, disabled and masked"),
        ("service:x.service", {**ON, "active": "failed"}, ON, "no one wants that back"),
        ("service:x.service", None, ON, "was not there"),
        ("service:x.service", ON, None, "is not there now"),
        ("sysctl:x", {"value": "0"}, {"unknown": "denied"}, "not in the baseline, or cannot be read"),
        ("package:deb/openssl:amd64", {"version": "1"}, {"version": "2"}, "a package is not restored"),
    ],
)
def test_commands(key: str, item: Any, now: Any, expected: Any) -> None:
    if isinstance(expected, list):
        assert runtime.commands(key, item, now) == expected
    else:
        with pytest.raises(Refused, match=expected):
            runtime.commands(key, item, now)


def test_every_kind_of_a_snapshot_is_restored_or_refused_with_a_next_step() -> None:
    assert not {*registry.KIND_OF} - {"file", *runtime.KINDS, *runtime.NEXT}


def test_a_setting_is_written_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/forward").write_text("1\n")
    runtime.perform(["sysctl", "net.forward", "0"], run=lambda argv: (1, ""), proc=str(tmp_path))
    assert (tmp_path / "net/forward").read_text() == "0\n"
    for name, said in (("net.gone.x", "cannot be set"), ("../../etc/passwd", "no kernel setting")):
        with pytest.raises(Broken, match=said):
            runtime.perform(["sysctl", name, "0"], run=lambda argv: (1, ""), proc=str(tmp_path))
    (tmp_path / "net/stubborn").symlink_to("/dev/null")
    with pytest.raises(Broken, match="reads  afterwards"):
        runtime.perform(["sysctl", "net.stubborn", "0"], run=lambda argv: (1, ""), proc=str(tmp_path))


def test_a_failed_command_tells_what_is_done_and_what_not(tmp_path: Path) -> None:
    (tmp_path / "motd").write_text("edited")
    ran: list[Any] = []

    def run(argv: Any) -> tuple[int, str]:
        ran.append(list(argv))
        return 1, "Access denied"

    site = restore.Site(collect=lambda name, keys: {"service:x.service": OFF}, run=run)
    wanted = {"service:x.service": ON, f"file:{tmp_path}/motd": None}
    plan = restore.plan(wanted, available=[], remove_added=True, site=site)
    with pytest.raises(Broken, match="Access denied") as told:
        restore.perform(plan, {}, journal=journal(tmp_path), site=site)
    assert f"Restored before it: file:{tmp_path}/motd; not restored: service:x.service" in str(told.value)
    assert ran == [["systemctl", "enable", "x.service"]]


def test_a_restored_unit_is_loaded_before_its_state_is_set(tmp_path: Path) -> None:
    ran: list[Any] = []
    site = restore.Site(collect=lambda name, keys: {"service:x.service": {**OFF, "unit": "2"}}, run=lambda argv: ran.append(list(argv)) or (0, ""))
    alone = restore.plan({"service:x.service": ON}, available=[], remove_added=False, site=site)
    assert "the text of its unit differs" in alone.refused["service:x.service"].reason
    key = f"file:{tmp_path}/x.service"
    (tmp_path / "x.service").write_text("")
    folders = restore.UNIT_FOLDERS
    restore.UNIT_FOLDERS = (f"file:{tmp_path}/",)
    try:
        plan = restore.plan({"service:x.service": ON, key: None}, available=[], remove_added=True, site=site)
        assert restore.perform(plan, {}, journal=journal(tmp_path), site=site) == [key, "service:x.service"]
    finally:
        restore.UNIT_FOLDERS = folders
    assert ran[0] == ["systemctl", "daemon-reload"]
    assert len(ran) == 3


def test_a_collector_that_cannot_look_stops_it() -> None:
    params = {
        "items": {"service:x.service": ON}, "available": [], "remove_added": False, "on_refused": "skip", "secret_files": [],
        "fingerprint_key": "", "journal_dir": None, "max_diff": 1, "contents_file": None,
    }  # fmt: skip
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs here")
    result = module.restore(params, run=lambda argv: (0, ""), label=lambda path: None, check_mode=True, diff=False)
    assert result["failed"]
    assert "systemd does not run here" in result["msg"]


def journal(folder: Path) -> Journal:
    made = Journal(str(folder / "journal"))
    made.lock()
    return made
