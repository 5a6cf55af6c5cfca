# SPDX-License-Identifier: GPL-3.0-or-later
"""A real MariaDB server for tests and benches: the host's own, or Debian's packages unpacked into a cache, without root."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .process import UNPRIVILEGED, Server, free_port, is_root, run_as, server_folder

USER = "evenkeel"
PASSWORD = "not-a-secret"  # a server of this test run on the loopback
CACHE = Path(__file__).resolve().parents[3] / ".cache" / "mariadb"
# What Debian 12 and 13 call them; a name that the host's release doesn't know is left out.
PACKAGES = (
    "mariadb-server-core",
    "mariadb-client-core",
    "mariadb-client",
    "mariadb-common",
    "libmariadb3",
    "libaio1",
    "libaio1t64",
    "liburing2",
    "libnuma1",
    "libncurses6",
    "libedit2",
    "libbsd0",
    "libmd0",
    "libpcre2-8-0",
)
NEEDED = PACKAGES[0]
FIXED = {
    "bind-address": "127.0.0.1",
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_general_ci",
    "innodb-buffer-pool-size": "64M",
    "innodb-log-file-size": "64M",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "innodb-flush-method": "nosync",
    "innodb-fast-shutdown": "2",
    "innodb-use-native-aio": "0",  # several servers at once run into the host's limit of requests
    "local-infile": "1",
    "log-bin-trust-function-creators": "1",
    "max-connections": "60",
    "performance-schema": "off",
    "key-buffer-size": "1M",
    "aria-pagecache-buffer-size": "8M",
}


class Installation:
    """Where the programs are, and the environment in which they find their libraries."""

    def __init__(self, root: Path | None):
        self.root = root
        self.env = dict(os.environ)
        if root is not None:
            found = sorted({str(path.parent) for path in root.glob("usr/lib/**/*.so.*")} | {str(path.parent) for path in root.glob("lib/**/*.so.*")})
            self.env["LD_LIBRARY_PATH"] = ":".join(found)

    def tool(self, name: str) -> str:
        if self.root is None:
            return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or name
        return next(str(self.root / part / name) for part in ("usr/sbin", "usr/bin") if (self.root / part / name).exists())

    @property
    def base(self) -> Path:
        return Path(self.tool("mariadbd")).resolve().parents[1]


def installation() -> Installation:
    if shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") and shutil.which("mariadb"):
        return Installation(None)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # workers of one test run unpack once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (CACHE / "root" / "usr/sbin/mariadbd").exists():
            _unpack()
    return Installation(CACHE / "root")


def _unpack() -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        pytest.skip("no mariadbd on this host, and no apt-get to fetch one: install mariadb-server-core and mariadb-client")
    packages = CACHE / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir()
    why = _download(packages)
    if why and is_root():  # lists that are missing, or so old that the files they name are gone
        subprocess.run(["apt-get", "-o", "DPkg::Lock::Timeout=600", "-qq", "update"], capture_output=True)
        why = _download(packages)
    if why:
        pytest.skip(f"mariadb: {why}: as root run apt-get update, or apt-get install mariadb-server-core mariadb-client")
    fresh = CACHE / "root.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for package in sorted(packages.glob("*.deb")):
        subprocess.run(["dpkg", "-x", package, fresh], check=True)
    shutil.rmtree(CACHE / "root", ignore_errors=True)
    fresh.rename(CACHE / "root")
    shutil.rmtree(packages)


def _download(packages: Path) -> str:
    """Why it can't be; empty when all is there."""
    known = [name for name in PACKAGES if subprocess.run(["apt-cache", "show", name], capture_output=True).returncode == 0]
    if NEEDED not in known:
        return f"the lists of apt know no {NEEDED}"
    unsandboxed = ["-o", "APT::Sandbox::User=root"] if is_root() else []  # its own account may not write into the cache
    done = subprocess.run(["apt-get", *unsandboxed, "download", *known], cwd=packages, capture_output=True, text=True)
    return f"apt-get download failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}" if done.returncode else ""


def _readable(found: Installation, folder: Path) -> Installation:
    """The server's account may not reach a cache inside a closed home: give it a copy then."""
    if found.root is None:
        return found
    try:
        subprocess.run([found.tool("mariadbd"), "--version"], check=True, capture_output=True, env=found.env, **run_as())  # type: ignore[call-overload]
    except (PermissionError, subprocess.CalledProcessError):
        return Installation(Path(shutil.copytree(found.root, folder / "root", symlinks=True)))
    return found


