# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel tells: settings, parameters, mounts, ports."""

from __future__ import annotations

import socket
import struct

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.collectors import mounts, ports, sysctl
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown
from ansible_collections.evenkeel.release.tests.unit.drift.hosts import make

SYSCTL = {
    "/proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "/proc/sys/net/ipv4/conf/eth0.5/rp_filter": "2\n",
    "/proc/sys/net/ipv4/conf/veth12ab/rp_filter": "2\n",
    "/proc/sys/net/ipv6/conf/all/stable_secret": "2001:db8::7\n",
    "/proc/sys/kernel/core_pattern": "|/bin/dump %p %e\n",
    "/proc/sys/kernel/random/boot_id": "5c0a\n",
    "/proc/sys/kernel/random/trust_cpu": "1\n",
    "/proc/sys/kernel/ns_last_pid": "4711\n",
    "/proc/sys/fs/file-nr": "1\t0\t9\n",
    "/proc/sys/fs/file-max": "9\n",
    "/proc/cmdline": 'BOOT_IMAGE=/vmlinuz root=UUID=1 ro console=tty0 console=ttyS0,115200 dyndbg="file a.c +p" quiet\n',
}


def test_all_settings_but_volatile_ones(tmp_path):
    host = make(tmp_path, SYSCTL)
    assert sysctl.collect({}, host) == {
        "sysctl:fs.file-max": {"value": "9"},
        "sysctl:kernel.core_pattern": {"value": "|/bin/dump %p %e"},
        "sysctl:kernel.random.trust_cpu": {"value": "1"},
        "sysctl:net.ipv4.conf.eth0/5.rp_filter": {"value": "2"},
        "sysctl:net.ipv4.ip_local_port_range": {"value": "32768 60999"},
        "sysctl:net.ipv6.conf.all.stable_secret": host.secret("2001:db8::7"),
        "cmdline:BOOT_IMAGE": {"value": "/vmlinuz"},
        "cmdline:root": {"value": "UUID=1"},
        "cmdline:ro": {"value": ""},
        "cmdline:console": {"value": "tty0 ttyS0,115200"},
        "cmdline:dyndbg": {"value": "file a.c +p"},
        "cmdline:quiet": {"value": ""},
    }


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (["fs.file-max"], ["sysctl:fs.file-max"]),
        (["fs/file-max", "fs.none"], ["sysctl:fs.file-max"]),
        (["kernel.ns_last_pid"], ["sysctl:kernel.ns_last_pid"]),
        (["net.ipv4.conf.eth0/5.rp_filter"], ["sysctl:net.ipv4.conf.eth0/5.rp_filter"]),
        (["kernel.*"], ["sysctl:kernel.core_pattern", "sysctl:kernel.random.trust_cpu"]),
        (["cmdline:r*"], ["cmdline:root", "cmdline:ro"]),
        (["cmdline:quiet", "fs.file-max"], ["sysctl:fs.file-max", "cmdline:quiet"]),
    ],
)
def test_chosen_settings(tmp_path, keys, found):
    assert [*sysctl.collect({"sysctl_keys": keys}, make(tmp_path, SYSCTL))] == found


def test_a_number_that_is_called_a_secret_is_one(tmp_path):
    host = make(tmp_path, SYSCTL)
    assert sysctl.collect({"sysctl_keys": ["fs.file-max"], "secret_keys": ["fs.*"]}, host) == {"sysctl:fs.file-max": host.secret("9")}


MOUNTINFO = r"""
22 27 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
23 27 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw,hidepid=invisible
27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
28 27 0:23 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw
29 27 0:24 / /run rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,size=1g,mode=755
30 29 0:50 / /run/user/1000 rw,nosuid,nodev shared:5 - tmpfs tmpfs rw,size=1g
31 27 254:2 /home /home ro,nosuid - xfs /dev/mapper/vg-a\040b rw,seclabel
32 27 0:60 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw,lowerdir=/x
33 27 0:61 / /mnt/my\040disk rw master:1 - ext4 /dev/sdb1 rw
34 27 0:62 / /mnt/my\040disk rw - ext4 /dev/sdc1 rw
35 27 0:63 / /app rw - overlay overlay rw,lowerdir=/x,upperdir=/y,workdir=/z,index=off
36 27 0:64 / /nas rw - cifs //nas/share rw,vers=3.1.1,username=ada,password=hunter2
37 27 0:65 / /cgroup rw - cgroup2 cgroup rw
torn line
"""


