# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, groups, sudo rules and keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import accounts, sshkeys, sudoers
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import users
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown
from ansible_collections.evenkeel.release.tests.unit.drift.hosts import make

HASH = "$y$j9T$abcdefghijklmnop$ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash
open:x:1001:1001::/home/open:/bin/sh
shut:x:1002:1002::/home/shut:/bin/sh
old::1003:1003::/:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
torn:x:12
"""
SHADOW = f"""\
root:*:19000:0:99999:7:::
daemon:*:19000:0:99999:7:::
ada:{HASH}:19000:0:90:7:30:20500:
open::0:0:99999:7:::
shut:!{HASH}:19000::::::
"""


def test_users_and_their_passwords(tmp_path):
    host = make(tmp_path, {"/etc/passwd": PASSWD, "/etc/shadow": SHADOW})
    items = users.collect({}, host)
    mark = host.secret(HASH)
    assert items["user:ada"] == {
        "uid": 1000,
        "gid": 1000,
        "gecos": "Ada,,,",
        "home": "/home/ada",
        "shell": "/bin/bash",
        "password": "set",
        "min_days": 0,
        "max_days": 90,
        "warn_days": 7,
        "inactive_days": 30,
        "expires": "2026-02-16",
        **mark,
    }
    states = {name: items[f"user:{name}"]["password"] for name in ("root", "daemon", "ada", "open", "shut", "old", "nobody")}
    assert states == {"root": "locked", "daemon": "locked", "ada": "set", "open": "none", "shut": "locked", "old": "none", "nobody": "locked"}
    assert items["user:shut"]["fingerprint"] == mark["fingerprint"]
    assert items["user:open"]["must_change"] is True
    assert items["user:line 8"] == {"invalid": True}
    assert HASH not in str(items)


def test_a_shadow_that_cannot_be_read_is_an_unknown_attribute(tmp_path):
    host = make(tmp_path, {"/etc/passwd": PASSWD, "/etc/shadow": None})
    assert users.collect({}, host)["user:root"] == {
        "uid": 0,
        "gid": 0,
        "gecos": "root",
        "home": "/root",
        "shell": "/bin/bash",
        "unknown": "/etc/shadow is not a regular file",
    }


def test_a_password_without_a_key_to_hide_it_is_unknown(tmp_path):
    items = users.collect({}, make(tmp_path, {"/etc/passwd": PASSWD, "/etc/shadow": SHADOW}, key=b""))
    assert [name for name, item in items.items() if "unknown" in item] == ["user:ada", "user:shut"]
    assert HASH not in str(items)


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ("", ("none", "")),
        ("*", ("locked", "")),
        ("!", ("locked", "")),
        ("!!", ("locked", "")),
        ("!*", ("locked", "")),
        ("*LK*", ("locked", "")),
        ("!$6$a$b", ("locked", "$6$a$b")),
        ("$6$a$b", ("set", "$6$a$b")),
        ("abJnggxhB/yWI", ("set", "abJnggxhB/yWI")),
    ],
)
def test_password_fields(field, answer):
    assert accounts.password(field) == answer


def test_groups(tmp_path):
    host = make(tmp_path, {"/etc/passwd": "", "/etc/group": "root:x:0:\nsudo:x:27:zoe,ada\nbad\n"})
    assert users.collect({}, host) == {
        "group:root": {"gid": 0, "members": []},
        "group:sudo": {"gid": 27, "members": ["ada", "zoe"]},
        "group:line 3": {"invalid": True},
    }


SUDOERS = r"""
# User rules
Defaults	env_reset
Defaults secure_path="/usr/sbin:/sbin" # a comment
Defaults badpass_message="no # comment"
root	ALL=(ALL:ALL) ALL
%sudo ALL=(ALL) \
    NOPASSWD: /bin/a, \
    /bin/b
