# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a release is complete in an environment: its exit checks passed after its last deployment there.

A fact of kind `release` and subject `exit` has the environment and the release of the entry and the body {verdict, checks, sha256, deployment}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import criteria
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.identity import KIND, digest

Data = Mapping[str, Any]
SUBJECT = "exit"


def body(manifest: Data, evidence: Data, *, entry: str) -> dict[str, Any]:
    """What is recorded after the deployment whose outcome is the given entry: {verdict, checks, sha256, deployment}."""
    checks = criteria.judge(manifest.get("exit_checks", []), evidence)
    return {"verdict": criteria.worst([check["verdict"] for check in checks]), "checks": checks, "sha256": digest(manifest), "deployment": entry}


def view(entries: Iterable[Data], manifest: Data, environment: str) -> dict[str, Any]:
    """{state, why, checked_at, deployment}: state is complete, incomplete or not_deployed. Unknown is incomplete."""
    known = list(entries)
    version = manifest["version"]
    runs = [each for each in views.deployments(known).get(environment, {}).values() if each["release"] == version]
    if not runs:
        return {"state": "not_deployed", "why": f"{environment} does not run {version}", "checked_at": None, "deployment": None}
    deployment = max(each["entry"] for each in runs)
    checked = [entry for entry in known if entry["kind"] == KIND and entry["subject"] == SUBJECT and _of(entry, environment, version)]
    mine = [entry for entry in checked if entry["body"].get("deployment") == deployment]
    answer = {"state": "incomplete", "why": "", "checked_at": mine[-1]["time"] if mine else None, "deployment": deployment}
    if not manifest.get("exit_checks"):
        return {**answer, "state": "complete", "why": "the manifest asks for no exit checks"}
    if not mine:
        return {**answer, "why": "its exit checks have not run since its deployment"}
    if mine[-1]["body"].get("sha256") != digest(manifest):
        return {**answer, "why": "its exit checks ran for another manifest"}
    if mine[-1]["body"].get("verdict") == "passed":
        return {**answer, "state": "complete"}
    left = [check["name"] for check in mine[-1]["body"].get("checks", []) if check.get("verdict") != "passed"]
    return {**answer, "why": f"its exit checks did not pass: {', '.join(left) or 'none is told'}"}


def _of(entry: Data, environment: str, version: str) -> bool:
    return bool(entry["environment"] == environment and entry["release"] == version)
