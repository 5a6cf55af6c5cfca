# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty hosts over ssh, one and five at a time, against the same steps as plain tasks with pipelining.

Beside it what Ansible itself takes for the three calls that a host gets: to observe it, to stage the release, to replace it in its batch.

What the hosts do is no cost of the control plane: the seconds in which they stop, start and probe are taken off ours, and the plain tasks have nothing
but `true` in their place.
"""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..integration.probe import debian
from ..integration.support.process import free_port, is_root
from ._fleet import NEW, OLD, Fleet, ping

if TYPE_CHECKING:
    from ._runner import Bench

HOSTS = int(os.environ.get("EVENKEEL_BENCH_SSH_HOSTS", "20"))
# sshd listens on no more addresses than this.
ADDRESSES = 16
TRUE = {"ansible.builtin.command": {"argv": ["/bin/true"]}, "changed_when": False}
debian.SETS.update({"openssh": ("openssh-server", "openssh-sftp-server", "libwrap0", "libnss-wrapper")})
CONFIG = """\
Port {port}
{listen}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile {folder}/{name}.pid
StrictModes no
UsePAM no
PasswordAuthentication no
MaxStartups 100
MaxSessions 100
Subsystem sftp {sftp}
# The shell of a test's user may load what takes longer than the task.
SetEnv SHLVL=3
"""


def rows(bench: Bench) -> None:
    with _sshd(bench.tmp) as reach:
        names = [f"s{number:02}" for number in range(HOSTS)]
        for size in (1, 5):
            hosts = {name: reach(number) for number, name in enumerate(names)}
            fleet = Fleet(bench.tmp / f"fleet-ssh{size}", hosts, [size])
            try:
                _measure(bench, fleet, names, size)
            finally:
                fleet.close()


def _measure(bench: Bench, fleet: Fleet, names: list[str], size: int) -> None:
    # Connections are open from now on, for both.
    fleet.play(fleet.playbook("ping", [ping()]))
    ours = fleet.deploy()
    if ours.code or set(fleet.current().values()) != {NEW}:
        raise RuntimeError(f"the deployment failed: {ours.output[-4000:]}")
    worked = _worked(fleet, [names[at : at + size] for at in range(0, len(names), size)])
    plain = fleet.play(fleet.playbook("plain", _plain(fleet, size)))
    if plain.code or set(fleet.current().values()) != {OLD}:
        raise RuntimeError(f"the plain tasks failed: {plain.output[-4000:]}")
    floor = fleet.play(fleet.playbook("floor", [ping(), ping(), ping(serial=size)]))
    cost, name = ours.wall - worked, f"{len(names)} hosts over ssh, {size} at a time"
    bench.row(f"{name}, against plain tasks", ours=cost, reference=plain.wall, bar=0.2)
    bench.row(f"{name}, against an empty module where ours runs one", ours=cost, reference=floor.wall, bar=2.5)
    bench.say(f"hosts worked for {worked:.1f} of our {ours.wall:.1f} s; {len(_tasks(fleet))} plain tasks a host took {plain.wall:.1f} s")


def _worked(fleet: Fleet, batches: list[list[str]]) -> float:
    """Seconds that the slowest host of each batch took to stop, start and be healthy."""
    seconds: dict[str, float] = {}
    for event in map(json.loads, fleet.captured.read_text().splitlines()):
        answers = (event.get("result") or {}).get("answers") if event["event"] == "result" else None
        for answer in answers or []:
            seconds[event["host"]] = sum(step["seconds"] for step in answer["steps"])
    return sum(max(seconds[host] for host in batch) for batch in batches)


def _plain(fleet: Fleet, size: int) -> list[dict[str, Any]]:
    return [
        {
            "hosts": "fleet",
            "serial": size,
            "gather_facts": False,
            "vars": {"root": f"{fleet.folder}/hosts/{{{{ inventory_hostname }}}}"},
            "tasks": _tasks(fleet),
        }
    ]


def _tasks(fleet: Fleet) -> list[dict[str, Any]]:
    """Back to the old release, under another name."""
    artifact = f"{fleet.folder}/releases/shop-{OLD}.tar.gz"
    uploaded = "{{ root }}/artifact.tar.gz"
    release = f"{{{{ root }}}}/releases/plain/{OLD}"
    return [
        {"ansible.builtin.stat": {"path": "{{ root }}/current"}},
        {"ansible.builtin.file": {"path": release, "state": "directory", "mode": "0755"}},
        {"ansible.builtin.copy": {"src": artifact, "dest": uploaded, "mode": "0600"}},
        {"ansible.builtin.stat": {"path": uploaded, "checksum_algorithm": "sha256"}, "register": "sent"},
        {"ansible.builtin.unarchive": {"src": uploaded, "dest": release, "remote_src": True}},
        {"ansible.builtin.file": {"path": "{{ root }}/config/plain", "state": "directory", "mode": "0700"}},
        {"ansible.builtin.template": {"src": f"{fleet.folder}/templates/shop.ini.j2", "dest": "{{ root }}/config/plain/shop.ini", "mode": "0600"}},
        {"name": "stop", **TRUE},
        {"name": "start", **TRUE},
        {"name": "healthy", **TRUE},
        {"ansible.builtin.file": {"src": "plain", "path": "{{ root }}/config/live", "state": "link"}},
        {"ansible.builtin.file": {"src": release, "path": "{{ root }}/current", "state": "link"}},
        {"ansible.builtin.find": {"paths": "{{ root }}/releases", "file_type": "directory"}, "register": "installed"},
        {"ansible.builtin.file": {"path": uploaded, "state": "absent"}},
    ]


@contextmanager
def _sshd(folder: Path) -> Iterator[Any]:
    """Real sshd on many loopback addresses; gives a function from a number to the variables of a host."""
    root = debian.unpacked("openssh")
    environment = debian.environment(root)
    keys = Path(tempfile.mkdtemp(prefix="ek-ssh-", dir="/var/tmp"))
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)], check=True)
    if is_root():
        # As root it wants an account of its own and a folder, which only the package's installation would make.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        (keys / "passwd").write_text(Path("/etc/passwd").read_text() + "sshd:x:65534:65534::/run/sshd:/usr/sbin/nologin\n")
        library = next(root.glob("usr/lib/*/libnss_wrapper.so*"))
        environment.update(LD_PRELOAD=str(library), NSS_WRAPPER_PASSWD=str(keys / "passwd"), NSS_WRAPPER_GROUP="/etc/group")
    port = free_port()
    addresses = [f"127.0.{1 + number // 200}.{1 + number % 200}" for number in range(HOSTS)]
    started = []
    try:
        for at in range(0, HOSTS, ADDRESSES):
            name = f"sshd{at}"
            listen = "\n".join(f"ListenAddress {address}" for address in addresses[at : at + ADDRESSES])
            sftp = root / "usr/lib/openssh/sftp-server"
            (keys / name).write_text(CONFIG.format(port=port, listen=listen, folder=keys, name=name, sftp=sftp))
            argv = [str(root / "usr/sbin/sshd"), "-D", "-e", "-f", str(keys / name)]
            started.append(subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stderr=(keys / f"{name}.log").open("w")))
        time.sleep(1)
        if any(process.poll() is not None for process in started):
            raise RuntimeError("sshd did not start: " + "".join(path.read_text() for path in keys.glob("*.log")))
        yield lambda number: {
            "ansible_host": addresses[number],
            "ansible_port": port,
            "ansible_user": getpass.getuser(),
            "ansible_ssh_private_key_file": str(keys / "user"),
            "ansible_ssh_common_args": "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
            "ansible_python_interpreter": sys.executable,
        }
    finally:
        for process in started:
            process.terminate()
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        subprocess.run(["rm", "-rf", str(keys)], check=False)