class MariaDB:
    def __init__(self, *, settings: dict[str, str] | None = None):
        self.folder = server_folder("mariadb")
        self.installation = _readable(installation(), self.folder)
        self.port = free_port()
        self.user = USER
        self.password = PASSWORD
        self.socket = self.folder / "s"
        self._numbers = itertools.count(1)
        self._install()
        self._server = Server(self._argv({**FIXED, **(settings or {})}), folder=self.folder, env=self.installation.env, drop_root=True)
        self._server.wait_until(self._answers)
        self._create_user()

    def _install(self) -> None:
        argv = [self.installation.tool("mariadb-install-db"), "--no-defaults", f"--basedir={self.installation.base}"]
        argv += [f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        argv += ["--innodb-flush-method=nosync", "--innodb-log-file-size=8M", "--innodb-use-native-aio=0", "--innodb-buffer-pool-size=16M"]
        for _attempt in range(3):  # on a host without memory to spare it may not come through
            done = subprocess.run(argv, capture_output=True, text=True, cwd=self.folder, env=self.installation.env, **run_as())  # type: ignore[call-overload]
            if not done.returncode:
                return
            shutil.rmtree(self.folder / "data", ignore_errors=True)
        raise RuntimeError(f"mariadb-install-db: {(done.stdout + done.stderr)[-2000:]}")

    def _argv(self, settings: dict[str, str]) -> list[str]:
        options = [f"--{key}={value}" for key, value in settings.items()]
        argv = [self.installation.tool("mariadbd"), "--no-defaults", f"--basedir={self.installation.base}", f"--datadir={self.folder / 'data'}"]
        argv.append("--gdb")  # without it SIGINT, which ends every server of the tests, is ignored
        if is_root():
            argv.append(f"--user={UNPRIVILEGED}")
        share = self.installation.base / "share/mysql"
        argv += [f"--lc-messages-dir={share}", f"--character-sets-dir={share / 'charsets'}"]
        argv.append(f"--tmpdir={self.folder}")  # a server that starts clears away what looks like its own
        return [*argv, f"--socket={self.socket}", f"--port={self.port}", f"--pid-file={self.folder / 'pid'}", *options]

    def _answers(self) -> bool:
        argv = [self.installation.tool("mariadb-admin"), "--no-defaults", f"--socket={self.socket}", "-uroot", "ping"]
        return subprocess.run(argv, capture_output=True, env=self.installation.env).returncode == 0

    def _create_user(self) -> None:
        argv = [self.installation.tool("mariadb"), "--no-defaults", f"--socket={self.socket}", "-uroot"]
        text = f"create user {USER}@'%' identified by '{PASSWORD}'; grant all on *.* to {USER}@'%' with grant option"
        subprocess.run(argv, input=text, text=True, check=True, capture_output=True, env=self.installation.env)

    @property
    def pid(self) -> int:
        return int(self._server.process.pid)

    def url(self, database: str = "mysql") -> str:
        return f"mysql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def place(self, database: str) -> dict[str, object]:
        """`source` or `target` of a synchronization."""
        return {"host": "127.0.0.1", "port": self.port, "user": self.user, "password": self.password, "dbname": database}

    def env(self) -> dict[str, str]:
        return {**self.installation.env, "MYSQL_PWD": self.password, "LC_ALL": "C.UTF-8"}

    def argv(self, tool: str, *words: str) -> list[str]:
        return [self.installation.tool(tool), "--no-defaults", "-h127.0.0.1", f"-P{self.port}", f"-u{self.user}", "--default-character-set=utf8mb4", *words]

    def sql(self, database: str, text: str) -> str:
        """Rows as text, columns apart by a tab; raises with the client's words when a statement fails."""
        done = subprocess.run(self.argv("mariadb", "-N", "-B", "-r", database), input=text, env=self.env(), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"mariadb on {database}: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def create_db(self) -> str:
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.sql("mysql", f"create database {name}")
        return name

    def kill(self) -> None:
        """As an outage does."""
        self._server.process.kill()
        self._server.process.wait()

    def start_again(self) -> None:
        self._server = Server(self._server.process.args, folder=self.folder, env=self.installation.env, drop_root=True)  # type: ignore[arg-type]
        self._server.wait_until(self._answers)

    def stop(self) -> None:
        self._server.process.kill()  # nothing of it is wanted afterwards
        self._server.stop()
