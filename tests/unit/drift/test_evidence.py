# SPDX-License-Identifier: GPL-3.0-or-later
"""What the evidence readers make of logs as Debian and Red Hat write them."""

from __future__ import annotations

import calendar
import gzip
import json
import os
import time

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._evidence import audit, logins, logs, packages, paths, sessions
from ansible_collections.evenkeel.release.plugins.module_utils._evidence.gather import gather
from ansible_collections.evenkeel.release.plugins.module_utils._evidence.places import places, words
from ansible_collections.evenkeel.release.plugins.module_utils._evidence.redact import redacted
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

NOW = calendar.timegm((2026, 11, 21, 12, 0, 0))
DAY = 86400.0


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def host(tmp_path):
    return Host(root=str(tmp_path))


def write(host, path, text):
    place = host.path(path)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with (gzip.open if path.endswith(".gz") else open)(place, "wb") as stream:
        stream.write(text.encode())
    os.utime(place, (NOW, NOW))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-21T08:00:00.5+01:00 web1 sudo: x", (2026, 11, 21, 7, 0, 0.5)),
        ("2026-11-21T08:00:00+0100 INFO", (2026, 11, 21, 7, 0, 0)),
        ("2026-11-21T08:00:00Z", (2026, 11, 21, 8, 0, 0)),
        ("2026-11-21 08:00:00 upgrade", (2026, 11, 21, 8, 0, 0)),
        ("Nov 21 08:00:00 web1", (2026, 11, 21, 8, 0, 0)),
        ("Nov  1 08:00:00 web1", (2026, 11, 1, 8, 0, 0)),
        ("Dec 31 08:00:00 web1", (2025, 12, 31, 8, 0, 0)),
    ],
)
def test_times(text, at):
    assert logs.moment(text, NOW) == calendar.timegm((*at[:5], int(at[5]))) + at[5] % 1


@pytest.mark.parametrize("text", ["", "hello", "Foo 21 08:00:00", "2026-11-21"])
def test_no_times(text):
    assert logs.moment(text, NOW) is None


AUTH = """\
Nov 20 10:00:00 web1 sudo:    alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/vi /etc/shop/shop.ini
2026-11-20T10:01:00.123+00:00 web1 sudo[77]:    alice : PWD=/ ; USER=root ; COMMAND=/usr/bin/mysql --password=hunter2 -e x
Nov 20 10:02:00 web1 sudo: mallory : command not allowed ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh
Nov 20 10:02:01 web1 sudo: mallory : user NOT in sudoers ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh
Nov 20 10:03:00 web1 sshd[12]: Accepted publickey for bob from 10.0.0.9 port 5000 ssh2: ED25519 SHA256:abc
Nov 20 10:03:30 web1 sshd-session[12]: Accepted password for eve from 10.0.0.9 port 5000 ssh2
Nov 20 10:04:00 web1 su[99]: (to root) dave on pts/3
Nov 20 10:05:00 web1 CRON[99]: pam_unix(cron:session): session opened for user root COMMAND=x
Nov 18 10:00:00 web1 sudo: old : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/true
"""


def test_logins_of_files(host):
    write(host, "/var/log/auth.log", AUTH)
    found = logins.events(host, NOW - 2 * DAY, NOW)
    assert [(event["how"], event["who"]) for event in found] == [("sudo", "alice"), ("sudo", "alice"), ("session", "bob"), ("session", "eve"), ("sudo", "dave")]
    assert found[0] == {
        "how": "sudo",
        "who": "alice",
        "as": "root",
        "folder": "/home/alice",
        "command": "/usr/bin/vi /etc/shop/shop.ini",
        "text": "sudo as root: /usr/bin/vi /etc/shop/shop.ini",
        "time": float(calendar.timegm((2026, 11, 20, 10, 0, 0))),
    }
    assert found[2]["text"] == "ssh login of bob from 10.0.0.9 by publickey ED25519 SHA256:abc"
    assert "hunter2" not in str(found)


