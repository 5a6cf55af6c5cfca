# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server: its programs, its account, and what it answers. Passwords go by the environment, statements by standard input."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.errors import NodeError
from ansible_collections.evenkeel.release.plugins.module_utils._pgnode.facts import program_version

POLL_SECONDS = 0.1
TOLD = 400  # of an error
Runner = Callable[..., tuple[int, str, str]]


class Server:
    """settings: the options of the module. run: AnsibleModule.run_command."""

    def __init__(self, settings: Mapping[str, Any], run: Runner) -> None:
        self.settings = dict(settings)
        self.name = str(settings["name"])
        self.data = str(settings["data"])
        self.bindir = str(settings["bindir"])
        self._run = run
        self._account = self._owner()

    def _owner(self) -> Optional[pwd.struct_passwd]:
        try:
            found = os.stat(self.data)
        except OSError as exc:
            raise NodeError(f"{self.name}: the data folder {self.data} can't be read: {exc.strerror}. Name the folder that holds PG_VERSION.") from exc
        if found.st_uid == os.geteuid():
            return None
        if os.geteuid() == 0:
            return pwd.getpwuid(found.st_uid)
        owner = found.st_uid
        raise NodeError(f"{self.name}: the data folder {self.data} belongs to uid {owner}; be that account or root (become).")

    def other(self, **settings: Any) -> Server:
        """The same programs and account for another server on this host."""
        return Server({**self.settings, **settings}, self._run)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One act at a time: that of a run whose controller was killed goes on to its end, and the next run has to wait for it."""
        descriptor = os.open(self.data, os.O_RDONLY)
        try:
            if not self.wait(float(self.settings["wait"]), lambda: _locked(descriptor)):
                raise NodeError(f"{self.name}: another act holds {self.data} for {self.settings['wait']:g} s already. Wait for its end, then run again.")
            yield
        finally:
            os.close(descriptor)

    @property
    def identity(self) -> tuple[int, int]:
        return (self._account.pw_uid, self._account.pw_gid) if self._account else (os.geteuid(), os.getegid())

    def command(self, argv: Sequence[str], **more: Any) -> tuple[int, str, str]:
        """As the owner of the data folder: PostgreSQL's own programs refuse root."""
        drop = []
        if self._account:
            drop = ["setpriv", f"--reuid={self._account.pw_uid}", f"--regid={self._account.pw_gid}", "--clear-groups", "--"]
        return self.plain([*drop, *argv], **more)

    def plain(self, argv: Sequence[str], *, data: Optional[str] = None, words: Optional[Mapping[str, str]] = None) -> tuple[int, str, str]:
        """As the account of the task, for packages and services."""
        words = {"LC_ALL": "C", **(words or {})}
        return self._run(list(argv), data=data, environ_update=words, cwd="/", umask=0o077)

    def tool(self, name: str, *words: str, bindir: str = "", password: str = "") -> str:
        """Standard output of one of PostgreSQL's programs that has to succeed."""
        argv = [os.path.join(bindir or self.bindir, name), *words]
        code, out, error = self.command(argv, words={"PGPASSWORD": password} if password else {})
        if code:
            raise NodeError(f"{self.name}: {name} ended with {code}: {told(error or out)}")
        return out

    def installed(self, bindir: str = "") -> str:
        return program_version(self.tool("postgres", "--version", bindir=bindir))

    def running(self) -> bool:
        code, out, error = self.command([os.path.join(self.bindir, "pg_ctl"), "status", "-D", self.data])
        if code not in (0, 3):
            raise NodeError(f"{self.name}: pg_ctl status -D {self.data} ended with {code}: {told(error or out)}")
        return code == 0

    def sql(self, text: str, *, database: str = "") -> str:
        """Rows as text; a statement that fails raises the first line of the error, since later lines quote it."""
        settings = self.settings
        where = ["-h", settings["socket"], "-p", str(settings["port"]), "-U", settings["user"], "-d", database or settings["database"]]
        argv = [os.path.join(self.bindir, "psql"), "-XAtqw", "-v", "ON_ERROR_STOP=1", *where, "-f", "-"]
        words = {"PGCONNECT_TIMEOUT": "5", **({"PGPASSWORD": settings["password"]} if settings["password"] else {})}
        code, out, error = self.command(argv, data=text, words=words)
        if code:
            raise NodeError(f"{self.name}: port {settings['port']} of {settings['socket']}: {(error.strip().splitlines() or ['no reason given'])[0][:TOLD]}")
        return out.strip()

    def ask(self, text: str, *, database: str = "") -> Any:
        """The answer of a query that gives one JSON document."""
        return json.loads(self.sql(text, database=database))

    def path(self, *parts: str) -> str:
        return os.path.join(self.data, *parts)

    def write(self, path: str, text: str) -> None:
        """A file of the server's account, whole or not at all."""
        partial = f"{path}.evenkeel"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchown(file.fileno(), *self.identity)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)

    def wait(self, seconds: float, ready: Callable[[], bool]) -> bool:
        """Whether it became ready in time; asked once more at the very end."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                return False
            time.sleep(POLL_SECONDS)
        return True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def told(text: str) -> str:
    """The end of what a program said, on one line."""
    return " / ".join(text.strip().splitlines()[-3:])[-TOLD:] or "it said nothing"