def test_mounts(tmp_path):
    assert mounts.collect({}, make(tmp_path, {"/proc/self/mountinfo": MOUNTINFO})) == {
        "mount:/proc": {"source": "proc", "type": "proc", "options": "hidepid=invisible,nodev,noexec,nosuid,relatime,rw"},
        "mount:/": {"source": "/dev/vda1", "type": "ext4", "options": "errors=remount-ro,relatime,rw"},
        "mount:/dev/shm": {"source": "tmpfs", "type": "tmpfs", "options": "nodev,nosuid,rw"},
        "mount:/run": {"source": "tmpfs", "type": "tmpfs", "options": "mode=755,nodev,nosuid,rw,size=1g"},
        "mount:/home": {"source": "/dev/mapper/vg-a b", "type": "xfs", "options": "nosuid,ro,seclabel", "root": "/home"},
        "mount:/mnt/my disk": {"source": "/dev/sdc1", "type": "ext4", "options": "rw"},
        "mount:/app": {"source": "overlay", "type": "overlay", "options": "index=off,rw"},
        "mount:/nas": {"source": "//nas/share", "type": "cifs", "options": "password=[REDACTED],rw,username=ada,vers=3.1.1"},
    }


def hexed(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def table(*rows):
    lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
    lines += [f"   0: {hexed(address, port)} {hexed('0.0.0.0', 0)} {state} 0:0 00:0 0 {uid} 0 {inode} 1 0" for address, port, state, uid, inode in rows]
    return "\n".join(lines) + "\n"


def process(pid, name, uid, *inodes):
    links = {f"/proc/{pid}/fd/{number}": ("link", f"socket:[{inode}]") for number, inode in enumerate(inodes, 3)}
    return {
        f"/proc/{pid}/fd/0": ("link", "/dev/null"),
        f"/proc/{pid}/comm": f"{name}\n",
        f"/proc/{pid}/status": f"Name:\t{name}\nUid:\t{uid}\t{uid}\t0\t0\n",
        **links,
    }


PROC = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n",
    "/proc/net/tcp": table(("0.0.0.0", 22, "0A", 0, 11), ("127.0.0.1", 5432, "0A", 26, 12), ("10.0.0.1", 40000, "01", 0, 13), ("0.0.0.0", 80, "0A", 0, 14)),
    "/proc/net/tcp6": table(("::", 22, "0A", 0, 15), ("fe80::1", 443, "0A", 0, 14)),
    "/proc/net/udp": table(("0.0.0.0", 68, "07", 0, 16), ("10.0.0.1", 50000, "01", 0, 17), ("0.0.0.0", 2049, "07", 0, 18)),
    **process(1, "systemd", 0, 11),
    **process(900, "sshd", 0, 11, 15),
    **process(800, "nginx", 0, 14),
    **process(801, "nginx", 33, 14),
    **process(802, "dhclient", 0, 16),
    **process(803, "postgres", 26, 12),
}


def test_ports_and_who_holds_them(tmp_path):
    assert ports.collect({}, make(tmp_path, PROC)) == {
        "port:tcp:0.0.0.0:22": {"process": "systemd", "user": "root"},
        "port:tcp:0.0.0.0:80": {"process": "nginx", "user": "root,www-data"},
        "port:tcp:127.0.0.1:5432": {"process": "postgres", "user": "26"},
        "port:tcp:[::]:22": {"process": "sshd", "user": "root"},
        "port:tcp:[fe80::1]:443": {"process": "nginx", "user": "root,www-data"},
        "port:udp:0.0.0.0:68": {"process": "dhclient", "user": "root"},
        "port:udp:0.0.0.0:2049": {"process": "kernel", "user": "root"},
    }


def test_a_process_that_is_not_ours_to_see_is_unknown(tmp_path, monkeypatch):
    sockets = ports._sockets

    def closed(folder):
        if "/800/" in folder or "/801/" in folder:
            raise PermissionError(13, "Permission denied")
        return sockets(folder)

    monkeypatch.setattr(ports, "_sockets", closed)
    items = ports.collect({}, make(tmp_path, PROC))
    assert items["port:tcp:0.0.0.0:80"] == {"unknown": "the processes of other users cannot be seen (permission denied)", "user": "root"}
    assert items["port:udp:0.0.0.0:68"] == {"process": "dhclient", "user": "root"}


def test_a_socket_that_ended_while_we_looked_is_none(tmp_path, monkeypatch):
    host = make(tmp_path, {**PROC, "/proc/net/udp": table(("0.0.0.0", 68, "07", 0, 99))})
    holders = ports._holders

    def ends(inodes, host):
        (tmp_path / "proc/net/udp").write_text(table())
        return holders(inodes, host)

    monkeypatch.setattr(ports, "_holders", ends)
    assert "port:udp:0.0.0.0:68" not in ports.collect({}, host)


@pytest.mark.parametrize(("module", "path"), [(sysctl, "/proc/cmdline"), (mounts, "/proc/self/mountinfo"), (ports, "/proc/net/tcp")])
def test_a_kernel_that_does_not_tell_is_unknown(tmp_path, module, path):
    with pytest.raises(Unknown, match=f"{path} is not"):
        module.collect({}, make(tmp_path, {"/proc/sys/a": "1", path: None}))