def test_rotated_and_packed_logs_are_read_the_oldest_first(host):
    line = "Nov 20 10:0{}:00 web1 sudo: u{} : TTY=p ; PWD=/ ; USER=root ; COMMAND=/bin/true\n"
    for number, name in enumerate(("auth.log.2.gz", "auth.log.1", "auth.log")):
        write(host, f"/var/log/{name}", line.format(number, number))
        os.utime(host.path(f"/var/log/{name}"), (NOW - 10 + number, NOW - 10 + number))
    assert [event["who"] for event in logins.events(host, NOW - 2 * DAY, NOW)] == ["u0", "u1", "u2"]
    os.utime(host.path("/var/log/auth.log.1"), (NOW - 3 * DAY, NOW - 3 * DAY))
    assert [event["who"] for event in logins.events(host, NOW - 2 * DAY, NOW)] == ["u0", "u2"]


@pytest.mark.parametrize("spoil", [b"\x1f\x8b broken", b"not packed"])
def test_a_damaged_log_is_unknown(host, spoil):
    write(host, "/var/log/auth.log.1.gz", "")
    with open(host.path("/var/log/auth.log.1.gz"), "wb") as stream:
        stream.write(spoil)
    with pytest.raises(Unknown, match=r"auth\.log\.1\.gz cannot be read"):
        logins.events(host, 0, NOW)


def test_logins_of_the_journal(tmp_path):
    calls = []

    def run(argv, timeout):
        calls.append(argv)
        entry = {"__REALTIME_TIMESTAMP": "1700000000500000", "SYSLOG_IDENTIFIER": "sudo", "MESSAGE": "   al : TTY=p ; PWD=/ ; USER=root ; COMMAND=/bin/true"}
        return 0, "\n".join([json.dumps(entry), "{broken", json.dumps({**entry, "MESSAGE": [1, 2]})])

    (event,) = logins.events(Host(root=str(tmp_path), run=run), 1_600_000_000.7, NOW)
    assert (event["who"], event["time"]) == ("al", 1_700_000_000.5)
    assert "--since=@1600000000" in calls[0]
    assert calls[0][calls[0].index("-n") + 1] == str(logins.MOST_LINES)


def test_without_log_and_journal_it_is_unknown(host):
    with pytest.raises(Unknown, match=r"there is no /var/log/auth\.log.* and journalctl is not run"):
        logins.events(host, 0, NOW)


DPKG = """\
2026-11-20 10:00:00 startup archives unpack
2026-11-20 10:00:01 upgrade openssl:amd64 3.0.1-1 3.0.2-1
2026-11-20 10:00:02 status installed openssl:amd64 3.0.2-1
2026-11-20 10:00:03 install adduser:all <none> 3.134
2026-11-20 10:00:04 remove vim:amd64 9.0 <none>
"""
APT = """\

Start-Date: 2026-11-20  10:00:00
Commandline: apt-get install -o Acquire::http::Proxy=http://u:hunter2@proxy adduser
Requested-By: alice (1000)
Install: adduser:amd64 (3.134, automatic)
Upgrade: openssl:amd64 (3.0.1-1, 3.0.2-1)
End-Date: 2026-11-20  10:00:09
"""


def test_packages_of_debian(host):
    write(host, "/var/log/dpkg.log", DPKG)
    write(host, "/var/log/apt/history.log", APT)
    apt, *dpkg = packages.events(host, NOW - 2 * DAY, NOW)
    assert (apt["who"], apt["packages"]) == ("alice", ["deb/adduser:amd64", "deb/openssl:amd64"])
    assert apt["versions"] == {"deb/adduser:amd64": "3.134", "deb/openssl:amd64": "3.0.2-1"}
    assert "hunter2" not in apt["text"]
    assert [(event["packages"], event["text"]) for event in dpkg] == [
        (["deb/openssl:amd64"], "dpkg upgraded openssl:amd64 3.0.2-1"),
        (["deb/adduser:all"], "dpkg installed adduser:all 3.134"),
        (["deb/vim:amd64"], "dpkg removed vim:amd64 9.0"),
    ]
    kept = packages.about([apt, *dpkg], ["deb/adduser:all"])
    assert [event["packages"] for event in kept] == [["deb/adduser:amd64"], ["deb/adduser:all"]]
    assert kept[0]["versions"] == {"deb/adduser:amd64": "3.134"}


