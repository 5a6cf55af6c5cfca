# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs, in lines for people. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import LEVELS

# {subject (`<host>/<service>`): result of drift_compare}
Results = Mapping[str, Mapping[str, Any]]
SHOWN = 20
LONGEST = 120
# Who needs a whole digest finds it in the findings; in a line it only pushes the rest out of sight.
DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")
# What the lines of a text say better.
CONTENT = ("sha256", "size")


def subject_line(subject: str, result: Mapping[str, Any], against: str) -> str:
    found = result["findings"]
    if not found:
        return f"{subject}: as {against} says{_allowed(result)}."
    ranked = sorted(found, key=lambda finding: LEVELS.index(finding["severity"]))
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{subject}: {result['verdict']}, score {result['score']}{_allowed(result)}. {'; '.join(map(finding_text, ranked[:SHOWN]))}{more}"


def together(results: Results) -> list[str]:
    """One line for each difference, with all subjects that show the same one: the worst first, then the most common."""
    grouped: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for subject in sorted(results):
        for finding in results[subject]["findings"]:
            name = json.dumps([finding.get(key) for key in ("path", "kind", "from", "before", "after")], sort_keys=True, default=str)
            grouped.setdefault(name, (finding, []))[1].append(subject)
    order = sorted(grouped.values(), key=lambda one: (LEVELS.index(one[0]["severity"]), -len(one[1]), one[0]["path"]))
    return [f"{finding_text(finding)} - on {_names(subjects)}" for finding, subjects in order]


def finding_text(finding: Mapping[str, Any]) -> str:
    origin = f" (was {finding['from']})" if finding.get("from") else ""
    values = _values(finding["before"], finding["after"]) if finding["kind"] not in ("added", "removed") else ""
    who = f" by {by}" if (by := _who(finding)) else ""
    return f"{finding['kind']} {finding['path']}{origin}{values}{who} [{finding['severity']}]"


def diff(subject: str, findings: Sequence[Mapping[str, Any]]) -> str:
    """For `--diff`: the bounded diff of a text where there is one, else attribute by attribute."""
    lines = [f"--- expected on {subject}", f"+++ found on {subject}"]
    for finding in findings:
        lines.append(f"@@ {finding['path']} ({finding['kind']}, {finding['severity']}) @@")
        told = CONTENT if finding.get("diff") else ()
        for sign, side in (("-", finding["before"]), ("+", finding["after"])):
            lines += [f"{sign}{name}: {_short(value)}" for name, value in sorted((side or {}).items()) if name not in told]
        if finding.get("diff"):
            lines.append(str(finding["diff"]).rstrip("\n"))
    return "\n".join(lines) + "\n" if findings else ""


def failing(findings: Sequence[Mapping[str, Any]], severity: str) -> list[str]:
    """Paths of the findings that are as bad as this or worse, each once; what is not known is always bad enough."""
    worst = LEVELS.index(severity)
    return list(dict.fromkeys(finding["path"] for finding in findings if finding["kind"] == "unknown" or LEVELS.index(finding["severity"]) <= worst))


def _values(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    left, right = before or {}, after or {}
    texts = [f"{name} {_short(left.get(name))} -> {_short(right.get(name))}" for name in sorted({*left, *right})]
    return f" ({', '.join(texts)})" if texts else ""


def _short(value: Any) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    text = DIGEST.sub(r"\1", text.replace("\n", "\\n"))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _who(finding: Mapping[str, Any]) -> str:
    """The likeliest candidate, never without how sure that is."""
    known = finding.get("attribution") or [{}]
    return f"{known[0]['who']}, {known[0]['confidence']}" if known[0].get("who") else ""


def _allowed(result: Mapping[str, Any]) -> str:
    return f", {len(result['allowed'])} declared" if result.get("allowed") else ""


def _names(subjects: Sequence[str]) -> str:
    shown = ", ".join(subjects[:SHOWN])
    return shown if len(subjects) <= SHOWN else f"{shown} and {len(subjects) - SHOWN} more"
