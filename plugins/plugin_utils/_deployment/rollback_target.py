# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a rollback goes to."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError


def choose(*, environment: str, current: str, verified: Sequence[str], wanted: str = "") -> str:
    """`wanted` when it was verified in the environment, else the last verified release that is not the current one.

    verified: releases in the order of their verification, oldest first.
    """
    choices = [release for release in dict.fromkeys(reversed(verified)) if release != current]
    if not choices:
        raise DeploymentError(
            f"{environment} runs {current or 'no release'} and the ledger knows no other release that was verified there."
            " There is nothing to roll back to; deploy a release with evenkeel.release.deploy."
        )
    if wanted and wanted not in choices:
        raise DeploymentError(f"Release {wanted} was never verified in {environment} (or is the current one). Rollback is possible to: {', '.join(choices)}.")
    return wanted or choices[0]
