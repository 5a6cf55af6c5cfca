# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signed, by ssh-keygen. What the signed text says of its signer is not asked here."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.signers import Line
from ansible_collections.evenkeel.release.plugins.plugin_utils._ssh import keygen, sshsig


class Signers(NamedTuple):
    """allowed_signers as it was read once from its trusted place, and the keys that are revoked (a KRL, or a key a line)."""

    data: bytes
    lines: Sequence[Line]
    revoked: bytes = b""


class Proof(NamedTuple):
    """The names that the key may sign for, all of them proved."""

    principals: tuple[str, ...]
    fingerprint: str


def prove(data: bytes, signature: bytes, *, namespace: str, signers: Signers, at: datetime) -> Proof:
    """ValueError, with the reason, unless the signature is right for these bytes, this namespace and this moment."""
    try:
        made = sshsig.parse(signature)
    except ValueError:
        raise ValueError("its signature is no SSH signature") from None
    found = made.namespace.decode("utf-8", "replace")
    if found != namespace:
        raise ValueError(f"its signature was made for the namespace {found[:80]!r}, needed is {namespace!r}")
    if not sshsig.touched(made):
        raise ValueError("its signature is of a key on a token that nobody touched")
    with tempfile.TemporaryDirectory(prefix="evenkeel-") as name:
        folder = Path(name)
        for file, content in (("sig", signature), ("signers", signers.data), ("revoked", signers.revoked)):
            (folder / file).write_bytes(content)
        when = at.astimezone(timezone.utc).strftime("verify-time=%Y%m%d%H%M%S")
        given = ["-O", when, "-s", str(folder / "sig"), "-f", str(folder / "signers")]
        revoked = ["-r", str(folder / "revoked")] if signers.revoked else []
        # Names come from our own reading of the trusted file and from the certificate, never from the text, and none of them is a pattern.
        listed = _lines(["ssh-keygen", "-Y", "find-principals", *given], b"")
        known = {principal for line in signers.lines for principal in line.principals}
        candidates = sorted({name for line in listed for name in line.split(",")} & known)
        proved = [one for one in candidates if _good(["ssh-keygen", "-Y", "verify", *given, *revoked, "-I", one, "-n", namespace], data)]
    if not proved:
        raise ValueError(_why(made, signers, candidates, namespace, at))
    return Proof(tuple(proved), made.fingerprint)


def _why(made: sshsig.Signature, signers: Signers, candidates: Sequence[str], namespace: str, at: datetime) -> str:
    own = [line for line in signers.lines if line.fingerprint == made.fingerprint and not line.authority]
    key = f"the key {made.fingerprint}"
    ended = [line for line in own if line.before and line.before <= at]
    early = [line for line in own if line.after and line.after > at]
    if not own and not candidates:
        return f"it is signed by {key}, which allowed_signers does not list (any more): what it signed does not count"
    if own and len(ended) == len(own):
        return f"it is signed by {key}, which was valid until {ended[0].before}: what it signed does not count any more"
    if own and len(early) == len(own):
        return f"it is signed by {key}, which is valid from {early[0].after} only"
    if own and all(line.namespaces and namespace not in line.namespaces for line in own):
        return f"it is signed by {key}, which allowed_signers does not allow for the namespace {namespace}"
    return f"the signature of {key} does not fit its content, or the key is revoked"


def _lines(command: Sequence[str], data: bytes) -> list[str]:
    done = _call(command, data)
    return done.stdout.decode("utf-8", "replace").splitlines() if done.returncode == 0 else []


def _good(command: Sequence[str], data: bytes) -> bool:
    return _call(command, data).returncode == 0


def _call(command: Sequence[str], data: bytes) -> keygen.Done:
    try:
        return keygen.call(command, data)
    except OSError as exc:
        raise ApprovalError(f"Signatures can't be checked: ssh-keygen cannot be run ({exc.strerror}). Next: install OpenSSH 8.9 or newer here.") from exc
    except keygen.TimeoutExpired as exc:
        raise ApprovalError(f"Signatures can't be checked: ssh-keygen gave no answer in {keygen.SECONDS} seconds.") from exc
