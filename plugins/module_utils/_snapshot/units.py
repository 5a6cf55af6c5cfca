# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd's unit files as systemd sees them: which file counts, which drop-ins, enabled or not.

Asking systemd which ones are enabled takes it half a second, as it reads all of them for each; here each is read once.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections.abc import Iterator
from typing import Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host

# The first one that has a name wins.
FOLDERS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
LINKS = re.compile(r".*\.(?:wants|requires|upholds)")
SECTION, INSTALL = re.compile(r"^\s*\[(.*?)\]\s*$"), re.compile(r"^\s*(WantedBy|RequiredBy|UpheldBy|Alias|Also|DefaultInstance)\s*=\s*(\S.*?)\s*$")


class Units:
    """Each folder is listed, and each file read, once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lists = [(folder, frozenset(self._names(folder))) for folder in FOLDERS]
        self._dropins = frozenset(name for _folder, names in self._lists for name in names if name.endswith(".d"))
        self._data: dict[str, bytes] = {}
        self._asked = dict(self._links())
        self._instances = {template_of(name) for name in self._asked}

    def names(self) -> set[str]:
        return {name for _folder, names in self._lists for name in names if name.endswith((".service", ".timer"))}

    def target(self, name: str) -> str:
        """The unit that an alias is another name of; any other one is its own."""
        path = self._path(name)
        if not path or not os.path.islink(self._host.path(path)):
            return name
        other = os.path.basename(os.readlink(self._host.path(path)))
        if other == name or not any(other in names for _folder, names in self._lists):
            return name
        return other

    def enabled(self, name: str) -> str:
        """In the words of `systemctl is-enabled`; none when there is no file."""
        path = self._path(name)
        if not path:
            template = template_of(name)
            return self._asked.get(name) or (self.enabled(template) if template else "none")
        runtime = "-runtime" if path.startswith("/run/") else ""
        folder = os.path.dirname(path)
        if self.target(name) != name:
            return "alias"
        if not self._read(path):
            return f"masked{runtime}" if os.path.exists(self._host.path(path)) else "bad"
        if "/generator" in folder:
            return "generated"
        if folder.endswith("/transient"):
            return "transient"
        install = self._install(name)
        # A template is asked for by the instance it names itself.
        asked = self._asked.get(name) or self._asked.get(name.replace("@.", f"@{install.get('DefaultInstance', '')}."))
        if asked:
            return asked
        if os.path.islink(self._host.path(path)) and not os.readlink(self._host.path(path)).startswith(FOLDERS):
            return f"linked{runtime}"
        if install.keys() - {"Also", "DefaultInstance"} and name not in self._instances:
            return "disabled"
        return "indirect" if "Also" in install or name in self._instances else "static"

    def digest(self, name: str) -> Optional[str]:
        """None for a unit without a file. The place of a file does not count, only what is in it."""
        parts = self._parts(self.target(name))
        if not parts:
            return None
        whole = hashlib.sha256()
        for base, path in parts:
            whole.update(os.fsencode(base) + b"\0" + hashlib.sha256(self._read(path)).digest())
        return whole.hexdigest()

    def _parts(self, name: str) -> list[tuple[str, str]]:
        path = self._path(name) or self._path(template_of(name) or "")
        return [("", path)] * bool(path) + sorted(self.dropins(name).items())

    def _path(self, name: str) -> str:
        return next((f"{folder}/{name}" for folder, names in self._lists if name in names), "")

    def dropins(self, name: str) -> dict[str, str]:
        """{file name: path}. Of files with one name the one in the first folder counts."""
        wanted = self._dropins.intersection(f"{one}.d" for one in dropin_names(name))
        found: dict[str, str] = {}
        for folder, names in self._lists if wanted else ():
            for directory in sorted(wanted & names, key=len, reverse=True):
                for base in fnmatch.filter(self._names(f"{folder}/{directory}"), "*.conf"):
                    found.setdefault(base, f"{folder}/{directory}/{base}")
        return found

    def _links(self) -> Iterator[tuple[str, str]]:
        """(unit, enabled or enabled-runtime): links to it in the folders of those that want it, and other names for it; what the vendor put does not count."""
        for folder, names in reversed(self._lists):
            if folder.startswith(("/etc/systemd/system", "/run/systemd/")):
                state = "enabled" if folder.startswith("/etc/") else "enabled-runtime"
                places = [(folder, names), *((f"{folder}/{name}", self._names(f"{folder}/{name}")) for name in names if LINKS.fullmatch(name))]
                for place, inner in places:
                    for link in inner:
                        path = self._host.path(f"{place}/{link}")
                        if link.endswith((".service", ".timer")) and os.path.islink(path):
                            target = os.path.basename(os.readlink(path))
                            named = {link, target} - ({link} if place == folder else {template_of(link)})
                            yield from ((one, state) for one in named)

    def _install(self, name: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for _base, path in self._parts(name):
            section = ""
            for line in self._read(path).decode("utf-8", "replace").splitlines():
                heading = SECTION.match(line)
                section = heading.group(1) if heading else section
                setting = INSTALL.match(line) if section == "Install" else None
                found.update([(setting.group(1), setting.group(2))] if setting else ())
        return found

    def _names(self, folder: str) -> list[str]:
        try:
            return self._host.names(folder)
        except FileNotFoundError:
            return []

    def _read(self, path: str) -> bytes:
        """A file that is masked by a link to /dev/null, or whose link leads nowhere, is empty."""
        if path not in self._data:
            try:
                self._data[path] = b"" if _leads_nowhere(self._host.path(path)) else self._host.data(path)
            except FileNotFoundError:
                self._data[path] = b""
        return self._data[path]


def _leads_nowhere(path: str) -> bool:
    return os.path.islink(path) and os.path.realpath(path) == "/dev/null"


def template_of(name: str) -> Optional[str]:
    """getty@tty1.service is made from getty@.service."""
    stem, dot, kind = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    return f"{prefix}@{dot}{kind}" if at and instance else None


def dropin_names(name: str) -> Iterator[str]:
    """Names whose folders hold drop-ins for it: its own, its template's, `a-b-.service` and `a-.service` for a-b-c, and its type's."""
    stem, _dot, kind = name.rpartition(".")
    for one in (name, template_of(name)):
        if one:
            yield one
    prefix = stem.partition("@")[0]
    while "-" in prefix.rstrip("-"):
        prefix = prefix.rstrip("-").rpartition("-")[0]
        yield f"{prefix}-.{kind}"
    yield kind
