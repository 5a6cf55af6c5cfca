# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes under one supervisord, driven through its XML-RPC interface on a unix socket.

Shape of a program (plain dict): name, command (list), directory, environment (dict), user, stop_signal, stop_wait,
stop_group, autorestart, launch_dir.  Everything secret lives in its launch script, mode 0600.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Callable, Optional

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}\Z")
SETTLED_DOWN = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")
UP = ("RUNNING", "STARTING")
# A unix socket path holds 107 bytes, and supervisord binds "<path>" itself; stay clear of the edge.
SOCKET_PATH_LIMIT = 100
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


class SupervisorError(Exception):
    """What was asked of the supervisor and why it could not be done."""


# --- pure part ------------------------------------------------------------------------------------------------------
def check_program(program: dict[str, Any]) -> list[str]:
    faults = []
    if not NAME_PATTERN.match(program["name"]):
        faults.append("name {!r}: allowed are letters, digits, '_', '.' and '-', at most 80".format(program["name"]))
    if not program["command"]:
        faults.append("command: is empty, found [], needs at least the program to run")
    elif not program["command"][0].startswith("/"):
        faults.append("command: {!r} is not an absolute path".format(program["command"][0]))
    texts = list(program["command"]) + [str(value) for value in program["environment"].values()]
    if any("\0" in text for text in texts):
        faults.append("command, environment: NUL bytes are not allowed")
    bad = [key for key in program["environment"] if not re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", key)]
    if bad:
        faults.append("environment: not a variable name: {}".format(", ".join(sorted(bad))))
    return faults


def launch_script(program: dict[str, Any], supervisor_dir: str) -> str:
    """A shell script, since supervisord's own `environment=` loses quotes, percent signs and ' #' in values."""
    lines = ["#!/bin/sh", f"export EVENKEEL_SUPERVISOR={shlex.quote(supervisor_dir)}"]
    for key, value in sorted(program["environment"].items()):
        lines.append(f"export {key}={shlex.quote(str(value))}")
    if program.get("directory"):
        lines.append("cd {} || exit 111".format(shlex.quote(program["directory"])))
    lines.append("exec {}".format(" ".join(shlex.quote(word) for word in program["command"])))
    return "\n".join(lines) + "\n"


def program_config(program: dict[str, Any], *, script: str, script_path: str, log: str, autostart: bool) -> str:
    # The digest makes supervisord itself see a change of the script: it compares configurations, not files.
    digest = hashlib.sha256(script.encode()).hexdigest()
    options = [
        ("command", f"/bin/sh {shlex.quote(script_path)}"),
        ("environment", 'EVENKEEL_PROGRAM="{}",EVENKEEL_DIGEST="{}"'.format(program["name"], digest)),
        ("autostart", "true" if autostart else "false"),
        ("autorestart", "true" if program["autorestart"] else "false"),
        ("startsecs", "1"),
        ("startretries", "3"),
        ("stopsignal", program["stop_signal"]),
        ("stopwaitsecs", str(program["stop_wait"])),
        ("stopasgroup", "true" if program["stop_group"] else "false"),
        ("killasgroup", "true"),
        ("redirect_stderr", "true"),
        ("stdout_logfile", log),
        ("stdout_logfile_maxbytes", "10MB"),
        ("stdout_logfile_backups", "2"),
    ]
    if program.get("user"):
        options.append(("user", program["user"]))
    return "[program:{}]\n".format(program["name"]) + "".join("{}={}\n".format(k, v.replace("%", "%%")) for k, v in options)


def daemon_config(supervisor_dir: str, socket_path: str) -> str:
    base = supervisor_dir.replace("%", "%%")
    return (
        "[unix_http_server]\nfile={}\nchmod=0600\n\n".format(socket_path.replace("%", "%%"))
        + f"[supervisord]\nlogfile={base}/supervisord.log\npidfile={base}/supervisord.pid\n"
        + f"childlogdir={base}/log\ndirectory={base}\numask=077\nminfds=1024\n\n"
        + "[rpcinterface:supervisor]\n"
        + "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n"
        + "[include]\nfiles=conf.d/*.conf\n"
    )


def visible(program: dict[str, Any]) -> str:
    """The program as a diff may show it: the names of its environment, never the values."""
    keys = ("command", "directory", "user", "stop_signal", "stop_wait", "stop_group", "autorestart")
    lines = [f"{key}: {program[key]}" for key in keys if program.get(key) is not None]
    lines.append("environment: {}".format(", ".join(sorted(program["environment"]))))
    return "\n".join(lines) + "\n"


def without_autostart(config: str) -> str:
    return "\n".join(line for line in config.splitlines() if not line.startswith("autostart="))


# --- files ----------------------------------------------------------------------------------------------------------
def write_private(path: str, text: str, *, mode: int = 0o600, owner: Optional[tuple[int, int]] = None) -> None:
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            if owner is not None:
                os.fchown(stream.fileno(), *owner)
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def read_text(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def runtime_dir(base: str, uid: int) -> str:
    """The base itself, or a short stand-in under /tmp when a socket below it would be too long."""
    if len(os.path.join(base, "s" * 24)) <= SOCKET_PATH_LIMIT:
        return base
    return "/tmp/evenkeel-%d/%s" % (uid, hashlib.sha256(base.encode()).hexdigest()[:12])  # noqa: S108  checked below


def make_runtime_dir(path: str, uid: int, gid: int) -> None:
    """Create it private; a folder under /tmp that somebody else prepared is refused, not used."""
    for folder in (os.path.dirname(path), path) if path.startswith("/tmp/evenkeel-") else (path,):  # noqa: S108
        with contextlib.suppress(FileExistsError):
            os.makedirs(folder, mode=0o700)
            os.chown(folder, uid, gid)
        found = os.lstat(folder)
        if not os.path.isdir(folder) or os.path.islink(folder) or found.st_uid != uid or found.st_mode & 0o022:
            raise SupervisorError(
                "Runtime folder %s: found owner %d, mode %o; needed is a folder of user %d that nobody else can write. "
                "Remove it and try again." % (folder, found.st_uid, found.st_mode & 0o7777, uid)
            )


def tail(path: str, lines: int = 20) -> list[str]:
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 16384))
            return stream.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def _rpc() -> Any:
    """See there why it is not imported with the others."""
    from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor_rpc

    return _supervisor_rpc


