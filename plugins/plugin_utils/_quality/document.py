# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence document: what the ledger keeps of one or more files of one kind about one artifact.

It is the body of an entry of kind `evidence`, phase `fact`, whose subject is the sha256 of the artifact, or of the release manifest (`digest_of`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.record import digest
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import KINDS, SHA256, File, Reading

VERSION = 1
FILES = 100  # so many are listed one by one; Surefire writes one for each class. The digest is over all
SKEW = timedelta(seconds=60)  # by so much the clock of a builder may be ahead of ours
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,79}")


class Artifact(NamedTuple):
    """What evidence is about. `component` is empty for the release as a whole; `label` names it for people."""

    sha256: str
    component: str
    version: str
    label: str


def digest_of(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of the RFC 8785 form of the manifest: the same however its YAML is written, another for any other digest in it."""
    return digest(dict(manifest))


def artifacts(manifest: Mapping[str, Any]) -> list[Artifact]:
    """Every artifact that the release pins, those of all platforms too."""
    found = []
    for name, component in sorted(manifest["components"].items()):
        for one in component.get("variants") or [component]:
            platform = "/".join(str(one[key]) for key in ("os", "arch", "variant") if one.get(key)) if "variants" in component else ""
            found.append(Artifact(str(one["sha256"]), name, str(component["version"]), f"{name} ({platform})" if platform else name))
    return found


def time_of(reading: Reading, given: datetime | None, file: File, now: datetime) -> datetime:
    """When it was made: as the file says, else as the caller does. Nobody knows the age of what has neither; the future is refused."""
    made_at = reading.made_at or given
    if made_at is None:
        raise EvidenceError(
            file.name,
            "",
            found="no time at which it was made",
            allowed="a time in the file, or made_at from who records it",
            next_step="pass made_at, for example the start of the job that made the file",
        )
    if made_at > now + SKEW:
        raise EvidenceError(
            file.name,
            "",
            found=f"that it was made at {made_at.isoformat()}, which is in the future (now: {now.isoformat(timespec='seconds')})",
            allowed="a time that has passed",
            next_step="correct the clock of the builder, or name its timezone where the file gives none",
        )
    return min(made_at, now)


def check_subject(reading: Reading, sha256: str, file: File) -> None:
    """Where a file names the digest of what it is about, it must be this artifact's."""
    if reading.subjects and sha256 not in reading.subjects:
        raise EvidenceError(
            file.name,
            "",
            found=f"that it is about the artifact with sha256 {reading.subjects[0]}",
            allowed=f"the artifact it is recorded for, sha256 {sha256}",
            next_step="record it for its own artifact, or make it again from this one",
        )


def body(
    reading: Reading,
    *,
    name: str,
    artifact: Artifact,
    files: Sequence[tuple[File, str]],
    made_at: datetime,
    tool: tuple[str, str] = ("", ""),
    vex: Sequence[Mapping[str, Any]] = (),
    signer: str = "",
    signers: File | None = None,
) -> dict[str, Any]:
    """`files` are (file, format); `tool` is what the caller says where the files do not."""
    tool_name, tool_version = reading.tool or tool[0], reading.tool_version or (tool[1] if reading.tool in ("", tool[0]) else "")
    found: dict[str, Any] = {
        "format": VERSION,
        "kind": reading.kind,
        "name": name,
        "component": artifact.component,
        "version": artifact.version,
        "verdict": reading.verdict,
        "reason": reading.reason[:1000],
        "made_at": made_at.astimezone(timezone.utc).isoformat(timespec="seconds"),
        "tool": {"name": tool_name or None, "version": tool_version or None},
        "files": [{"name": file.name, "sha256": file.sha256, "bytes": len(file.data), "format": form} for file, form in files[:FILES]],
        "files_total": len(files),
        "files_sha256": digest(sorted(file.sha256 for file, _form in files)),
        "numbers": dict(reading.numbers),
        "items": [dict(item) for item in reading.items],
    }
    if vex:
        found["vex"] = [dict(one) for one in vex]
    if signers is not None:
        found |= {"signer": signer, "allowed_signers": {"name": signers.name, "sha256": signers.sha256}}
    return found


def identity(content: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two documents about one artifact the same: the files and how they were read, not when or where they lay."""
    vex = tuple(sorted(one["sha256"] for one in content.get("vex") or ()))
    return (content.get("format"), content.get("kind"), content.get("name"), content.get("component"), content.get("files_sha256"), vex)


def known(entries: Iterable[Mapping[str, Any] | Any], sha256: str, content: Mapping[str, Any], environment: str) -> Any | None:
    """The entry that already holds this document, if there is one."""
    wanted = identity(content)
    return next(
        (entry for entry in entries if is_evidence(entry, {sha256}) and entry["environment"] == environment and identity(entry["body"]) == wanted), None
    )


def is_evidence(entry: Any, subjects: Collection[str]) -> bool:
    """Whether it is a document of this form about one of these. Anybody may record entries of the kind: what has another form is none."""
    if entry["kind"] != "evidence" or entry["phase"] != "fact" or entry["subject"] not in subjects:
        return False
    body_of = entry["body"]
    known_form = body_of.get("format") == VERSION and body_of.get("kind") in KINDS and isinstance(body_of.get("numbers"), Mapping)
    return bool(known_form and isinstance(body_of.get("name"), str) and SHA256.fullmatch(str(entry["subject"])))
