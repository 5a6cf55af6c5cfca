# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and timers of systemd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import services
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.units import Units, dropin_names
from ansible_collections.evenkeel.release.tests.unit.drift.hosts import make

WANTED = "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
STATIC = "[Service]\nExecStart=/bin/true\n# [Install]\n# WantedBy=no.target\n"
VENDOR, ETC = "/usr/lib/systemd/system", "/etc/systemd/system"
UNITS = {
    "/run/systemd/system": None,
    f"{VENDOR}/ssh.service": WANTED + "Alias=sshd.service\n",
    f"{ETC}/sshd.service": ("link", f"{VENDOR}/ssh.service"),
    f"{ETC}/multi-user.target.wants/ssh.service": ("link", f"{VENDOR}/ssh.service"),
    f"{VENDOR}/off.service": WANTED,
    f"{VENDOR}/static.service": STATIC,
    f"{VENDOR}/multi-user.target.wants/static.service": ("link", "../static.service"),
    f"{VENDOR}/masked.service": WANTED,
    f"{ETC}/masked.service": ("link", "/dev/null"),
    f"{ETC}/empty.service": "",
    f"{VENDOR}/also.service": "[Install]\nAlso=also.socket\n",
    f"{VENDOR}/getty@.service": WANTED + "DefaultInstance=tty1\n",
    f"{ETC}/getty.target.wants/getty@tty1.service": ("link", f"{VENDOR}/getty@.service"),
    f"{VENDOR}/db@.service": WANTED,
    f"{ETC}/multi-user.target.wants/db@main.service": ("link", f"{VENDOR}/db@.service"),
    f"{VENDOR}/root.service": STATIC,
    "/run/systemd/generator/local.target.wants/root.service": ("link", f"{VENDOR}/root.service"),
    "/run/systemd/generator/made.service": STATIC,
    "/run/systemd/transient/run-u12.service": STATIC,
    "/opt/own.service": WANTED,
    f"{ETC}/own.service": ("link", "/opt/own.service"),
    f"{ETC}/gone.service": ("link", "/opt/none.service"),
    f"{VENDOR}/night.timer": "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
    f"{ETC}/timers.target.wants/night.timer": ("link", f"{VENDOR}/night.timer"),
}
STATES = """\
ssh.service loaded active running OpenBSD Secure Shell server
getty@tty1.service loaded active running Getty on tty1
db@main.service loaded failed failed A database
night.timer loaded active waiting Night
off.service loaded activating auto-restart Off
named-by-others.service not-found inactive dead named-by-others.service
user@1000.service loaded active running User Manager for UID 1000
sshd@4-10.0.0.1:22-10.0.0.2:4.service loaded active running a connection
run-r0123456789abcdef0123456789abcdef.service loaded active running /bin/sleep
made.service loaded reloading reload made
"""


def place(tmp_path, units):
    """Links to whole paths lead into the tree, but for the one that masks."""
    inside = {path: ("link", str(tmp_path) + one[1]) if isinstance(one, tuple) and one[1].startswith("/opt") else one for path, one in units.items()}
    return make(tmp_path, inside, tools={"systemctl list-units": STATES})


def test_states(tmp_path):
    items = services.collect({}, place(tmp_path, UNITS))
    assert {key: (item["enabled"], item["active"]) for key, item in items.items()} == {
        "service:ssh.service": ("enabled", "active"),
        "service:sshd.service": ("alias", "active"),
        "service:off.service": ("disabled", "inactive"),
        "service:static.service": ("static", "inactive"),
        "service:masked.service": ("masked", "inactive"),
        "service:empty.service": ("masked", "inactive"),
        "service:also.service": ("indirect", "inactive"),
        "service:getty@.service": ("enabled", "inactive"),
        "service:getty@tty1.service": ("enabled", "active"),
        "service:db@.service": ("indirect", "inactive"),
        "service:db@main.service": ("enabled", "failed"),
        "service:root.service": ("enabled-runtime", "inactive"),
        "service:made.service": ("generated", "active"),
        "service:own.service": ("linked", "inactive"),
        "service:gone.service": ("bad", "inactive"),
        "timer:night.timer": ("enabled", "active"),
    }
    assert items["service:sshd.service"]["alias"] == "ssh.service"
    assert items["service:sshd.service"]["unit"] == items["service:ssh.service"]["unit"]


@pytest.mark.parametrize("name", ["ssh.service", "db@main.service", "night.timer"])
@pytest.mark.parametrize("folder", ["{name}.d", "{kind}.d"])
@pytest.mark.parametrize("top", ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system"])
def test_a_drop_in_changes_the_digest_of_its_unit(tmp_path, name, folder, top):
    host = place(tmp_path, UNITS)
    before = {one: Units(host).digest(one) for one in ("ssh.service", "db@main.service", "night.timer", "off.service")}
    kind = name.rpartition(".")[2]
    make(tmp_path, {f"{top}/{folder.format(name=name, kind=kind)}/10-own.conf": "[Unit]\nDescription=mine\n", f"{top}/{name}.d/notes.txt": "no drop-in"})
    after = {one: Units(host).digest(one) for one in before}
    touched = {one for one in before if before[one] != after[one]}
    assert touched == ({name} if folder == "{name}.d" else {one for one in before if one.endswith(kind)})


def test_of_two_drop_ins_with_one_name_the_administrator_s_counts(tmp_path):
    host = place(tmp_path, {**UNITS, f"{VENDOR}/ssh.service.d/a.conf": "vendor", f"{ETC}/ssh.service.d/a.conf": "own"})
    before = Units(host).digest("ssh.service")
    Path(host.path(f"{VENDOR}/ssh.service.d/a.conf")).write_text("vendor 2")
    assert Units(host).digest("ssh.service") == before
    os.unlink(host.path(f"{ETC}/ssh.service.d/a.conf"))
    assert Units(host).digest("ssh.service") != before


def test_the_administrator_s_file_hides_the_vendor_s(tmp_path):
    host = place(tmp_path, UNITS)
    before = Units(host).digest("ssh.service")
    make(tmp_path, {f"{ETC}/ssh.service": "[Service]\nExecStart=/bin/evil\n"})
    assert Units(host).digest("ssh.service") != before


def test_names_of_drop_in_folders():
    assert [*dropin_names("a-b-c@x.service")] == ["a-b-c@x.service", "a-b-c@.service", "a-b-.service", "a-.service", "service"]


def test_without_systemctl_it_is_unknown(tmp_path):
    with pytest.raises(services.Unknown, match="systemctl is not installed"):
        services.collect({}, make(tmp_path, {"/run/systemd/system": None}))
