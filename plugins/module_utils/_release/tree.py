# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a service on a host: `releases/<version>`, their records, and the `current` link.

root/
  releases/1.1.0/            immutable, read-only
  releases/1.1.0.json        {"version", "sha256", "files": {path: sha256}}
  current -> releases/1.1.0  what the host is settled on
  .current.before            where `current` pointed when another tool had the folder, for the way back from our first release
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._release.archive import fetch, file_digest, unpack
from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError


class ReleaseTree:
    def __init__(self, root: str) -> None:
        self.root = root
        self.releases = os.path.join(root, "releases")
        self.current_link = os.path.join(root, "current")
        self.before_link = os.path.join(root, ".current.before")
        self.fresh_link = os.path.join(root, ".current.new")

    def path(self, version: str) -> str:
        return os.path.join(self.releases, version)

    def current(self) -> Optional[str]:
        if not os.path.islink(self.current_link):
            return None
        return os.path.basename(os.readlink(self.current_link))

    def colour(self) -> str:
        """The colour whose configuration is live; "" when none is."""
        live = os.path.join(self.root, "config", "live")
        return os.path.basename(os.readlink(live)) if os.path.islink(live) else ""

    def installed(self) -> list[str]:
        """Versions with a complete record, oldest installation first."""
        if not os.path.isdir(self.releases):
            return []
        records = [name for name in os.listdir(self.releases) if name.endswith(".json")]
        records.sort(key=lambda name: (os.path.getmtime(os.path.join(self.releases, name)), name))
        return [name[: -len(".json")] for name in records if os.path.isdir(os.path.join(self.releases, name[: -len(".json")]))]

    def record(self, version: str) -> Optional[dict[str, Any]]:
        path = self.path(version) + ".json"
        try:
            with open(path, encoding="utf-8") as stream:
                found = json.load(stream)
        except FileNotFoundError:
            return None
        except ValueError as exc:
            raise ReleaseError(f"The record {path} is not JSON ({exc}). Remove it and its release folder, then deploy again.") from exc
        return found if isinstance(found, dict) else None

    def check(self, *, version: str, sha256: str) -> bool:
        """True when exactly this artifact is installed and intact; an error when another one or a changed one is."""
        record = self.record(version)
        if record is None or not os.path.isdir(self.path(version)):
            return False
        if record["sha256"] != sha256.lower():
            raise ReleaseError(
                f"{self.path(version)} was installed from an artifact with SHA-256 {record['sha256']}, the manifest now pins {sha256.lower()}."
                " A version never changes its content: publish a new version."
            )
        changed = [name for name, digest in sorted(record["files"].items()) if not self._same(version, name, digest)]
        if changed:
            raise ReleaseError(
                f"{self.path(version)} is immutable, yet {len(changed)} of its files differ from the artifact: {', '.join(changed[:5])}."
                f" Remove {self.path(version)}.json and the folder, find out who wrote there, then deploy again."
            )
        return True

    def install(self, *, version: str, source: str, sha256: str, timeout: float) -> int:
        """Fetch, verify, unpack, then rename into place: a killed run leaves only a hidden folder that the next one removes."""
        os.makedirs(self.releases, mode=0o755, exist_ok=True)
        self._remove_leftovers()
        work = tempfile.mkdtemp(prefix=".partial-", dir=self.releases)
        try:
            archive = os.path.join(work, "artifact")
            tree = os.path.join(work, "tree")
            os.mkdir(tree, 0o755)
            size = fetch(source=source, dest=archive, sha256=sha256, timeout=timeout)
            files = unpack(archive=archive, dest=tree)
            if os.path.isdir(self.path(version)):  # a folder without a record: an installation that never finished
                shutil.rmtree(self.path(version))
            os.rename(tree, self.path(version))
            self._write_record(version, {"version": version, "sha256": sha256.lower(), "files": files})
        except OSError as exc:
            raise ReleaseError(f"Release {version} could not be installed under {self.releases}: {exc.strerror or exc}. Nothing was activated.") from exc
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return size

    def require(self, version: str) -> None:
        if not os.path.isdir(self.path(version)):
            raise ReleaseError(
                f"Release {version} is not installed under {self.releases} (installed: {', '.join(self.installed()) or 'none'}). Deploy it first."
            )

    def activate(self, version: str) -> None:
        self.require(version)
        if self.foreign():
            self._link(os.readlink(self.current_link), self.before_link)
        self._link(os.path.join("releases", version), self.current_link)

    def deactivate(self) -> None:
        """No release of ours is current any more; what another tool had made current before is it again."""
        if self.foreign() or not os.path.lexists(self.current_link):
            return
        if os.path.lexists(self.before_link):
            os.replace(self.before_link, self.current_link)
        else:
            os.unlink(self.current_link)

    def foreign(self) -> bool:
        """Whether `current` points at a folder that was not installed by us."""
        current = self.current()
        return current is not None and not os.path.exists(self.path(current) + ".json")

    def surplus(self, *, keep: int, protect: list[str]) -> list[str]:
        """Versions that retention lets go: all but the newest `keep`, never the current or a protected one."""
        spared = {self.current(), *protect}
        candidates = self.installed()
        return [version for version in candidates[: max(0, len(candidates) - keep)] if version not in spared]

    def remove(self, version: str) -> None:
        record = self.path(version) + ".json"
        if os.path.exists(record):
            os.unlink(record)
        if os.path.isdir(self.path(version)):
            shutil.rmtree(self.path(version))

    def _link(self, target: str, path: str) -> None:
        fresh = os.path.join(self.root, ".{}.new".format(os.path.basename(path).lstrip(".")))
        if os.path.lexists(fresh):
            os.unlink(fresh)
        os.symlink(target, fresh)
        os.replace(fresh, path)

    def _same(self, version: str, name: str, digest: str) -> bool:
        try:
            return file_digest(os.path.join(self.path(version), name)) == digest
        except OSError:
            return False

    def _remove_leftovers(self) -> None:
        for name in os.listdir(self.releases):
            if name.startswith(".partial-"):
                shutil.rmtree(os.path.join(self.releases, name), ignore_errors=True)

    def _write_record(self, version: str, record: dict[str, Any]) -> None:
        path = self.path(version) + ".json"
        fresh = path + ".new"
        with open(fresh, "w", encoding="utf-8") as stream:
            json.dump(record, stream, indent=1, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, path)
