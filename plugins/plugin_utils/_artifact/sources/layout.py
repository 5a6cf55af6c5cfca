# SPDX-License-Identifier: GPL-3.0-or-later
"""Where repositories keep a file, and what the checksum file beside it says. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import address
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError

LAYOUTS = ("nexus", "artifactory", "plain")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_COORDINATES = re.compile(r"([^:@]+):([^:@]+):([^:@]+)(?::([^:@]+))?(?:@([^:@]+))?")
# `hash  name` and `hash *name` of coreutils, the bare hash, and `SHA256 (name) = hash` of the BSDs
_LINE = re.compile(r"(?:([0-9A-Fa-f]{64})(?:[ \t]+\*?(\S.*))?|SHA256 \((.+)\) = ([0-9A-Fa-f]{64}))")


def url_of(repository: Mapping[str, Any]) -> str:
    """layout, url, name (of the repository) and either path or maven (group:artifact:version[:classifier][@extension])."""
    base = str(repository["url"]).rstrip("/")
    address.parse(base)
    path = str(repository.get("path") or "") or maven_path(str(repository.get("maven") or ""))
    parts = [*_segments(str(repository.get("name") or "")), *_segments(path)]
    if repository["layout"] == "nexus":
        parts.insert(0, "repository")
    return "/".join([base, *(quote(part) for part in parts)])


def maven_path(coordinates: str) -> str:
    match = _COORDINATES.fullmatch(coordinates)
    words = [word for word in match.groups() if word] if match else []
    if not match or not all(_WORD.fullmatch(word) for word in words):
        raise ArtifactError(f"The Maven coordinates are {coordinates!r}, allowed: group:artifact:version[:classifier][@extension].")
    group, artifact, version, classifier, extension = match.groups()
    name = f"{artifact}-{version}" + (f"-{classifier}" if classifier else "")
    return f"{group.replace('.', '/')}/{artifact}/{version}/{name}.{extension or 'jar'}"


def sidecar_digest(text: str, name: str) -> str | None:
    """The SHA-256 that a checksum file tells of the file; None when it tells of others only or is none."""
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if not match:
            continue
        told, of = match[1] or match[4], match[2] or match[3] or name
        if of.strip().rsplit("/", 1)[-1] == name:
            return str(told).lower()
    return None


def _segments(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") or re.search(r"[\x00-\x1f\x7f\\]", part) for part in parts):
        raise ArtifactError(f"The path {path!r} leads out of the repository or holds a control character. It was not asked for.")
    return parts
