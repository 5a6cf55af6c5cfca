# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers out of Debian's packages, unpacked into a cache without root; the host's own where it has them."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.process import is_root

CACHE = Path(__file__).resolve().parents[3] / ".cache" / "debian"
ERLANG = "asn1 base crypto eldap ftp inets mnesia os-mon parsetools public-key runtime-tools snmp ssl syntax-tools tftp tools xmerl"
REDIS = "libjemalloc2 liblua5.1-0 liblzf1 libhiredis0.14 libhiredis1.1.0 lua-cjson lua-bitop libatomic1"
# The first package of each set is the one it can't do without; names that the host's release doesn't know are left out.
SETS = {
    "redis": (
        "redis-tools",
        "redis-server",
        "libjemalloc2",
        "liblua5.1-0",
        "liblzf1",
        "libhiredis0.14",
        "libhiredis1.1.0",
        "lua-cjson",
        "lua-bitop",
        "libatomic1",
    ),
    "prometheus": ("prometheus",),
    "rsyslog": ("rsyslog", "rsyslog-gnutls", "libestr0", "libfastjson4", "liblognorm5"),
    "rabbitmq": ("rabbitmq-server", *(f"erlang-{part}" for part in ERLANG.split())),
}


def unpacked(name: str) -> Path:
    """The folder that stands for / in the packages of a set."""
    CACHE.mkdir(parents=True, exist_ok=True)
    root = CACHE / name
    with (CACHE / f"{name}.lock").open("w") as lock:  # workers of one test run unpack once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _unpack(name, root)
    return root


def environment(root: Path) -> dict[str, str]:
    libraries = sorted({str(path.parent) for path in root.glob("usr/lib/**/*.so.*")})
    path = os.pathsep.join([str(root / "usr/bin"), os.environ.get("PATH", "")])
    return {"LD_LIBRARY_PATH": ":".join(libraries), "PATH": path, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def _unpack(name: str, root: Path) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        pytest.skip(f"no apt-get on this host to fetch {SETS[name][0]}")
    packages = CACHE / f"{name}.packages"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir()
    why = _download(packages, name)
    if why and is_root():  # lists that are missing, or so old that the files they name are gone
        subprocess.run(["apt-get", "-o", "DPkg::Lock::Timeout=600", "-qq", "update"], capture_output=True)
        why = _download(packages, name)
    if why:
        pytest.skip(f"{name}: {why}: as root run apt-get update")
    fresh = CACHE / f"{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for package in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, fresh], check=True)
    _relocate(fresh, root)
    fresh.rename(root)
    shutil.rmtree(packages)


def _download(packages: Path, name: str) -> str:
    """Why it can't be; empty when all is there."""
    known = [one for one in SETS[name] if subprocess.run(["apt-cache", "show", one], capture_output=True).returncode == 0]
    if SETS[name][0] not in known:
        return f"the lists of apt know no {SETS[name][0]}"
    unsandboxed = ["-o", "APT::Sandbox::User=root"] if is_root() else []
    done = subprocess.run(["apt-get", *unsandboxed, "download", *known], cwd=packages, capture_output=True, text=True)
    return f"apt-get download failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}" if done.returncode else ""


def _relocate(fresh: Path, root: Path) -> None:
    """Erlang's scripts know one place only."""
    for script in [*fresh.glob("usr/lib/erlang/bin/erl"), *fresh.glob("usr/lib/erlang/erts-*/bin/erl")]:
        script.write_text(script.read_text().replace("/usr/lib/erlang", f"{root}/usr/lib/erlang"))
