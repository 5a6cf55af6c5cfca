# SPDX-License-Identifier: GPL-3.0-or-later
"""faults.py break|heal KIND HOST: what can happen to a host of the lab, from outside of it, and the end of it.

killed       every process dies at once, the host stays down; healed, it boots
paused       every process is stopped, as by SIGSTOP; the kernel still takes connections
partitioned  no packet comes in or goes out
full         the disk of its services has no byte left
slow         every packet it sends is late by 300 ms, and one of twenty is lost
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

KINDS = ("killed", "paused", "partitioned", "full", "slow")
QUEUE = "7"
HERE = Path(__file__).resolve().parent


def run(*words: str, check: bool = True) -> str:
    return subprocess.run(words, check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60).stdout.strip()


def folder() -> Path:
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


def network(host: str, *words: str) -> list[str]:
    """The command, in the network of the host."""
    return ["nsenter", "--net", "--target", run("podman", "inspect", "--format", "{{.State.Pid}}", host), "--", *words]


def killed(host: str, *, heal: bool) -> None:
    if heal:
        run("podman", "start", host)
        run(
            "podman",
            "exec",
            host,
            "timeout",
            "30",
            "sh",
            "-c",
            "until [ -S /run/systemd/private ]; do sleep 0.1; done; systemctl is-system-running --wait",
            check=False,
        )
    else:
        run("podman", "kill", "--signal", "KILL", host)


def paused(host: str, *, heal: bool) -> None:
    run("podman", "unpause" if heal else "pause", host)


def partitioned(host: str, *, heal: bool) -> None:
    for chain in ("INPUT", "OUTPUT"):
        run(*network(host, "iptables", "--delete" if heal else "--insert", chain, "--jump", "DROP"))


def full(host: str, *, heal: bool) -> None:
    filler = folder() / "disks" / host / "filler"
    if heal:
        filler.unlink()
        return
    with open(filler, "wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    stream.write(b"\0" * size)
            except OSError:
                continue


def slow(host: str, *, heal: bool) -> None:
    note = folder() / f"slow-{host}"
    rule = ("OUTPUT", "--jump", "NFQUEUE", "--queue-num", QUEUE)
    if heal:
        run(*network(host, "iptables", "--delete", *rule))
        os.kill(int(note.read_text()), signal.SIGTERM)
        return
    holder = subprocess.Popen(
        network(host, sys.executable, str(HERE / "slow.py"), QUEUE, "300", "5"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    if not holder.stdout or holder.stdout.readline().strip() != "ready":
        raise SystemExit("the packets can't be held: has the kernel no NFQUEUE?")
    note.write_text(str(holder.pid))
    run(*network(host, "iptables", "--insert", *rule))


if __name__ == "__main__":
    verb, kind, name = sys.argv[1:]
    {"killed": killed, "paused": paused, "partitioned": partitioned, "full": full, "slow": slow}[kind](name, heal=verb == "heal")