class Supervisor:
    """One supervisord and its folder: conf.d/ log/ launch/ supervisord.conf; socket in a short runtime folder."""

    def __init__(self, directory: str, *, binary: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.directory = os.path.abspath(directory)
        if re.search(r"[\x00-\x1f]| [;#]", self.directory):
            raise SupervisorError(f"supervisor_dir {self.directory!r}: control characters, ' ;' and ' #' do not work.")
        self.binary = binary
        self.runtime = runtime_dir(self.directory, os.geteuid())
        self.socket = os.path.join(self.runtime, "supervisor.sock")
        self._sleep = sleep

    def path(self, *parts: str) -> str:
        return os.path.join(self.directory, *parts)

    def log_path(self, name: str) -> str:
        return self.path("log", name + ".log")

    def config_path(self, name: str) -> str:
        return self.path("conf.d", name + ".conf")

    def script_path(self, program: dict[str, Any]) -> str:
        return os.path.join(program.get("launch_dir") or self.path("launch"), program["name"] + ".sh")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        os.makedirs(self.directory, mode=0o711, exist_ok=True)
        with open(self.path(".lock"), "w", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def call(self, method: str, *args: Any) -> Any:
        try:
            return self._ask(method, *args)
        except _rpc().Refused as exc:
            raise SupervisorError(f"supervisord at {self.socket} refused {method}{args!r}: {exc}") from exc

    def _ask(self, method: str, *args: Any) -> Any:
        return _rpc().ask(self.socket, method, *args)

    def alive(self) -> bool:
        try:
            self.call("getState")
        except OSError:
            return False
        return True

    def ensure_running(self) -> bool:
        """Start supervisord unless it answers; True when it was started. Call with the lock held."""
        if self.alive():
            return False
        self._refuse_deaf_daemon()
        # A supervisord that was killed leaves its children on their ports; the new one starts them again.
        end_orphans(self.directory)
        for folder in ("conf.d", "log"):
            os.makedirs(self.path(folder), mode=0o700, exist_ok=True)
        os.makedirs(self.path("launch"), mode=0o711, exist_ok=True)
        if self.runtime != self.directory:
            make_runtime_dir(self.runtime, os.geteuid(), os.getegid())
        write_private(self.path("supervisord.conf"), daemon_config(self.directory, self.socket))
        self._spawn()
        return True

    def _refuse_deaf_daemon(self) -> None:
        pid = (read_text(self.path("supervisord.pid")) or "").strip()
        cmdline = read_text(f"/proc/{pid}/cmdline") if pid.isdigit() else None
        if cmdline and self.path("supervisord.conf") in cmdline.split("\0"):
            raise SupervisorError(f"supervisord (pid {pid}) of {self.directory} runs but does not answer on {self.socket}. End it with SIGTERM and try again.")

    def _spawn(self) -> None:
        # Nothing of the caller's environment but a few harmless names: tokens in it must not reach the children.
        environment = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        with tempfile.TemporaryFile() as output:
            try:
                code = subprocess.run(
                    [self.binary, "-c", self.path("supervisord.conf")],
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                    cwd="/", start_new_session=True, check=False,
                ).returncode  # fmt: skip
            except OSError as exc:
                raise SupervisorError(f"Could not start {self.binary}: {exc}. Install supervisor or set its path.") from exc
            output.seek(0)
            said = output.read().decode(errors="replace").strip()[-2000:]
        deadline = time.monotonic() + 15
        while code == 0 and time.monotonic() < deadline:
            if self.alive():
                return
            self._sleep(0.05)
        raise SupervisorError("supervisord of %s did not come up (exit code %d): %s" % (self.directory, code, said))

    def info(self, name: str) -> Optional[dict[str, Any]]:
        try:
            return dict(self._ask("getProcessInfo", f"{name}:{name}"))
        except _rpc().Refused as exc:
            if exc.code == _rpc().BAD_NAME:
                return None
            raise SupervisorError(f"supervisord at {self.socket} does not tell of {name}: {exc}") from exc

    def state(self, name: str) -> str:
        found = self.info(name) if self.alive() else None
        return str(found["statename"]) if found else "ABSENT"

    def programs(self) -> list[str]:
        try:
            return sorted(item[:-5] for item in os.listdir(self.path("conf.d")) if item.endswith(".conf"))
        except FileNotFoundError:
            return []

    def desired_config(self, program: dict[str, Any], *, autostart: bool) -> str:
        return program_config(
            program,
            script=launch_script(program, self.directory),
            script_path=self.script_path(program),
            log=self.log_path(program["name"]),
            autostart=autostart,
        )

    def define(self, program: dict[str, Any], *, autostart: bool) -> None:
        """Write the program's files and make supervisord hold exactly that definition. Ends a process that had another."""
        name = program["name"]
        script = self.script_path(program)
        os.makedirs(os.path.dirname(script), mode=0o711, exist_ok=True)
        owner = None
        if program.get("user"):
            account = pwd.getpwnam(program["user"])
            owner = (account.pw_uid, account.pw_gid)
        write_private(script, launch_script(program, self.directory), owner=owner)
        write_private(self.config_path(name), self.desired_config(program, autostart=False))
        added, changed, _dummy = self.call("reloadConfig")[0]
        if name in changed:
            self.stop(name)
            self.call("removeProcessGroup", name)
        if name in changed or name in added:
            self.call("addProcessGroup", name)
        # Written without autostart while it was added, or supervisord would start it on its own.
        if autostart:
            write_private(self.config_path(name), self.desired_config(program, autostart=True))

    def set_autostart(self, name: str, wanted: bool) -> None:
        """What a supervisord that starts anew (a reboot) does with the program; the running one is not told."""
        config = read_text(self.config_path(name))
        line = "autostart=%s" % ("true" if wanted else "false")
        if config is not None and line not in config.splitlines():
            write_private(self.config_path(name), re.sub(r"(?m)^autostart=.*$", line, config))

    def stop(self, name: str) -> bool:
        found = self.info(name)
        if found is None or found["statename"] in SETTLED_DOWN:
            return False
        self.call("stopProcessGroup", name, True)
        return True

    def await_running(self, name: str, wait: float) -> dict[str, Any]:
        """RUNNING means that it has been up for a second (startsecs)."""
        deadline = time.monotonic() + wait
        found = self.info(name) or {"statename": "ABSENT"}
        while found["statename"] not in ("RUNNING", "FATAL") and time.monotonic() < deadline:
            self._sleep(0.1)
            found = self.info(name) or {"statename": "ABSENT"}
        if found["statename"] != "RUNNING":
            raise SupervisorError("is {} after at most {:g}s, needed is RUNNING; its log is {}".format(found["statename"], wait, self.log_path(name)))
        return found

    def remove(self, name: str) -> bool:
        """Stop and forget the program; its log goes too. True when there was anything."""
        existed = self.info(name) is not None if self.alive() else False
        if existed:
            self.stop(name)
            self.call("removeProcessGroup", name)
        files = [self.config_path(name), self.path("launch", name + ".sh"), self.log_path(name)]
        files += [self.log_path(name) + ".%d" % number for number in (1, 2)]
        for path in files:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(path)
                existed = True
        if existed and self.alive():
            self.call("reloadConfig")
        return existed

    def shutdown(self, wait: float = 60.0) -> bool:
        """End supervisord and everything it keeps, and wait until its process is gone."""
        if not self.alive():
            return False
        pid = int(self.call("getPID"))
        self.call("shutdown")
        deadline = time.monotonic() + wait
        while os.path.exists("/proc/%d" % pid) and not _is_zombie(pid):
            if time.monotonic() > deadline:
                raise SupervisorError("supervisord (pid %d) of %s still runs after %gs" % (pid, self.directory, wait))
            self._sleep(0.05)
        return True


def _is_zombie(pid: int) -> bool:
    stat = read_text("/proc/%d/stat" % pid)
    return stat is None or stat.rpartition(")")[2].split()[:1] == ["Z"]


def orphans(directory: str, program: str = "") -> list[int]:
    """Processes that this supervisor launched, all or one program's. Only these carry its folder in their environment.

    A PostgreSQL backend overwrites its environment; it ends with its parent, which does not.
    """
    wanted = {f"EVENKEEL_SUPERVISOR={directory}".encode()}
    if program:
        wanted.add(f"EVENKEEL_PROGRAM={program}".encode())
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as stream:
                if wanted <= set(stream.read().split(b"\0")):
                    found.append(int(entry))
        except OSError:
            continue
    return found


def end_orphans(directory: str, program: str = "", *, sleep: Callable[[float], None] = time.sleep) -> list[int]:
    """End what outlived its supervisord: politely, then by force. Gives the ids that were found."""
    found = orphans(directory, program)
    for number, patience in ((signal.SIGINT, 10.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
        for pid in orphans(directory, program):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while orphans(directory, program) and time.monotonic() < deadline:
            sleep(0.1)
    left = orphans(directory, program)
    if left:
        raise SupervisorError("Processes {} of {} do not end. End them by hand and try again.".format(", ".join(map(str, left)), directory))
    return found
