# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engines of the process provider share. An engine has validate, prepare, program and configure."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
from typing import Any, Callable, Optional

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv


class EngineError(Exception):
    """What was to be set up and why it could not be."""


class Context:
    """One service on this host: its options, the account it runs as, and what was (or would be) changed."""

    def __init__(self, params: dict[str, Any], *, check: bool, process: Callable[[], Optional[dict[str, Any]]] = lambda: None) -> None:
        self.name: str = params["name"]
        self.root: str = params["root"]
        self.address: str = params["address"]
        self.ports: dict[str, int] = {key: int(port) for key, port in params["ports"].items()}
        self.paths: dict[str, str] = params["paths"]
        self.settings: dict[str, Any] = params["settings"]
        self.secrets: dict[str, Any] = params["secrets"]
        self.wait: float = params["wait"]
        self.check = check
        self.process = process
        self.changes: list[str] = []
        self.restart = False

    def changed(self, what: str) -> bool:
        """Note a change; True when it is to be carried out, that is, not in check mode."""
        self.changes.append(what)
        return not self.check

    def pid(self) -> int:
        """The process's id, 0 between two attempts; an error once the supervisor has given up."""
        found = self.process()
        if found is not None and found["statename"] in ("FATAL", "EXITED", "STOPPED"):
            raise EngineError("its process is {}: {}".format(found["statename"], found["spawnerr"] or found["description"]))
        return int(found["pid"]) if found else 0

    def folder(self, path: str, *, mode: int = 0o700, owner: Optional[tuple[int, int]] = None) -> None:
        if os.path.isdir(path):
            return
        if self.changed(f"folder {path}"):
            os.makedirs(path, mode=0o711, exist_ok=True)
            os.chmod(path, mode)
            if owner is not None:
                os.chown(path, *owner)

    def file(self, path: str, text: str, *, owner: Optional[tuple[int, int]] = None) -> bool:
        """Bring a private file to that content; True when it differs."""
        if sv.read_text(path) == text:
            return False
        if self.changed(f"file {path}"):
            sv.write_private(path, text, owner=owner)
        return True


def package_file(package: str, *parts: str) -> Optional[str]:
    """A file inside an installed Python package, without importing it."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = os.path.join(folder, *parts)
        if os.path.exists(path):
            return path
    return None


def find_program(program: str, *, package: str, parts: tuple[str, ...]) -> str:
    found = package_file(package, *parts) or shutil.which(program)
    if found is None:
        raise EngineError(
            "Program {} was not found: neither the Python package {} of this interpreter nor PATH has it. Install one of them,"
            " or point ansible_python_interpreter at the environment that has it".format(program, package.replace("_", "-"))
        )
    return found


def reachable(path: str, account: pwd.struct_passwd) -> bool:
    """Whether the account may walk to that path; a missing end is judged by its nearest existing folder."""
    path = os.path.abspath(path)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    path = os.path.realpath(path)
    while True:
        found = os.stat(path)
        groups = os.getgrouplist(account.pw_name, account.pw_gid)
        if found.st_uid == account.pw_uid:
            bit = stat.S_IXUSR
        elif found.st_gid in groups:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if os.path.isdir(path) and not found.st_mode & bit:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def unprivileged() -> pwd.struct_passwd:
    """The account for programs that refuse root: our own, or as root an existing one that owns nothing important."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EngineError("There is neither an account postgres nor nobody to run as. Create one of them")
