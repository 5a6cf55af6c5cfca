# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit XML: a suite for each host, a case for each kind of item a service has. Pure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import told

# https://www.w3.org/TR/xml/#charsets: nothing else may stand in a document, not even as a character reference.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def render(document: Mapping[str, Any]) -> str:
    root = ET.Element("testsuites", name="drift")
    hosts: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for subject in document["subjects"]:
        hosts.setdefault((subject["environment"], subject["host"]), []).append(subject)
    for (environment, host), subjects in hosts.items():
        root.append(_suite(environment, host, subjects))
    _count(root, root)
    ET.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(environment: str, host: str, subjects: Iterable[Mapping[str, Any]]) -> ET.Element:
    suite = _element("testsuite", name=f"{environment}/{host}" if environment else host, hostname=host)
    scanned = ""
    for subject in subjects:
        suite.extend(_cases(subject))
        scanned = max(scanned, str(subject["scanned"]))
    if scanned:
        suite.set("timestamp", _text(scanned[:19]))
    _count(suite, suite)
    return suite


def _cases(subject: Mapping[str, Any]) -> list[ET.Element]:
    """Most readers take one outcome of a case, so what could not be read and what is allowed have cases of their own."""
    place = ".".join(part for part in (subject["environment"], subject["host"], subject["service"] or "host") if part)
    failed: dict[str, list[Mapping[str, Any]]] = {}
    blind = []
    for finding in subject["findings"]:
        if finding["kind"] == "unknown":
            blind.append(finding)
        else:
            failed.setdefault(documents.kind_of(finding["path"]), []).append(finding)
    looked = sorted({*subject["collectors"], *failed}) or ([] if blind else ["drift"])
    cases = [_case(place, name, failed.get(name, [])) for name in looked]
    cases += [_outcome(place, finding, "error", told.message(finding)) for finding in blind]
    if subject["verdict"] == "errored" and not blind:
        cases.append(_outcome(place, {"path": "scan"}, "error", "The comparison did not end."))
    return cases + [_outcome(place, finding, "skipped", told.reason(finding)) for finding in subject["allowed"]]


def _case(place: str, name: str, findings: list[Mapping[str, Any]]) -> ET.Element:
    case = _element("testcase", classname=place, name=name)
    if findings:
        worst = min((documents.severity(finding) for finding in findings), key=documents.SEVERITIES.index)
        count = f"{len(findings)} difference{'s' if len(findings) > 1 else ''}, the worst is {worst}"
        failure = _element("failure", type=worst, message=count)
        failure.text = _text("\n".join(f"[{documents.severity(finding)}] {told.message(finding)}{_expired(finding)}" for finding in findings))
        case.append(failure)
    return case


def _expired(finding: Mapping[str, Any]) -> str:
    return f" [was allowed: {told.reason(finding)}]" if finding.get("expired") else ""


def _outcome(place: str, finding: Mapping[str, Any], outcome: str, text: str) -> ET.Element:
    case = _element("testcase", classname=place, name=str(finding["path"]))
    case.append(_element(outcome, message=text))
    if outcome == "error":
        case[0].set("type", "unknown")
    return case


def _count(element: ET.Element, inside: ET.Element) -> None:
    element.set("tests", str(len(list(inside.iter("testcase")))))
    for name, plural in COUNTED.items():
        element.set(plural, str(len(list(inside.iter(name)))))
    element.set("time", "0")


def _element(tag: str, **attributes: str) -> ET.Element:
    return ET.Element(tag, {name: _text(value) for name, value in attributes.items()})


def _text(value: str) -> str:
    return FORBIDDEN.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
