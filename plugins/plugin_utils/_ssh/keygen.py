# SPDX-License-Identifier: GPL-3.0-or-later
"""Running ssh-keygen, so that a key may lie in a file, in an agent or on a token, and anybody can do the same by hand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

SECONDS = 60
Done = subprocess.CompletedProcess[bytes]
TimeoutExpired = subprocess.TimeoutExpired


def call(command: Sequence[str], data: bytes) -> Done:
    """Without a terminal of its own and without a helper it fails instead of waiting for a passphrase that nobody types."""
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC", "SSH_ASKPASS_REQUIRE": "never"}
    return subprocess.run(command, input=data, capture_output=True, env=environment, start_new_session=True, timeout=SECONDS, check=False)