#1000 ALL=(ALL) ALL
#include /etc/sudoers.local
@include "/etc/sudoers.gone"
#includedir /etc/sudoers.d
@includedir sudoers.more
"""


def test_sudo_rules_are_one_item_each_wherever_they_stand(tmp_path):
    files = {
        "/etc/passwd": "",
        "/etc/sudoers": SUDOERS,
        "/etc/sudoers.local": "a ALL=ALL\n@include /etc/sudoers\n",
        "/etc/sudoers.d/90-ada": "ada ALL=(ALL) NOPASSWD:ALL\n",
        "/etc/sudoers.d/backup~": "no ALL=ALL\n",
        "/etc/sudoers.d/old.conf": "no ALL=ALL\n",
        "/etc/sudoers.more/x": "x ALL=ALL",
    }
    items = users.collect({}, make(tmp_path, files))
    assert [*items] == [
        "sudo:/etc/sudoers:Defaults env_reset",
        'sudo:/etc/sudoers:Defaults secure_path="/usr/sbin:/sbin"',
        'sudo:/etc/sudoers:Defaults badpass_message="no # comment"',
        "sudo:/etc/sudoers:root ALL=(ALL:ALL) ALL",
        "sudo:/etc/sudoers:%sudo ALL=(ALL) NOPASSWD: /bin/a, /bin/b",
        "sudo:/etc/sudoers:#1000 ALL=(ALL) ALL",
        "sudo:/etc/sudoers.local:a ALL=ALL",
        "sudo:/etc/sudoers.d/90-ada:ada ALL=(ALL) NOPASSWD:ALL",
        "sudo:/etc/sudoers.more/x:x ALL=ALL",
    ]
    assert items["sudo:/etc/sudoers.local:a ALL=ALL"] == {"rule": "a ALL=ALL"}


def test_sudoers_that_cannot_be_read_are_unknown(tmp_path):
    items = users.collect({}, make(tmp_path, {"/etc/passwd": "", "/etc/sudoers": None}))
    assert items == {"sudo:/etc/sudoers": {"unknown": "/etc/sudoers is not a regular file"}}


def test_a_secret_in_a_rule_is_hidden(tmp_path):
    def look(secret):
        return users.collect({}, make(tmp_path / secret, {"/etc/passwd": "", "/etc/sudoers": f"a ALL=(ALL) /bin/x --password {secret}\n"}))

    one, two = look("hunter2"), look("hunter3")
    assert "hunter" not in str(one)
    assert one.keys() == two.keys()
    assert one != two


def test_includes_of_sudoers():
    assert sudoers.parse("#includedir /a\\ b\n@include c").includes == [("includedir", "/a b"), ("include", "c")]
    assert sudoers.parse("#included by nobody").includes == []


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """{type: (line, what ssh-keygen -lf says)} of real keys."""
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not installed")
    folder = tmp_path_factory.mktemp("keys")
    found = {}
    for kind, bits in (("ed25519", "256"), ("ecdsa", "256"), ("rsa", "1024")):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-b", bits, "-N", "", "-C", f"{kind} of ada", "-f", folder / kind], check=True)
        said = subprocess.run(["ssh-keygen", "-lf", folder / f"{kind}.pub"], check=True, capture_output=True, text=True).stdout
        found[kind] = ((folder / f"{kind}.pub").read_text().strip(), said.split()[1])
    return found


def test_keys_have_the_fingerprints_of_ssh_keygen(tmp_path, keys):
    lines = [
        "# a comment",
        keys["ed25519"][0],
        f'command="/bin/a \\"b c\\"",no-pty {keys["ecdsa"][0]}',
        f'environment="API_TOKEN=hunter2" {keys["rsa"][0]}',
        "ssh-rsa bm8ga2V5 no key",
        "nonsense",
    ]
    items = users.collect({}, make(tmp_path, {"/etc/passwd": PASSWD, "/home/ada/.ssh/authorized_keys": "\n".join(lines)}))
    found = {key: item for key, item in items.items() if key.startswith("key:")}
    assert [*found] == [f"key:ada:{keys[kind][1]}" for kind in ("ed25519", "ecdsa", "rsa")]
    assert found[f"key:ada:{keys['ed25519'][1]}"] == {"type": "ssh-ed25519", "options": "", "comment": "ed25519 of ada"}
    assert found[f"key:ada:{keys['ecdsa'][1]}"]["options"] == 'command="/bin/a \\"b c\\"",no-pty'
    assert found[f"key:ada:{keys['rsa'][1]}"]["secret"] is True
    assert "hunter2" not in str(found)


def test_keys_are_looked_for_where_sshd_does(tmp_path, keys):
    line, mark = keys["ed25519"]
    files = {
        "/etc/passwd": PASSWD,
        "/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nAuthorizedKeysFile .ssh/never\nMatch User open\n  AuthorizedKeysFile=%h/matched\n",
        "/etc/ssh/sshd_config.d/10-keys.conf": "authorizedkeysfile /etc/keys/%u-%U .ssh/own # both\n",
        "/etc/keys/ada-1000": line,
        "/home/open/.ssh/own": f"{line}\n{line}",
        "/home/shut/.ssh/never": line,
        "/home/ada/.ssh/authorized_keys": line,
        "/home/open/matched": line,
    }
    items = users.collect({}, make(tmp_path, files))
    assert [key for key in items if key.startswith("key:")] == [f"key:ada:{mark}", f"key:open:{mark}", f"key:open:{mark}#2", f"key:open:{mark}#3"]


def test_keys_that_cannot_be_read_are_unknown(tmp_path):
    host = make(tmp_path, {"/etc/passwd": PASSWD, "/home/ada/.ssh/authorized_keys": None})
    assert users.collect({}, host)["key:ada:/home/ada/.ssh/authorized_keys"] == {"unknown": "/home/ada/.ssh/authorized_keys is not a regular file"}


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("", [".ssh/authorized_keys", ".ssh/authorized_keys2"]),
        ("AuthorizedKeysFile none", []),
        ('AuthorizedKeysFile "/a b/%u"', ["/a b/%u"]),
        ("Match all\nAuthorizedKeysFile x", [".ssh/authorized_keys", ".ssh/authorized_keys2", "x"]),
        ("AuthorizedKeysFile a\nAuthorizedKeysFile b", ["a"]),
    ],
)
def test_authorized_keys_file(text, patterns):
    assert sshkeys.patterns(sshkeys.settings(text)) == patterns


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_only_root_may_read_is_unknown_to_others():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        host = make(Path(folder), {"/etc/passwd": PASSWD, "/etc/shadow": SHADOW, "/etc/sudoers": SUDOERS})
        for path in ("/etc/shadow", "/etc/sudoers"):
            os.chmod(host.path(path), 0)
        child = os.fork()
        if child == 0:
            os.setresuid(65534, 65534, 65534)
            items = users.collect({}, host)
            good = items["user:ada"]["unknown"] == "/etc/shadow cannot be read (permission denied)" and "unknown" in items["sudo:/etc/sudoers"]
            os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_without_users_it_is_unknown(tmp_path):
    with pytest.raises(Unknown, match="/etc/passwd is not there"):
        users.collect({}, make(tmp_path, {}))