def test_packages_of_red_hat(host):
    write(
        host,
        "/var/log/dnf.rpm.log",
        "2026-11-20T10:00:00+0000 SUBDEBUG Upgrade: openssl-libs-1:3.0.7-1.el9.x86_64\n2026-11-20T10:00:00+0000 INFO --- logging initialized ---\n",
    )
    write(host, "/var/log/yum.log", "Nov 20 10:00:05 Installed: 1:vim-common-8.0-1.el7.x86_64\n")
    assert [event["packages"] for event in packages.events(host, 0, NOW)] == [["rpm/openssl-libs.x86_64"], ["rpm/vim-common.x86_64"]]


def test_no_log_of_packages_is_unknown(host):
    with pytest.raises(Unknown, match="dpkg"):
        packages.events(host, 0, NOW)


AUDIT = """\
type=SYSCALL msg=audit(1795168800.123:42): arch=c000003e syscall=257 success=yes exit=3 auid=0 uid=0 comm="vim" exe="/usr/bin/vim.basic" key="etc"
type=CWD msg=audit(1795168800.123:42): cwd="/etc/shop"
type=PATH msg=audit(1795168800.123:42): item=0 name="/etc/shop/" nametype=PARENT
type=PATH msg=audit(1795168800.123:42): item=1 name="shop.ini" nametype=CREATE
type=SYSCALL msg=audit(1795168801.000:43): success=no auid=0 uid=0 exe="/bin/cat"
type=PATH msg=audit(1795168801.000:43): name="/etc/shop/shop.ini" nametype=NORMAL
type=SYSCALL msg=audit(1795168802.000:44): success=yes auid=4294967295 uid=0 exe=2F6269
type=PATH msg=audit(1795168802.000:44): name=2F6574632F7368 nametype=DELETE
type=PATH msg=audit(1795168809.000:99): name="/etc/shop/shop.ini" nametype=CREATE
garbage
"""


def test_audit(host):
    write(host, "/var/log/audit/audit.log", AUDIT)
    found = audit.events(host, NOW - 2 * DAY, ["/etc/shop/shop.ini", "/etc/sh"])
    assert [(event["who"], event["path"], event["program"]) for event in found] == [
        ("root", "/etc/shop/shop.ini", "/usr/bin/vim.basic"),
        ("", "/etc/sh", "/bi"),
    ]
    assert found[0]["text"] == "/usr/bin/vim.basic run by root as root: create /etc/shop/shop.ini"
    assert audit.events(host, NOW, ["/etc/shop/shop.ini"]) == []


def wtmp(kind, line, user, at, origin=""):
    return sessions.RECORD.pack(kind, 1, line.encode(), b"", user.encode(), origin.encode(), 0, 0, 0, at, 500_000, b"", b"")


def test_sessions():
    assert sessions.RECORD.size == 384
    data = b"".join(
        [
            wtmp(7, "pts/0", "alice", 100, "10.0.0.1"),
            wtmp(7, "pts/1", "bob", 200),
            wtmp(8, "pts/0", "", 300),
            wtmp(2, "~", "reboot", 400),
            wtmp(7, "pts/0", "carol", 500),
        ]
    )
    found = list(sessions.sessions(data + b"cut", 999.0))
    assert [(event["who"], event["time"], event["until"]) for event in found] == [("alice", 100.5, 300.5), ("bob", 200.5, 400.5), ("carol", 500.5, 999.0)]
    assert found[0]["text"] == "alice was logged in on pts/0 from 10.0.0.1"


