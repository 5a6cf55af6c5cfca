# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a part file from a server, over as many connections as it takes, until it is what its digest says.

A part file is gone on with only when the server gave a strong ETag for it and answers If-Range with 206 for exactly the bytes that are
missing. Whatever is put together this way is hashed as a whole: when it is wrong, it is thrown away and fetched once more in one piece.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address, http
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import Again, ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import file_digest

# A server that lets through a few bytes each time would be asked until the deadline.
LEAST = 32 * 1024
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True)
class Limits:
    """`size` is the exact number of bytes when it is known, `most` the number that is never exceeded; times are in seconds."""

    most: int
    size: int | None = None
    retries: int = 3
    backoff: float = 0.5
    deadline: float = 1800.0


@dataclass(frozen=True)
class Remote:
    """Where the bytes are. `secret` makes the secret headers anew for each request, since signed ones grow old."""

    url: str
    secret: Callable[[], Mapping[str, str]] = dict
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Got:
    """`resumed` are the bytes that an earlier connection had brought, `connections` those that were made."""

    size: int = 0
    resumed: int = 0
    connections: int = 0


@dataclass(frozen=True)
class Clock:
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def fill(part: Path, remote: Remote, *, sha256: str, limits: Limits, client: http.Client, clock: Clock | None = None) -> Got:
    """Returns when `part` holds the bytes of the digest; otherwise an error, and only bytes that may be gone on with are left."""
    clock = clock or Clock()
    download = _Download(part, remote, sha256, limits, client, clock.now() + limits.deadline, clock)
    resumed = download.run()
    found = file_digest(part).hex()
    if found != sha256 and resumed:
        discard(part)
        download.run()
        found = file_digest(part).hex()
    if found != sha256:
        size = part.stat().st_size
        discard(part)
        raise ClashError(
            f"{address.shown(remote.url)} has SHA-256 {found} ({size} bytes), the release manifest pins {sha256}. It was thrown away."
            " A version never changes its content: publish the artifact that was tested, or a new version."
        )
    _meta(part).unlink(missing_ok=True)
    download.got.size = part.stat().st_size
    return download.got


def discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _meta(part).unlink(missing_ok=True)


