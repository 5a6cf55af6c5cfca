# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit XML as pytest, Surefire, Gradle, gotestsum, Jest and others write it.

There is no one schema: suites are nested or not, the root is testsuites or testsuite, times have commas, and a repeated test stands as flakyFailure or
rerunFailure beside its result (Surefire). So each testcase is counted once by its worst child, and a count that a suite declares beyond what it lists is
believed when it is worse.
"""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import FAILED, INCONCLUSIVE, PASSED, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.xml import Node

NAME = "junit"
_SUITES = ("testsuites", "testsuite")
_STATUS = {"failed": "failed", "failure": "failed", "error": "errors", "notrun": "skipped", "skipped": "skipped", "disabled": "skipped"}
_COUNTS = ("tests", "failed", "errors", "skipped")
_DECLARED = {"tests": ("tests",), "failed": ("failures",), "errors": ("errors",), "skipped": ("skipped", "disabled")}


def sniff(doc: Document) -> bool:
    return doc.syntax == "xml" and doc.value.tag in _SUITES


def read(doc: Document) -> list[Reading]:
    root: Node = doc.value
    if root.tag not in _SUITES:
        doc.refuse(f"line {root.line}", found=f"the element {root.tag}", allowed="testsuites or testsuite")
    counted, items, seconds = _counted(root)
    declared = _declared(doc, root)
    again = _again(root, counted["tests"], declared["tests"])
    counted["tests"] -= again
    counted["flaky"] += again
    numbers = {name: max(counted[name], declared[name]) for name in _COUNTS}
    failed, executed = numbers["failed"] + numbers["errors"], numbers["tests"] - numbers["skipped"]
    numbers |= {"passed": max(0, executed - failed), "flaky": counted["flaky"], "repeated": counted["repeated"]}
    verdict, reason = PASSED, ""
    if failed:
        verdict, reason = FAILED, f"{failed} of {numbers['tests']} tests did not pass"
    elif executed <= 0:
        verdict, reason = INCONCLUSIVE, "no test ran" + (f", {numbers['skipped']} were skipped" if numbers["skipped"] else "")
    tool, version = _tool(root)
    times = [take.parse_time(node.attributes["timestamp"], doc.zone) for node in root.all(*_SUITES) if node.attributes.get("timestamp")]
    return [
        Reading(
            kind="tests",
            verdict=verdict,
            numbers={**numbers, "duration_seconds": round(seconds, 3)},
            reason=reason,
            tool=tool,
            tool_version=version,
            made_at=min((time for time in times if time), default=None),
            items=tuple(items),
        )
    ]


def _counted(root: Node) -> tuple[dict[str, int], list[dict[str, str]], float]:
    counted, items, seconds = dict.fromkeys((*_COUNTS, "flaky", "repeated"), 0), [], 0.0
    for case in root.all("testcase"):
        outcome, again = _outcome(case)
        counted["tests"] += 1
        seconds += _seconds(case)
        if outcome != "passed":
            counted[outcome] += 1
        if again:
            counted["flaky" if outcome == "passed" else "repeated"] += 1
        if outcome in ("failed", "errors"):
            items.append(
                {
                    "test": short(f"{case.attributes.get('classname', '')} {case.attributes.get('name', '')}".replace("::", " > ")),
                    "outcome": outcome,
                    "why": _why(case),
                }
            )
    for suite in root.all(*_SUITES):  # what broke outside of a test: a class that can't be loaded, a fixture of the suite
        broken = [child for child in suite.children if child.tag in ("error", "failure")]
        counted["errors"] += len(broken)
        items += [{"test": short(suite.attributes.get("name", "")), "outcome": "errors", "why": short(child.attributes.get("message", ""))} for child in broken]
    return counted, items, seconds


def _again(root: Node, listed: int, declared: int) -> int:
    """pytest-rerunfailures lists each run of a test under the same name, and only the last one with how it ended."""
    names = {
        (id(suite), case.attributes.get("classname"), case.attributes.get("name")) for suite in root.walk() for case in suite.children if case.tag == "testcase"
    }
    return max(0, min(listed - len(names), listed - declared)) if declared else 0


def _outcome(case: Node) -> tuple[str, bool]:
    """(passed, failed, errors or skipped; whether it was run more than once)."""
    tags = {child.tag for child in case.children}
    again = bool(tags & {"flakyFailure", "flakyError", "rerunFailure", "rerunError", "rerun"})
    for tag, outcome in (("error", "errors"), ("failure", "failed"), ("skipped", "skipped")):
        if tag in tags:
            return outcome, again
    if tags & {"rerunFailure", "rerunError"} and not tags & {"flakyFailure", "flakyError"}:
        return "failed", again  # only failing runs are listed
    return _STATUS.get(case.attributes.get("status", "").lower(), "passed"), again


def _why(case: Node) -> str:
    child = next(child for child in [*case.children, case] if child.tag in ("error", "failure", "rerunFailure", "rerunError", "testcase"))
    return short(child.attributes.get("message") or child.text or child.attributes.get("type", ""))


def _declared(doc: Document, root: Node) -> dict[str, int]:
    """What the outermost suites say of themselves; testsuites often say nothing, or less than their suites."""
    own = _of(doc, root)
    below = [_declared(doc, child) for child in root.children if child.tag in _SUITES]
    return {name: max(own[name], sum(one[name] for one in below)) for name in _COUNTS}


def _of(doc: Document, suite: Node) -> dict[str, int]:
    return {name: sum(_count(doc, suite, attribute) for attribute in attributes) for name, attributes in _DECLARED.items()}


def _count(doc: Document, suite: Node, attribute: str) -> int:
    value = suite.attributes.get(attribute) or "0"
    return take.whole(doc, value.replace(",", ""), f"line {suite.line}, {suite.tag}@{attribute}")


def _seconds(case: Node) -> float:
    """The time is for people: what can't be read is left out. Surefire writes 1,234.5."""
    try:
        seconds = float(case.attributes.get("time", "0").replace(",", "")[:30])
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e9 else 0.0


def _tool(root: Node) -> tuple[str, str]:
    for suite in root.all("testsuite"):
        if suite.attributes.get("name") == "pytest":
            return "pytest", ""
        for one in suite.all("property"):
            if one.attributes.get("name") == "go.version":
                return "go test", short(one.attributes.get("value", "")).removeprefix("go version ")
            if one.attributes.get("name") == "surefire.real.class.path" or one.attributes.get("name") == "java.version":
                return "junit", f"java {short(one.attributes.get('value', ''))}" if one.attributes["name"] == "java.version" else ""
    return ("jest", "") if root.attributes.get("name") == "jest tests" else ("", "")
