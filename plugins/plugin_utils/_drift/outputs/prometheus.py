# SPDX-License-Identifier: GPL-3.0-or-later
"""A file for node exporter's textfile collector. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document as documents

PREFIX = "evenkeel_drift"


class Sample(NamedTuple):
    labels: dict[str, str]
    value: float


def render(document: Mapping[str, Any]) -> str:
    subjects = document["subjects"]
    families = [
        ("findings", "Differences from the baseline that are not allowed.", [s for subject in subjects for s in _findings(subject)]),
        ("allowed", "Differences that are declared and allowed.", [Sample(_labels(subject), len(subject["allowed"])) for subject in subjects]),
        ("score", "Risk-weighted score of the differences, 0 is none.", [Sample(_labels(s), s["score"]) for s in subjects if s["score"] is not None]),
        ("verdict", "1 for the verdict of the last scan, 0 for the others.", [s for subject in subjects for s in _verdicts(subject)]),
        ("last_scan_timestamp_seconds", "When the last scan was recorded.", [Sample(_labels(s), _epoch(s["scanned"])) for s in subjects if s["scanned"]]),
    ]
    return "".join(_family(name, text, samples) for name, text, samples in families if samples)


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _family(name: str, text: str, samples: list[Sample]) -> str:
    lines = [f"# HELP {PREFIX}_{name} {text}", f"# TYPE {PREFIX}_{name} gauge"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{escaped(content)}"' for label, content in labels.items())
        lines.append(f"{PREFIX}_{name}{{{inside}}} {_number(value)}")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _labels(subject: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(subject[name]) for name in ("environment", "host", "service")}


def _findings(subject: Mapping[str, Any]) -> list[Sample]:
    """Zeros too: an alert on a series that vanishes never ends."""
    counts = Counter(documents.severity(finding) for finding in subject["findings"])
    return [Sample({**_labels(subject), "severity": name}, counts.get(name, 0)) for name in documents.SEVERITIES]


def _verdicts(subject: Mapping[str, Any]) -> list[Sample]:
    return [Sample({**_labels(subject), "verdict": name}, float(subject["verdict"] == name)) for name in documents.VERDICTS]


def _epoch(moment: str) -> float:
    return round(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp(), 3)