class _Download:
    def __init__(self, part: Path, remote: Remote, sha256: str, limits: Limits, client: http.Client, end: float, clock: Clock) -> None:
        self.part, self.remote, self.sha256, self.limits, self.client = part, remote, sha256, limits, client
        self.end, self.clock = end, clock
        self.got = Got()

    def run(self) -> bool:
        """True when the file was put together from more than one connection. A try that got on is no failed one."""
        failures, best = 0, 0
        while True:
            try:
                return self._connection()
            except Again as exc:
                size = _size(self.part)
                failures = 1 if size >= best + LEAST else failures + 1
                best = max(best, size)
                self._wait(exc, failures)

    def _wait(self, exc: Again, failures: int) -> None:
        if failures > self.limits.retries:
            raise ArtifactError(f"{exc} Given up after {self.got.connections} connections; what came is kept for the next run.") from exc
        pause = self.limits.backoff * 2 ** (failures - 1) if exc.wait is None else exc.wait
        if self.clock.now() + pause >= self.end:
            raise ArtifactError(f"{exc} The deadline of {self.limits.deadline:g} s is over; what came is kept for the next run.") from exc
        self.clock.sleep(pause)

    def _connection(self) -> bool:
        offset, etag = _usable(self.part, self.remote.url)
        if not etag:
            discard(self.part)
        ranged = {"Range": f"bytes={offset}-", "If-Range": etag} if etag else {}
        self.got.connections += 1
        response = self.client.open(self.remote.url, headers={**self.remote.headers, **ranged}, secret=self.remote.secret())
        try:
            return self._take(response, offset if etag else 0, etag)
        finally:
            response.close()

    def _take(self, response: http.Response, offset: int, etag: str) -> bool:
        if response.status == 416 and offset:
            if file_digest(self.part).hex() == self.sha256:
                return True  # an earlier run had all of it
            discard(self.part)
            raise Again(f"{address.shown(self.remote.url)} has no more than the {offset} bytes that were here, which are not what it should be.", wait=0)
        if response.status not in (200, 206):
            raise http.refused(self.remote.url, response)
        self._check_told(response.headers)
        offset, total = self._place(response, offset, etag)
        self._check_size(total)
        _remember(self.part, self.remote.url, response.headers.get("ETag", ""))
        self._copy(response, offset, total)
        self.got.resumed = max(self.got.resumed, offset)
        return offset > 0

    def _place(self, response: http.Response, offset: int, etag: str) -> tuple[int, int | None]:
        """(where the body belongs, size of the whole when it is told)."""
        if response.status == 200:
            length = response.headers.get("Content-Length", "")
            return 0, int(length) if length.isascii() and length.isdigit() else None
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        same = response.headers.get("ETag", etag) == etag
        if not match or int(match[1]) != offset or not same:
            discard(self.part)
            raise Again(f"{address.shown(self.remote.url)} answered with another part of the file than was asked for.", wait=0)
        return offset, None if match[3] == "*" else int(match[3])

    def _check_told(self, headers: Any) -> None:
        """What the server itself says of the content: reason enough not to load it."""
        for name, told in told_digests(headers):
            if told != self.sha256:
                discard(self.part)
                raise ClashError(
                    f"{address.shown(self.remote.url)} has SHA-256 {told} according to its header {name}, the release manifest pins {self.sha256}."
                    " Nothing was loaded. A version never changes its content: publish the artifact that was tested, or a new version."
                )

    def _check_size(self, total: int | None) -> None:
        if total is None:
            return
        if self.limits.size is not None and total != self.limits.size:
            raise ArtifactError(f"{address.shown(self.remote.url)} has {total} bytes, the release manifest pins {self.limits.size}. Nothing was loaded.")
        if total > self.limits.most:
            raise ArtifactError(f"{address.shown(self.remote.url)} has {total} bytes, allowed: {self.limits.most}. Nothing was loaded.")

    def _copy(self, response: http.Response, offset: int, total: int | None) -> None:
        size = offset
        most = self.limits.most if self.limits.size is None else min(self.limits.most, self.limits.size)
        with self.part.open("ab" if offset else "wb") as stream:
            while block := self._block(response):
                size += len(block)
                if size > most:
                    stream.close()
                    discard(self.part)
                    raise ArtifactError(f"{address.shown(self.remote.url)} sent more than {most} bytes. What came was thrown away.")
                _write(stream, block, self.part)
        if total is not None and size < total:
            raise Again(f"{address.shown(self.remote.url)} ended the connection after {size} of {total} bytes.")

    def _block(self, response: http.Response) -> bytes:
        if self.clock.now() >= self.end:
            raise ArtifactError(f"{address.shown(self.remote.url)} was not loaded within {self.limits.deadline:g} s; what came is kept for the next run.")
        try:
            return response.read1(http.CHUNK)
        except http.NETWORK as exc:
            raise http.failure(self.remote.url, exc) from None


def told_digests(headers: Any) -> list[tuple[str, str]]:
    """SHA-256 in hexadecimal, of the headers in which repositories tell it: Artifactory and Nexus, S3, OCI."""
    found = []
    for name in ("X-Checksum-Sha256", "Docker-Content-Digest"):
        text = (headers.get(name) or "").lower().removeprefix("sha256:")
        if re.fullmatch("[0-9a-f]{64}", text):
            found.append((name, text))
    try:
        raw = base64.b64decode(headers.get("x-amz-checksum-sha256") or "", validate=True)
    except binascii.Error:
        raw = b""  # of an upload in parts it is a hash of hashes
    return [*found, ("x-amz-checksum-sha256", raw.hex())] if len(raw) == 32 else found


def _usable(part: Path, url: str) -> tuple[int, str]:
    """(bytes that are here, their ETag); no ETag when they can't be gone on with."""
    size = _size(part)
    try:
        known = json.loads(_meta(part).read_text(encoding="utf-8"))
        return (size, str(known["etag"])) if size and known["url"] == _plain(url) and known["etag"] else (0, "")
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""


def _remember(part: Path, url: str, etag: str) -> None:
    """A weak ETag says that the content means the same, not that its bytes are the same."""
    strong = etag if etag.startswith('"') else ""
    _meta(part).write_text(json.dumps({"url": _plain(url), "etag": strong}), encoding="utf-8")


def _plain(url: str) -> str:
    return address.shown(url)


def _meta(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _write(stream: Any, block: bytes, part: Path) -> None:
    try:
        stream.write(block)
    except OSError as exc:
        raise ArtifactError(f"The artifact can't be written to {part}: {exc.strerror}. Make room, or clean the cache with state=cleaned.") from exc