@pytest.mark.parametrize(
    ("key", "where", "named"),
    [
        ("file:/etc/x", ["/etc/x"], []),
        ("packaged:/usr/bin/x", ["/usr/bin/x"], []),
        ("config:shop.ini:server.port", ["/srv/shop/shop.ini"], []),
        ("config:/etc/a.ini:x", ["/etc/a.ini"], []),
        ("config:other.ini:x", [], []),
        ("certificate:/etc/x.pem#2", ["/etc/x.pem"], []),
        ("sudo:/etc/sudoers:root ALL", ["/etc/sudoers"], []),
        ("key:alice:SHA256:x", ["/home/alice/.ssh/authorized_keys"], ["alice"]),
        ("key:nobody:SHA256:x", [], ["nobody"]),
        ("user:bob", ["/etc/passwd", "/etc/shadow"], ["bob"]),
        ("user:ab", ["/etc/passwd", "/etc/shadow"], []),
        ("sysctl:vm.swappiness", ["/etc/sysctl.conf"], ["vm.swappiness", "vm/swappiness"]),
        ("package:deb/openssl:amd64", [], ["openssl"]),
        ("container:podman/web", [], ["web"]),
    ],
)
def test_where_items_come_from(host, key, where, named):
    write(host, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
    assert places(key, host, {"shop.ini": "/srv/shop/shop.ini"}) == where
    assert words(key) == named or set(named) <= set(words(key))


def test_files_and_their_packages(host):
    write(host, "/etc/x", "x")
    os.chmod(host.path("/etc/x"), 0o600)
    write(host, "/var/lib/dpkg/info/shop:amd64.list", "/.\n/etc\n/etc/x\n/bin/y\n")
    facts = paths.look(host, "/etc/x")
    assert (facts["exists"], facts["written"]) == (True, NOW)
    assert paths.look(host, "/etc/gone")["exists"] is False
    assert paths.look(host, "/etc/gone")["folder_changed"] == os.stat(host.path("/etc")).st_mtime
    assert paths.packages_of(host, ["/etc/x", "/usr/bin/y", "/etc"]) == {"/etc/x": "deb/shop:amd64", "/usr/bin/y": "deb/shop:amd64", "/etc": "deb/shop:amd64"}


def test_rpm_is_asked_where_there_is_no_dpkg(tmp_path):
    found = paths.packages_of(Host(root=str(tmp_path), run=lambda argv, timeout: (0, "shop.x86_64\n") if argv[-1] == "/etc/x" else (1, "")), ["/etc/x", "/y"])
    assert found == {"/etc/x": "rpm/shop.x86_64"}


def test_all_together_and_what_cannot_be_read_says_so(host, monkeypatch):
    write(host, "/var/log/auth.log", AUTH)
    write(host, "/etc/shop/shop.ini", "x")
    monkeypatch.setattr(sessions, "events", lambda *given: {}["x"])
    found = gather(host, ["file:/etc/shop/shop.ini"], since=NOW - 2 * DAY, until=NOW, config={}, most=2)
    states = found["sources"]
    assert states["logins"] == {"state": "read", "left_out": 3}
    assert [event["who"] for event in found["events"]] == ["eve", "dave"]
    until = calendar.timegm((2026, 11, 20, 10, 2, 0))
    assert len(gather(host, [], since=NOW - 2 * DAY, until=until, config={})["events"]) == 2
    assert states["sessions"] == {"state": "unknown", "reason": "reading it broke (KeyError)"}
    assert {name for name, state in states.items() if state["state"] == "unknown"} == {"sessions", "audit", "package_log"}
    assert list(found["about"]["file:/etc/shop/shop.ini"]["places"]) == ["/etc/shop/shop.ini"]


@pytest.mark.parametrize(
    "command",
    [
        "mysql -uroot -phunter2 -e 'select 1'",
        "mysql --password=hunter2",
        "mysql --password hunter2",
        "curl -u admin:hunter2 https://x",
        "curl https://admin:hunter2@x",
        "curl -H 'Authorization: Bearer hunter2hunter2'",
        "sshpass -p hunter2 ssh x",
        "/bin/sh -c 'echo root:hunter2 | chpasswd'",
        "usermod -p hunter2 root",
        "useradd -p hunter2 x",
        "env PGPASSWORD=hunter2 psql",
        "DB_PASS=hunter2 ./run",
        "openssl enc -pass pass:hunter2",
        "redis-cli -a hunter2",
    ],
)
def test_no_secret_of_a_command_line_is_shown(command):
    assert "hunter2" not in redacted(command)


def test_what_is_no_secret_stays_readable():
    assert redacted("/usr/bin/vi /etc/ssh/sshd_config") == "/usr/bin/vi /etc/ssh/sshd_config"
    assert redacted("a\x1b[2Jb") == "a [2Jb"
    assert len(redacted("x" * 9000)) <= 400
