# SPDX-License-Identifier: GPL-3.0-or-later
"""The trusted place: who may sign, who is who, and the rules. Whoever can write there can approve anything, so it is looked at before it is read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import roster, signers
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.proof import Signers
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.subject import sha256
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Document, name_fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import parse

SYSTEM = Path("/etc/evenkeel/trust")
LARGEST = 1024 * 1024
DOCUMENTS = {"people": "people.yml", "approvals": "approvals.yml", "duties": "duties.yml"}
MOST_ACCESS = 200


class Trust(NamedTuple):
    """access: the documents access/*.yml; policies: {name: sha256} of the rules that an approval is bound to."""

    place: str
    signers: Signers
    roster: roster.Roster
    approvals: dict[str, Any]
    duties: dict[str, Any]
    access: list[dict[str, Any]]
    people: dict[str, Any]

    @property
    def policies(self) -> dict[str, str]:
        found = {"trust/approvals": sha256(self.approvals), "trust/duties": sha256(self.duties)}
        return {**found, **{f"trust/access/{each['name']}": sha256(each) for each in self.access}}

    @property
    def digests(self) -> dict[str, str]:
        """What was trusted, for whoever asks later."""
        signers, revoked = (hashlib.sha256(data).hexdigest() for data in (self.signers.data, self.signers.revoked))
        return {"place": self.place, "allowed_signers": signers, "revoked_keys": revoked, "people": sha256(self.people), **self.policies}


def place(get: Callable[[str], Any], environ: Mapping[str, str], *, system: Path = SYSTEM) -> Path:
    """What an administrator laid down wins over what a run says: /etc/evenkeel/trust, then the environment, then the variable."""
    if system.is_dir():
        return system
    chosen = environ.get("EVENKEEL_TRUST_DIR") or get("evenkeel_trust_dir")
    if not chosen:
        raise ApprovalError(f"No trusted place is known: make {system}, or set EVENKEEL_TRUST_DIR in the environment or evenkeel_trust_dir.")
    return Path(str(chosen)).expanduser()


def load(folder: Path, *, today: date) -> Trust:
    """ApprovalError with every fault of every file."""
    found, faults, files = read(folder, today=today)
    if faults:
        raise ApprovalError(f"The trusted place can't be used. {render(faults, {'files': files})}")
    return found


def read(folder: Path, *, today: date) -> tuple[Trust, list[Fault], int]:
    """(the place, every fault of every file, how many files). With faults it is nothing to trust. ApprovalError when others can write there."""
    folder = Path(os.path.realpath(folder))
    paths = [folder / "allowed_signers", *(folder / name for name in DOCUMENTS.values())]
    revoked, extra = folder / "revoked_keys", sorted((folder / "access").glob("*.yml"))[: MOST_ACCESS + 1]
    if len(extra) > MOST_ACCESS:
        raise ApprovalError(f"{folder}/access has more than {MOST_ACCESS} documents.")
    every = [*paths, *([revoked] if revoked.exists() else []), *extra]
    unsafe = [said for path in [*_above(folder), folder, *([folder / "access"] if extra else []), *every] for said in _unsafe(path)]
    if unsafe:
        raise ApprovalError(f"The trusted place {folder} is not used: {'; '.join(unsafe)}. Next: give it to root or to who runs this, and take away the rest.")
    lines, faults = signers.read(_bytes(paths[0]))
    found = [Fault(str(paths[0]), 0, "(line)", each, "see ssh-keygen(1), ALLOWED SIGNERS; names instead of patterns") for each in faults]
    documents: dict[str, Any] = {}
    for kind, path in zip(DOCUMENTS, paths[1:], strict=True):
        documents[kind] = _document(kind, path, today, found)
    access = [_document("access", path, today, found) for path in extra]
    if found:
        documents = {"people": {"people": {}}, "approvals": {}, "duties": {}}
    known = Signers(_bytes(paths[0]), lines, _bytes(revoked) if revoked.exists() else b"")
    made = Trust(str(folder), known, roster.Roster(documents["people"]), documents["approvals"], documents["duties"], access, documents["people"])
    return made, found, len(every)


def _document(kind: str, path: Path, today: date, found: list[Fault]) -> Any:
    value, source, faults = parse(_bytes(path).decode("utf-8", "replace"), str(path))
    if not (faults and value is None):
        faults = [*faults, *check(kind, value, today=today, source=source)]
    if kind == "people" and not faults:
        allowed = "each name for one person"
        faults = [source.fault(where, found=f"{name}, a name of {other} too", allowed=allowed) for where, name, other in roster.doubles(value)]
    if kind == "access" and not faults:
        faults = name_fault(Document(path.stem, value, source), "name")
    if kind in ("approvals", "duties") and not faults:
        names = [rule["name"] for rule in value["rules"]]
        faults = [source.fault(("rules",), found=f"two rules {name}", allowed="each name once") for name in sorted({n for n in names if names.count(n) > 1})]
    found += faults
    return value


def _above(path: Path) -> Iterator[Path]:
    yield from reversed(path.parents)


def _unsafe(path: Path) -> Iterator[str]:
    """As sshd looks at what it trusts: nobody but root and us may write it or put another one in its place."""
    try:
        seen = path.lstat()
    except OSError as exc:
        yield f"{path} is missing ({exc.strerror})"
        return
    if stat.S_ISLNK(seen.st_mode):
        yield f"{path} is a link"
    elif not (stat.S_ISDIR(seen.st_mode) or stat.S_ISREG(seen.st_mode)):
        yield f"{path} is neither a file nor a folder"
    elif seen.st_uid not in (0, os.geteuid()):
        yield f"{path} belongs to uid {seen.st_uid}"
    elif stat.S_IMODE(seen.st_mode) & 0o022 and not (stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX):
        yield f"{path} can be written by others (mode {stat.S_IMODE(seen.st_mode):04o})"


def _bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ApprovalError(f"{path} has more than {LARGEST} bytes.")
    return data
