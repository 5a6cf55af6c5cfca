# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task was given, as the subject of approvals. Nothing of Ansible is needed: it brings its variables and a function that templates."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import revision, trust, variables
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings

COLLECTION = Path(__file__).resolve().parents[3]
VARIABLES = ("evenkeel_approvals_dir", "evenkeel_trust_dir", "evenkeel_ledger_name", "evenkeel_project_dir")


class Asked(NamedTuple):
    """environment is the document; root the folder of approvals."""

    subject: dict[str, Any]
    environment: dict[str, Any]
    trust: trust.Trust
    root: str


def known(task_vars: Mapping[str, Any], template: Callable[[Any], Any]) -> dict[str, Any]:
    """The variables of a task, with those that matter here as values."""
    found = settings.templated(task_vars, template)
    found.update({name: template(found[name]) for name in VARIABLES if name in found})
    return found


def trusted(args: Mapping[str, Any], found: Mapping[str, Any], *, now: datetime) -> trust.Trust:
    chosen = {**found, **({"evenkeel_trust_dir": args["trust_dir"]} if args.get("trust_dir") else {})}
    return trust.load(trust.place(chosen.get, os.environ), today=now.date())


def root(args: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    chosen = args.get("approvals_dir") or found.get("evenkeel_approvals_dir")
    if not chosen:
        raise ApprovalError("No folder of approvals is known: set evenkeel_approvals_dir to a folder in the project, such as {{ inventory_dir }}/approvals.")
    return os.path.abspath(os.path.expanduser(str(chosen)))


def ledger_name(args: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return str(args.get("ledger_name") or found.get("evenkeel_ledger_name") or "")


def gather(args: Mapping[str, Any], found: Mapping[str, Any], *, now: datetime) -> Asked:
    """args are the options of a task, found its variables (known()). A subject that was recorded before is taken as it is."""
    believed, folder = trusted(args, found, now=now), root(args, found)
    environment = plain(args["environment"])
    hosts = [str(host) for host in args["hosts"]]
    hostvars = found.get("hostvars") or {}
    values = {host: _values(hostvars[host], believed.approvals.get("variables", [])) for host in hosts if host in hostvars}
    key = args.get("fingerprint_key")
    bound = variables.bind(values, key=str(key).encode() if key else None)
    made = subjects.subject(
        ledger=ledger_name(args, found),
        environment=environment,
        release=plain(args["release"]),
        act=str(args["act"]),
        hosts=hosts,
        plan=plain(args["plan"]),
        batches=plain(args["batches"]),
        policies={**believed.policies, **_policies(args.get("policies_dir"), now)},
        playbook=code(str(args.get("project_dir") or found.get("evenkeel_project_dir") or found.get("inventory_dir") or ""), without=folder),
        variables=bound.hosts,
        unbound=bound.unbound,
    )
    return Asked(made, environment, believed, folder)


def code(project: str, *, without: str = "") -> dict[str, Any]:
    """{collection, version, project}: what would run."""
    return {"collection": revision.collection(COLLECTION), "version": _version(), "project": revision.project(project, without=[without]) if project else {}}


def _values(hostvars: Any, globs: list[str]) -> dict[str, Any]:
    return {name: hostvars[name] for name in variables.names(hostvars, globs)}


def _policies(folder: Any, now: datetime) -> dict[str, str]:
    if not folder:
        return {}
    documents, faults = files.read("policy", [str(folder)], today=now.date())
    if faults:
        raise ApprovalError(f"The policies can't be used. {render(faults, {'policies': len(documents)})}")
    return {f"policy/{document.name}": subjects.sha256(document.value) for document in documents}


def _version() -> str:
    """MANIFEST.json where it was installed, galaxy.yml in a clone."""
    installed, clone = COLLECTION / "MANIFEST.json", COLLECTION / "galaxy.yml"
    if installed.is_file():
        return str(json.loads(installed.read_text(encoding="utf-8"))["collection_info"]["version"])
    return str(yaml.safe_load(clone.read_text(encoding="utf-8"))["version"]) if clone.is_file() else ""
