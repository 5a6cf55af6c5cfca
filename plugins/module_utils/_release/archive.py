# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Get an artifact, prove its digest, unpack it safely."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import urllib.error
from typing import BinaryIO

from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError

CHUNK = 1 << 20


def file_digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(CHUNK), b""):
            digest.update(block)
    return digest.hexdigest()


def fetch(*, source: str, dest: str, sha256: str, timeout: float) -> int:
    """Copy `source` (path, file: or http(s) URL) to `dest` while hashing it; the size in bytes. A wrong digest leaves nothing."""
    digest = hashlib.sha256()
    size = 0
    try:
        with _open(source, timeout) as reader, open(dest, "wb") as writer:
            for block in iter(lambda: reader.read(CHUNK), b""):
                digest.update(block)
                size += len(block)
                writer.write(block)
            writer.flush()
            os.fsync(writer.fileno())
    except OSError as exc:
        _remove(dest)
        raise ReleaseError(f"The artifact {source} could not be read into {dest}: {_reason(exc)}.") from exc
    found = digest.hexdigest()
    if found != sha256.lower():
        _remove(dest)
        raise ReleaseError(
            f"The artifact {source} has SHA-256 {found}, the release manifest pins {sha256.lower()}. Nothing was installed."
            " Publish the artifact that was tested, or a new release with a new version."
        )
    return size


def unpack(*, archive: str, dest: str) -> dict[str, str]:
    """Unpack a tar archive into the empty folder `dest`; {relative path: sha256} of its files."""
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            for member in members:
                _refuse_unsafe(member)
            _need_space(dest, sum(member.size for member in members if member.isfile()))
            return {member.name: digest for member in members for digest in [_extract(tar, member, dest)] if digest}
    except (tarfile.TarError, EOFError, OSError) as exc:
        raise ReleaseError(f"The artifact {archive} could not be unpacked into {dest}: {_reason(exc)}.") from exc


def _open(source: str, timeout: float) -> BinaryIO:
    if source.startswith(("http://", "https://")):
        # It takes a host longer to load than most of what is done here, and few fetch for themselves.
        from ansible.module_utils.urls import open_url

        response: BinaryIO = open_url(source, timeout=timeout)
        return response
    return open(source[7:] if source.startswith("file://") else source, "rb")


def _reason(exc: BaseException) -> str:
    if isinstance(exc, urllib.error.HTTPError):
        return f"the server answered {exc.code} {exc.reason}"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) or type(exc).__name__


def _refuse_unsafe(member: tarfile.TarInfo) -> None:
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts:
        raise ReleaseError(f"The artifact holds {member.name!r}, a path outside the release folder. It was not unpacked.")
    if not (member.isfile() or member.isdir() or member.issym()):
        raise ReleaseError(f"The artifact holds {member.name!r}, which is neither file, folder nor symbolic link. It was not unpacked.")
    if member.issym():
        target = os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname))
        if member.linkname.startswith("/") or target.startswith(".."):
            raise ReleaseError(f"The artifact's link {member.name!r} points outside the release folder. It was not unpacked.")


def _need_space(dest: str, needed: int) -> None:
    free = shutil.disk_usage(dest).free
    if free < needed:
        raise ReleaseError(
            f"Unpacking into {dest} needs {needed / 2**20:.1f} MiB, {free / 2**20:.1f} MiB are free."
            " Nothing was changed. Make room, for example with fewer kept releases."
        )


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, dest: str) -> str:
    path = os.path.join(dest, member.name)
    if member.isdir():
        os.makedirs(path, mode=0o755, exist_ok=True)
        return ""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    if member.issym():
        os.symlink(member.linkname, path)
        return ""
    reader = tar.extractfile(member)
    if reader is None:
        raise ReleaseError(f"The artifact's file {member.name!r} has no content to read.")
    digest = hashlib.sha256()
    with reader, open(path, "xb") as writer:
        for block in iter(lambda: reader.read(CHUNK), b""):
            digest.update(block)
            writer.write(block)
    # Nobody edits a release in place: files are read-only from the start.
    os.chmod(path, 0o555 if member.mode & 0o111 else 0o444)
    return digest.hexdigest()


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
