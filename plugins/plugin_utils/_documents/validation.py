# SPDX-License-Identifier: GPL-3.0-or-later
"""All faults of all documents, in one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import files as calendar_files
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import documents as change_documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import cross, files, inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.drift import drift_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.policies import BESIDE_POLICIES, beside, waiver_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source, structure_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.faults import document_faults as handoff_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.faults import document_faults as reservation_faults

HostVars = Mapping[str, Mapping[str, Any]]
Groups = Mapping[str, Sequence[str]]
KINDS = (("release", "releases"), ("policy", "policies"), ("masking", "masking"), ("reservations", "reservations"), ("handoff", "handoffs"))
USUAL = ("releases", "policies", "masking")


@dataclass(frozen=True)
class Question:
    """What to check. No `environments` means all; `target` and `version` check a release against an environment."""

    today: date
    environments: Sequence[str] = ()
    releases: Sequence[str] = ()
    policies: Sequence[str] = ()
    masking: Sequence[str] = ()
    compatibility: Sequence[str] = ()
    bundles: Sequence[str] = ()
    changes: str = ""
    calendars: Sequence[str] = ()
    reservations: Sequence[str] = ()
    handoffs: Sequence[str] = ()
    target: str = ""
    version: str = ""


@dataclass
class Answer:
    faults: list[Fault] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)


def validate(question: Question, *, hostvars: HostVars, groups: Groups, found: Sequence[inventory.Definition]) -> Answer:
    known = inventory.environments(hostvars, groups, found)
    chosen = [each for each in known if not question.environments or each.name in question.environments]
    answer = Answer()
    for name in question.environments:
        answer.faults += _unknown_fault("environments", name, known, groups)
    for each in chosen:
        answer.faults += _environment_faults(each, hostvars, groups, question.today)
    sources = {each.document_source.file for each in chosen}
    answer.faults += [fault for fault in cross.environment_faults(known, groups) if not question.environments or fault.file in sources]
    documents = _file_documents(question, answer)
    answer.faults += _manifest_faults(documents["release"], answer.faults)
    _federated(question, answer)
    for policy in documents["policy"]:
        answer.faults += cross.policy_faults(policy, known)
    if question.changes:
        changes = change_documents.read(question.changes, today=question.today)
        answer.faults += changes.faults
        answer.checked["standard changes"] = len(changes.templates)
    answer.faults += [fault for one in documents["policy_waiver"] for fault in waiver_faults(one, documents["policy"], known)]
    answer.faults += _between(documents, {each.name: each.document for each in known}, broken={fault.file for fault in answer.faults})
    if question.target:
        answer.faults += _target_faults(question, documents["release"], known, groups)
    answer.checked |= {
        "environments": len(chosen),
        "services": sum(len(each.services) for each in chosen if isinstance(each.services, Mapping)),
    }
    answer.faults = sorted(set(answer.faults))
    return answer


def _environment_faults(each: cross.Environment, hostvars: HostVars, groups: Groups, today: date) -> list[Fault]:
    faults = check("environment", each.document, today=today, source=each.document_source)
    faults += check("services", each.services, today=today, source=each.services_source)
    faults += check("drift", each.drift, today=today, source=each.drift_source)
    faults += check("waivers", each.waivers, today=today, source=each.waivers_source)
    sources = (each.document_source, each.services_source, each.drift_source, each.waivers_source)
    faults += [fault for source in sources for fault in structure_faults(source)]
    faults += [*cross.service_faults(each, groups), *drift_faults(each)]
    differing = [host for host in each.hosts if hostvars[host][inventory.ENVIRONMENT] != each.document]
    if differing:
        found = f"another document on {', '.join(differing)} than on {each.hosts[0]}"
        hint = "write it once, in the group_vars of the environment"
        faults.append(each.document_source.fault((), found=found, allowed=f"one document for all hosts of {each.name}", hint=hint))
    return faults


def _file_documents(question: Question, answer: Answer) -> dict[str, list[cross.Document]]:
    documents: dict[str, list[cross.Document]] = {}
    for kind, plural in KINDS:
        places = getattr(question, plural)
        documents[kind], faults = files.read(kind, places, today=question.today)
        answer.faults += faults
        if places or plural in USUAL:
            answer.checked[plural] = len(files.expand(places)[0])
    for kind, plural in BESIDE_POLICIES.items():
        places = beside(question.policies, plural)
        documents[kind], faults = files.read(kind, places, today=question.today)
        answer.faults += faults
        answer.checked |= {f"policy {plural}": len(documents[kind])} if places else {}
    if question.calendars:
        calendars, faults = calendar_files.read(question.calendars, today=question.today)
        answer.faults += faults
        answer.checked["calendars"] = len(calendars)
    return documents


def _manifest_faults(releases: Sequence[cross.Document], before: Sequence[Fault]) -> list[Fault]:
    """Only of manifests that have no fault yet: the rules between their parts need the parts."""
    from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import rules

    broken = {fault.file for fault in before}
    return [fault for each in releases if each.source.file not in broken for fault in rules.faults(each.value, each.source)]


def _federated(question: Question, answer: Answer) -> None:
    """Bundles and compatibility, which read further files: the manifests that are pinned, and lock files."""
    if question.compatibility:
        from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.files import read

        known, faults = read(question.compatibility, today=question.today)
        answer.faults += faults
        answer.checked["compatibility"] = len(known)
    if question.bundles:
        from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import bundle_files

        bundles, faults = bundle_files.read(question.bundles, today=question.today)
        answer.faults += faults
        answer.checked["bundles"] = len(bundles)


def _between(documents: Mapping[str, Sequence[cross.Document]], environments: Mapping[str, Any], *, broken: set[str]) -> list[Fault]:
    """What documents of one kind only show together, when each of them is valid by itself. Who is in which team is not known here."""
    faults: list[Fault] = []
    if not any(each.source.file in broken for each in documents["reservations"]):
        faults += reservation_faults(documents["reservations"], environments=environments, teams={})
    if not any(each.source.file in broken for each in documents["handoff"]):
        faults += handoff_faults(documents["handoff"], teams={})
    return faults


def _target_faults(question: Question, releases: Sequence[cross.Document], known: Sequence[cross.Environment], groups: Groups) -> list[Fault]:
    faults = _unknown_fault("target", question.target, known, groups)
    release = next((each for each in releases if each.name == question.version), None)
    if question.version and release is None:
        names = ", ".join(each.name for each in releases) or "none"
        faults.append(Source("options").fault(("version",), found=shown(question.version), allowed=f"a release in releases: {names}"))
    target = next((each for each in known if each.name == question.target), None)
    return faults + cross.release_faults(release, target) if release and target else faults


def _unknown_fault(option: str, name: str, known: Sequence[cross.Environment], groups: Groups) -> list[Fault]:
    words = inventory.unknown_environment(name, known, groups)
    return [Source("options").fault((option,), **words)] if words else []
