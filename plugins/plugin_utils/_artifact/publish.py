# SPDX-License-Identifier: GPL-3.0-or-later
"""Put an artifact and its signatures where others fetch it, once: a name that is taken by other bytes is an error."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address, download, http, judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.fetch import Wanted
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.policy import Policy, check_name, rule_for
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.sources.locate import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import Subject, file_digest


class Publisher:
    """`dest` is a folder, or the http(s) address of one, that a PUT below it fills."""

    def __init__(self, policy: Policy, access: Access, limits: download.Limits, dest: str) -> None:
        self._policy, self._access, self._limits = policy, access, limits
        self._dest = dest.rstrip("/")
        self._remote = "://" in dest and not dest.startswith("file://")
        if self._remote and address.parse(dest).scheme not in address.PORTS:
            raise ArtifactError(f"{address.shown(dest)} can't be published to, allowed: a folder, or an http or https address.")
        self.shown = address.shown(self._dest)

    def run(self, wanted: Wanted, *, check: bool) -> bool:
        """True when something was, or with `check` would be, put there."""
        files = self._files(wanted)
        missing = [path for path, sha256 in files.items() if not self._there(path.name, sha256)]
        for path in [] if check else missing:
            self._put(path, files[path])
        return bool(missing)

    def _files(self, wanted: Wanted) -> Mapping[Path, str]:
        """The artifact comes last: whoever sees it finds its signatures."""
        if "://" in wanted.source:
            raise ArtifactError(f"{address.shown(wanted.source)} is no file of the controller; publish one.")
        path = Path(wanted.source)
        if not path.is_file():
            raise ArtifactError(f"The artifact {path} is not a file on the controller. Nothing was published.")
        found = file_digest(path).hex()
        if found != wanted.sha256:
            raise ClashError(f"{path} has SHA-256 {found}, sha256 says {wanted.sha256}. Nothing was published.")
        self._check(path, wanted)
        signatures = [Path(signature.source) for signature in wanted.signatures]
        return {**{each: file_digest(each).hex() for each in signatures}, path: wanted.sha256}

    def _check(self, path: Path, wanted: Wanted) -> None:
        """What nobody could fetch is not published."""
        rule = rule_for(self._policy, wanted.name.component)
        component, version, platform = wanted.name
        check_name(rule, path.name, component=component, version=version, platform=platform)
        try:
            given = [judge.Given(kind, Path(source).read_bytes()) for kind, source in wanted.signatures]
        except OSError as exc:
            raise ArtifactError(f"The signature {exc.filename} can't be read: {exc.strerror}. Nothing was published.") from exc
        judge.require(rule, judge.check_all(Subject(path), given, self._policy), str(wanted.name))

    def _there(self, name: str, sha256: str) -> bool:
        found = self._remote_digest(name, sha256) if self._remote else self._local_digest(name)
        if found not in ("", sha256):
            raise ClashError(
                f"{self.shown}/{name} is published with SHA-256 {found}, this file has {sha256}. Nothing was published."
                " A version never changes its content: publish a new version."
            )
        return bool(found)

    def _local_digest(self, name: str) -> str:
        path = self._folder() / name
        return file_digest(path).hex() if path.is_file() else ""

    def _remote_digest(self, name: str, sha256: str) -> str:
        """What is there, empty when nothing is; told by the repository, or by loading it."""
        url = f"{self._dest}/{quote(name)}"
        response = self._access.client.open(url, secret=self._access.credentials.http())
        told = download.told_digests(response.headers)
        response.close()
        if response.status == 404:
            return ""
        if response.status != 200:
            raise http.refused(url, response)
        return told[0][1] if told else self._loaded(url, sha256)

    def _loaded(self, url: str, sha256: str) -> str:
        with tempfile.TemporaryDirectory(prefix="evenkeel-") as folder:
            part = Path(folder) / "part"
            remote = download.Remote(url, secret=self._access.credentials.http)
            try:
                download.fill(part, remote, sha256=sha256, limits=replace(self._limits, size=None), client=self._access.client)
            except ClashError as exc:
                raise ClashError(f"{exc} It is published already, and this file is another one: publish a new version.") from exc
        return sha256

    def _put(self, path: Path, sha256: str) -> None:
        if not self._remote:
            self._place(path)
            return
        url = f"{self._dest}/{quote(path.name)}"
        headers = {"X-Checksum-Sha256": sha256, "If-None-Match": "*", "Content-Type": "application/octet-stream"}
        with path.open("rb") as stream:
            response = self._access.client.send(url, stream, size=path.stat().st_size, headers=headers, secret=self._access.credentials.http())
        response.close()
        if response.status not in (200, 201, 204, 412):
            raise http.refused(url, response)
        # Whatever the server said, only what can be read back is published; 412: somebody else was first.
        if not self._there(path.name, sha256):
            raise ArtifactError(f"{address.shown(url)} took the file (answer {response.status}), yet it is not there.")

    def _place(self, path: Path) -> None:
        """Never in the place of another file."""
        folder = self._folder()
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as stream, path.open("rb") as reader:
                    shutil.copyfileobj(reader, stream, 1 << 20)
                    stream.flush()
                    os.fsync(handle)
                os.chmod(temporary, 0o444)
                os.link(temporary, folder / path.name)
            finally:
                os.unlink(temporary)
        except FileExistsError:
            self._there(path.name, file_digest(path).hex())
        except OSError as exc:
            raise ArtifactError(f"{path} can't be published to {folder}: {exc.strerror or exc}.") from exc

    def _folder(self) -> Path:
        return Path(self._dest.removeprefix("file://"))
