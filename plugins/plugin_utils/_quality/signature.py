# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signed a statement: `ssh-keygen -Y verify`, so that anybody can check it by hand with the same allowed-signers file.

The signer must be allowed for the namespace of that kind of statement at the time that the statement names AND now. A signature carries no time of its
own: without the second, whoever keeps a key that has run out could date a statement back.
"""

from __future__ import annotations

import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import File

SECONDS = 30


def namespace(kind: str) -> str:
    return f"evenkeel-{kind.replace('_', '-')}"


def verify(file: File, signature: File, *, signers: File, principal: str, kind: str, times: tuple[datetime, ...]) -> None:
    """EvidenceError unless `principal` signed exactly these bytes and is allowed to at all of these times."""
    with tempfile.TemporaryDirectory(prefix="evenkeel-") as folder:
        for name, content in (("signature", signature.data), ("signers", signers.data)):
            (Path(folder) / name).write_bytes(content)  # what was read is what is checked, whatever happens to the files meanwhile
        for moment in times:
            stamp = moment.astimezone(timezone.utc).strftime("%Y%m%d%H%M%SZ")
            argv = ["ssh-keygen", "-Y", "verify", "-q", "-f", f"{folder}/signers", "-I", principal, "-n", namespace(kind)]
            argv += ["-s", f"{folder}/signature", "-O", f"verify-time={stamp}"]
            try:
                done = subprocess.run(argv, input=file.data, capture_output=True, timeout=SECONDS, check=False)
            except (OSError, subprocess.TimeoutExpired) as exc:
                _refuse(file, signature, f"ssh-keygen did not answer ({exc})", "ssh-keygen of OpenSSH 8.9 or newer", "install it on the controller")
            if done.returncode:
                said = " ".join((done.stdout + done.stderr).decode(errors="replace").replace(folder, "").split())[:160]
                found = f"a signature that does not hold for {principal} in the namespace {namespace(kind)} at {moment.isoformat()} ({said})"
                allowed = f"a signature of these very bytes by a signer whom {signers.name} allows for that namespace at that time and now"
                _refuse(file, signature, found, allowed, "sign it again with ssh-keygen -Y sign, or correct the allowed signers")


def _refuse(file: File, signature: File, found: str, allowed: str, next_step: str) -> NoReturn:
    raise EvidenceError(file.name, f"signature {signature.name}", found=found, allowed=allowed, next_step=next_step) from None
