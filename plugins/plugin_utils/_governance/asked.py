# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate would be asked about a release that somebody wants to bring into an environment, without planning anything. Pure but for the manifest.

The plan of a deployment refuses some things before the gate is asked: these are told here as rows of the same table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import holds, inventory, reads, recovery, stages
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import sections
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Question
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.settings import Settings

Document = Mapping[str, Any]
Entry = Mapping[str, Any]
# The kinds of entries that the evidence is made from.
KINDS = (
    *recovery.DEPLOYING,
    *("recovery", "step", "switch", "migration", "hold", "mark", "verification", "provision", "teardown", "data_sync", "drift", "validation"),
    *("approval", "evidence", "report", "flag", "release"),
)


def version(*, wanted: str, act: str, upstream: Document | None, deployed: Mapping[str, Mapping[str, str]]) -> str:
    """The release that is meant: the one that is named, else with the act promote the one that runs upstream."""
    if wanted:
        return wanted
    name = str(upstream["name"]) if upstream else ""
    running = sorted(set(deployed.get(name, {}).values())) if act == "promote" else []
    if len(running) == 1:
        return running[0]
    found = f"{name} runs {', '.join(running) or 'no release'}" if name else "there is no environment before this one"
    raise DeploymentError(f"evenkeel_version is not set, and {found}: pass -e evenkeel_version=<release>.")


def gather(
    *,
    now: datetime,
    act: str,
    wanted: str,
    environment: Document,
    services: Mapping[str, Document],
    above: tuple[Document | None, Mapping[str, Document]],
    releases_dir: str,
    policies_dir: str,
    ledger: reads.Ledger,
    groups: Mapping[str, Sequence[str]],
    hostvars: Any,
    settings: Settings,
    actor: Document,
    variables: Document,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the evidence document, rows of what stands against it before any policy). above: the environment before this one and its services."""
    upstream, name = above[0], str(environment["name"])
    deployed, opened = ledger.deployed(), ledger.open_intents(name)
    manifest = inventory.read_manifest(folder=releases_dir, version=version(wanted=wanted, act=act, upstream=upstream, deployed=deployed))
    before = stages.before(stages.of(stages.documents(groups, hostvars).values()), name)
    entries = ledger.for_decision(environment=name, upstream=str(upstream["name"]) if upstream else "", manifest=manifest, before=before)
    question = Question(
        act=act,
        environment=environment,
        services=services,
        manifest=manifest,
        releases_dir=releases_dir,
        policies_dir=policies_dir,
        plan=None,
        batches=(),
        now=now,
        groups=groups,
        hostvars=hostvars,
        entries=entries,
        store=ledger.store,
        settings=settings,
        actor=actor,
        variables=variables,
    )
    document = sections.document(question, above=above, deployed=deployed, opened=opened)
    return document, standing(entries, opened, environment=environment, release=str(manifest["version"]))


def standing(entries: Sequence[Entry], opened: Sequence[Entry], *, environment: Document, release: str) -> list[dict[str, Any]]:
    """Rows in the form of _gate.why: an act that never ended, a release that is held back or marked bad."""
    owner = f"{environment['owner']}, the owner of {environment['name']}" if environment.get("owner") else f"the owner of {environment['name']}"
    rows = []
    for entry in opened:
        if entry["kind"] in (*recovery.DEPLOYING, "recovery"):
            found = {"kind": entry["kind"], "release": entry["release"], "since": entry["time"], "by": entry["actor"]["name"]}
            remedy = "Run evenkeel.release.recover, or evenkeel.release.continue to go on with it."
            rows.append(_row("interrupted", found, "no act that began and never ended", owner, remedy))
    for name, found_holds in (("marked-bad", holds.bad(entries)), ("held-back", holds.held(entries, str(environment["name"])))):
        if release in found_holds:
            entry = found_holds[release]
            found = {"since": entry["time"], "by": entry["actor"]["name"], "reason": entry["body"].get("reason") or "none given"}
            remedy = "Deploy another release, or lift it with evenkeel.release.mark (evenkeel_mark=lifted or cleared)."
            rows.append(_row(name, found, "a release that may go out", owner, remedy))
    return rows


def _row(name: str, found: Mapping[str, Any], needed: str, who: str, remedy: str) -> dict[str, Any]:
    known = {"rule": f"deployment/{name}", "state": "refused", "severity": "critical", "found": dict(found), "needed": [needed]}
    return {**known, "who": who, "next": remedy, "reason": f"The deployment itself refuses: {name.replace('-', ' ')}."}
