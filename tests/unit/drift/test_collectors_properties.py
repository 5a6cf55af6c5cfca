# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is in a file: items or a reason, the same ones each time, as plain JSON without what must not be shown."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import cron, mounts, packaged, packages, ports, services, sysctl, users
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown
from ansible_collections.evenkeel.release.tests.unit.drift.hosts import make
from hypothesis import given, settings
from hypothesis import strategies as st

# Texts of the formats' own words, which come further than random ones, and bytes of any kind.
WORDS = [
    *" \t\n\n:=,#@\\\"'*/-%!+~[]()",
    *("\r\n", "\0", "\u2028", "\x85", "é", "\udcff", "root", "0", "18446744073709551616", "x", "-1", "ALL", "NOPASSWD:", "@include", "#includedir", "/etc/x"),
    *("Package: a\n", "Status: install ok installed\n", "Version: 1\n", "Architecture: all\n", "Conffiles:\n", " /etc/a 0123456789abcdef0123456789abcdef\n"),
    *("0123456789abcdef0123456789abcdef  ", "path-exclude=", "ssh-rsa ", "AAAAB3NzaC1yc2E", "command=", "AuthorizedKeysFile ", "Match ", "%h"),
    *("* * * * *", "@daily", "PATH=", "0100007F:0016", "0A", " - ", "ext4 ", "\\040", "[Install]\n", "WantedBy=", "Alias=", "DefaultInstance="),
    *("missing   ", "S.5....T.  c ", "(none)"),
]
TEXT = st.one_of(st.lists(st.sampled_from(WORDS), max_size=30).map(lambda words: "".join(words).encode("utf-8", "surrogatepass")), st.binary(max_size=60))
FILES = {
    users: ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers", "/etc/ssh/sshd_config"],
    cron: [
        "/etc/crontab",
        "/etc/anacrontab",
        "/etc/cron.d/a",
        "/etc/cron.daily/a",
        "/var/spool/cron/a",
        "/var/spool/cron/atjobs/a0000101c9ab12",
        "/etc/at.deny",
    ],
    packages: ["/var/lib/dpkg/status", "/srv/x.dist-info/METADATA", "/srv/x.dist-info/direct_url.json", "/srv/node_modules/y/package.json"],
    packaged: ["/var/lib/dpkg/status", "/var/lib/dpkg/info/a.list", "/var/lib/dpkg/info/a.md5sums", "/var/lib/dpkg/diversions", "/etc/dpkg/dpkg.cfg"],
    services: ["/run/systemd/system/a.service", "/etc/systemd/system/b@.timer", "/etc/systemd/system/a.service.d/c.conf"],
    sysctl: ["/proc/sys/kernel/a", "/proc/cmdline"],
    mounts: ["/proc/self/mountinfo"],
    ports: ["/proc/net/tcp", "/proc/net/udp6", "/etc/passwd"],
}
OPTIONS = {"package_trees": ["/srv"]}


@pytest.mark.parametrize("module", FILES, ids=lambda module: module.NAME)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_file_is_items_or_a_reason(module, data):
    said = data.draw(TEXT).decode("utf-8", "replace")
    files = {path: data.draw(TEXT) for path in FILES[module]}
    with tempfile.TemporaryDirectory() as folder:
        host = make(Path(folder), {"/run/systemd/system": None, "/var/lib/dpkg/info": None, **files}, tools={"systemctl": said, "rpm": said})
        answers = []
        for _look in range(2):
            try:
                answers.append(module.collect(OPTIONS, host))
            except Unknown as exc:
                answers.append(str(exc))
    assert answers[0] == answers[1]
    assert folder not in str(answers[0])
    if isinstance(answers[0], dict):
        assert {key.partition(":")[0] for key in answers[0]} <= set(module.KINDS)
        assert all(isinstance(item, dict) and item for item in answers[0].values())
        assert all(key.encode() and not set(key) & set("\n\r\0") for key in answers[0])
        json.dumps(answers[0], ensure_ascii=False).encode()


@given(TEXT.map(lambda data: data.decode("utf-8", "replace")))
def test_what_tools_say_is_items_whatever_it_is(text):
    lines = text.splitlines()
    assert all(key.startswith("package:rpm/") for key in packages.rpm(lines))
    assert all(key.startswith("packaged:/") for key in packaged.rpm(lines, None))
    assert set(services.states(lines).values()) <= {"active", "inactive", "failed"}
