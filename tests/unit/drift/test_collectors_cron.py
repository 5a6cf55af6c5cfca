# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs at set times."""

from __future__ import annotations

import hashlib
import os

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import cron
from ansible_collections.evenkeel.release.tests.unit.drift.hosts import make

DEBIAN = {
    "/etc/crontab": '# m h dom mon dow user\tcommand\nSHELL=/bin/sh\nPATH = "/usr/sbin:/bin"\n17 *\t* * *\troot    cd / && run-parts /etc/cron.hourly\n',
    "/etc/cron.d/backup": "@daily backup /usr/local/bin/backup --to nas\n* * * * *\n",
    "/etc/cron.d/.placeholder": "no job",
    "/etc/cron.daily/dpkg": "#!/bin/sh\n",
    "/etc/cron.daily/.placeholder": "",
    "/var/spool/cron/crontabs/ada": 'MAILTO=""\n*/5 * * * * /home/ada/poll\n@reboot /home/ada/start\n',
    "/var/spool/cron/atjobs/a0000101c9ab12": "#!/bin/sh\nAPI_TOKEN=hunter2; export API_TOKEN\n/bin/true\n",
    "/var/spool/cron/atjobs/.SEQ": "00001",
    "/etc/cron.allow": "root\nada\n",
}


def test_debian(tmp_path):
    host = make(tmp_path, DEBIAN)
    os.chmod(host.path("/etc/cron.daily/dpkg"), 0o755)
    assert cron.collect({}, host) == {
        "cron:/etc/crontab:SHELL": {"value": "/bin/sh"},
        "cron:/etc/crontab:PATH": {"value": "/usr/sbin:/bin"},
        "cron:/etc/crontab:17 * * * * root cd / && run-parts /etc/cron.hourly": {
            "schedule": "17 * * * *",
            "user": "root",
            "command": "cd / && run-parts /etc/cron.hourly",
        },
        "cron:/etc/cron.d/backup:@daily backup /usr/local/bin/backup --to nas": {
            "schedule": "@daily",
            "user": "backup",
            "command": "/usr/local/bin/backup --to nas",
        },
        "cron:/etc/cron.d/backup:* * * * *": {"invalid": True},
        "cron:/etc/cron.daily/dpkg": {"sha256": hashlib.sha256(b"#!/bin/sh\n").hexdigest(), "executable": True},
        "cron:/var/spool/cron/crontabs/ada:MAILTO": {"value": ""},
        "cron:/var/spool/cron/crontabs/ada:*/5 * * * * /home/ada/poll": {"schedule": "*/5 * * * *", "command": "/home/ada/poll"},
        "cron:/var/spool/cron/crontabs/ada:@reboot /home/ada/start": {"schedule": "@reboot", "command": "/home/ada/start"},
        "cron:/var/spool/cron/atjobs/a0000101c9ab12": {
            "queue": "a",
            "at": "2027-01-10T23:46:00Z",
            **host.secret(DEBIAN["/var/spool/cron/atjobs/a0000101c9ab12"]),
        },
        "cron:/etc/cron.allow": {"users": ["ada", "root"]},
    }


def test_rhel(tmp_path):
    files = {
        "/etc/anacrontab": "SHELL=/bin/sh\nDELAY=45\n1\t5\tcron.daily\t\tnice run-parts /etc/cron.daily\n@monthly 45 monthly run-parts /etc/cron.monthly\n",
        "/var/spool/cron/root": "0 3 * * * /usr/bin/true\n",
        "/var/spool/at/spool": None,
    }
    assert cron.collect({}, make(tmp_path, files)) == {
        "cron:/etc/anacrontab:SHELL": {"value": "/bin/sh"},
        "cron:/etc/anacrontab:DELAY": {"value": "45"},
        "cron:/etc/anacrontab:1 5 cron.daily nice run-parts /etc/cron.daily": {
            "schedule": "1",
            "delay": "5",
            "job": "cron.daily",
            "command": "nice run-parts /etc/cron.daily",
        },
        "cron:/etc/anacrontab:@monthly 45 monthly run-parts /etc/cron.monthly": {
            "schedule": "@monthly",
            "delay": "45",
            "job": "monthly",
            "command": "run-parts /etc/cron.monthly",
        },
        "cron:/var/spool/cron/root:0 3 * * * /usr/bin/true": {"schedule": "0 3 * * *", "command": "/usr/bin/true"},
    }


@pytest.mark.parametrize(
    "line",
    [
        "DB_PASSWORD=%s",
        "'DB_PASSWORD' = \"%s\"",
        "0 1 * * * root PGPASSWORD=%s pg_dump shop",
        "0 1 * * * root curl https://me:%s@example.org/",
        "0 1 * * * root sync --token %s --all",
    ],
)
def test_secrets_are_hidden_and_still_told_apart(tmp_path, line):
    def look(secret):
        return cron.parse(line % secret, "/etc/cron.d/x", host=make(tmp_path, {}), user=True)

    one, two = look("hunter2secret"), look("hunter3secret")
    assert "hunter" not in str(one)
    assert one.keys() == two.keys()
    assert one != two
    assert one == look("hunter2secret")
    (item,) = one.values()
    assert item["secret"] is True


def test_named_secrets_are_hidden(tmp_path):
    host = make(tmp_path, {})
    assert cron.parse("MODE=fast", "/f", host=host, patterns=["MODE"]) == {"cron:/f:MODE": host.secret("fast")}


def test_lines_may_move(tmp_path):
    lines = ["0 1 * * * a", "0 2 * * * b", "# between", "0 2 * * * b"]
    host = make(tmp_path, {})
    there, back = (cron.parse("\n".join(several), "/f", host=host) for several in (lines, lines[::-1]))
    assert there == back
    assert len(there) == 3


def test_what_cannot_be_read_is_unknown(tmp_path):
    host = make(tmp_path, {"/etc/cron.deny": None, "/etc/cron.d/x": "", "/etc/cron.daily/folder": None})
    os.unlink(host.path("/etc/cron.d/x"))
    os.mkfifo(host.path("/etc/cron.d/x"))
    assert cron.collect({}, host) == {
        "cron:/etc/cron.d/x": {"unknown": "/etc/cron.d/x is not a regular file"},
        "cron:/etc/cron.daily/folder": {"unknown": "/etc/cron.daily/folder is not a regular file"},
        "cron:/etc/cron.deny": {"unknown": "/etc/cron.deny is not a regular file"},
    }
