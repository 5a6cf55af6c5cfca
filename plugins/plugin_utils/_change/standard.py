# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard changes: what a pre-approved template (changes/standard/<name>.yml) covers, and when it is suspended.

Uses of a template are facts of kind `change` with the subject `template/<name>`: {verb: used, change}, then {verb: succeeded | failed | reviewed, change}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.rules import LEVELS
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.record import digest

Document = Mapping[str, Any]
SUBJECT = "template/"


def gaps(template: Document, scope: Document, *, level: str, now: str, entries: Iterable[Document] = ()) -> list[str]:
    """Why the template does not cover the whole change, a line each; empty when it does."""
    covers = template["covers"]
    found = [] if scope["services"] else ["nothing is deployed, so there is nothing to cover"]
    if scope.get("environment") not in covers["environments"]:
        found.append(f"it covers the environments {_list(covers['environments'])}, not {scope.get('environment')}")
    for key, words in (("service", "services"), ("strategy", "strategies")):
        outside = sorted({str(each.get(key)) for each in scope["services"]} - set(covers[words]))
        if outside:
            found.append(f"it covers the {words} {_list(covers[words])}, not {_list(outside)}")
    if scope.get("migration") not in covers.get("migrations", ["none"]):
        found.append(f"it covers the migrations {_list(covers.get('migrations', ['none']))}, not {scope.get('migration') or 'an unknown one'}")
    if LEVELS.index(level) > LEVELS.index(covers["max_risk"]):
        found.append(f"it covers risk up to {covers['max_risk']}, the risk is {level}")
    if date.fromisoformat(template["expires"]) < times.moment(now, name="now").date():
        found.append(f"it expired on {template['expires']}")
    held = suspended(entries, str(template["name"]), now=now)
    return [*found, held] if held else found


def choose(
    templates: Sequence[Document], scope: Document, *, level: str, now: str, entries: Sequence[Document]
) -> tuple[Document | None, dict[str, list[str]]]:
    """(the first template by name that covers all of it, {name: gaps} of those before it)."""
    answers: dict[str, list[str]] = {}
    for template in sorted(templates, key=lambda one: str(one["name"])):
        found = gaps(template, scope, level=level, now=now, entries=entries)
        if not found:
            return template, answers
        answers[str(template["name"])] = found
    return None, answers


def suspended(entries: Iterable[Document], name: str, *, now: str) -> str:
    """Why the template may not be used now; "" when it may. A use that has not ended within a day counts: nobody can tell how it went."""
    last: dict[str, tuple[str, str]] = {}
    for entry in entries:
        if entry["kind"] != "change" or entry["subject"] != SUBJECT + name or not entry["body"].get("change"):
            continue
        change, verb = str(entry["body"]["change"]), str(entry["body"].get("verb"))
        failed = last.get(change, ("", ""))[0] == "failed"
        if verb in ("used", "failed", "reviewed") or (verb == "succeeded" and not failed):
            last[change] = (verb, str(entry["time"]))
    failed_ones = sorted(change for change, (verb, _at) in last.items() if verb == "failed")
    at = times.moment(now, name="now")
    lost = sorted(change for change, (verb, since) in last.items() if verb == "used" and times.days(since, at, name="time") >= 1)
    if failed_ones:
        return f"it is suspended: {_list(failed_ones)} failed and was not reviewed"
    return f"it is suspended: {_list(lost)} began more than a day ago and has not ended" if lost else ""


def pin(template: Document) -> dict[str, str]:
    """The template as the change names it: a template that is edited later pre-approved something else."""
    return {"name": str(template["name"]), "sha256": digest(template), "owner": str(template["owner"])}


def _list(names: Iterable[Any]) -> str:
    every = [str(name)[:60] for name in names]
    return ", ".join(every[:10]) + (f" and {len(every) - 10} more" if len(every) > 10 else "") or "none"
