# SPDX-License-Identifier: GPL-3.0-or-later
"""Coverage: Cobertura XML, JaCoCo XML, coverage.py JSON and LCOV."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import INCONCLUSIVE, PASSED, Reading, percent, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.xml import Node

NAMES = ("cobertura", "jacoco", "coverage_json", "lcov")
Pair = tuple[int, int]  # covered, total


def sniff(doc: Document) -> str:
    if doc.syntax == "xml":
        node: Node = doc.value
        if node.tag == "coverage" and (node.child("packages") or "line-rate" in node.attributes):
            return "cobertura"
        return "jacoco" if node.tag == "report" and any(child.tag in ("counter", "package", "group", "sessioninfo") for child in node.children) else ""
    if doc.syntax == "json":
        known = isinstance(doc.value, dict) and isinstance(doc.value.get("totals"), dict) and isinstance(doc.value.get("meta"), dict)
        return "coverage_json" if known else ""
    lines = doc.value.lstrip().splitlines()[:1]
    return "lcov" if lines and lines[0].startswith(("TN:", "SF:")) else ""


def read(doc: Document, name: str) -> list[Reading]:
    readers: dict[str, Callable[[Document], Reading]] = {"cobertura": _cobertura, "jacoco": _jacoco, "coverage_json": _coverage_json, "lcov": _lcov}
    return [readers[name](doc)]


def _cobertura(doc: Document) -> Reading:
    root: Node = doc.value
    attributes, place = root.attributes, f"line {root.line}, coverage"

    def pair(covered: str, valid: str) -> Pair | None:
        if valid not in attributes:
            return None
        return take.whole(doc, attributes.get(covered), f"{place}@{covered}"), take.whole(doc, attributes[valid], f"{place}@{valid}")

    made_at = None
    if attributes.get("timestamp", "0").strip("0"):
        made_at = take.epoch(doc, attributes["timestamp"], f"{place}@timestamp")
    comment_version = short(attributes.get("version", ""))
    lines = pair("lines-covered", "lines-valid") or _cobertura_lines(doc, root)
    return _reading(doc, lines, pair("branches-covered", "branches-valid"), tool="", version=comment_version, made_at=made_at)


def _cobertura_lines(doc: Document, root: Node) -> Pair:
    """Cobertura before 2.0 gives rates only; the lines of the classes are counted, those of the methods are among them."""
    hit: dict[tuple[str, str], bool] = {}
    for one in root.all("class"):
        for lines in (child for child in one.children if child.tag == "lines"):
            for line in (child for child in lines.children if child.tag == "line"):
                hits = take.whole(doc, line.attributes.get("hits"), f"line {line.line}, line@hits")
                key = (one.attributes.get("filename", ""), line.attributes.get("number", ""))
                hit[key] = hit.get(key, False) or hits > 0
    return sum(hit.values()), len(hit)


def _jacoco(doc: Document) -> Reading:
    """The counters directly below the report are the sums of all groups and packages."""
    root: Node = doc.value
    found: dict[str, Pair] = {}
    for counter in (child for child in root.children if child.tag == "counter"):
        place = f"line {counter.line}, counter"
        missed, covered = (take.whole(doc, counter.attributes.get(name), f"{place}@{name}") for name in ("missed", "covered"))
        found[counter.attributes.get("type", "")] = (covered, covered + missed)
    dumps = [child for child in root.children if child.tag == "sessioninfo"]
    made_at = min((take.epoch(doc, one.attributes.get("dump"), f"line {one.line}, sessioninfo@dump") for one in dumps), default=None)
    if found and "LINE" not in found:
        doc.refuse(
            f"line {root.line}",
            found=f"counters {', '.join(sorted(found))[:80]} and none of type LINE",
            allowed="classes with line numbers",
            next_step="compile with debug information",
        )
    return _reading(doc, found.get("LINE", (0, 0)), found.get("BRANCH"), tool="JaCoCo", made_at=made_at)


def _coverage_json(doc: Document) -> Reading:
    top = take.mapping(doc, doc.value, "")
    meta, totals = take.mapping(doc, top.get("meta"), "meta"), take.mapping(doc, top.get("totals"), "totals")

    def pair(covered: str, total: str) -> Pair:
        return take.whole(doc, totals.get(covered), f"totals.{covered}"), take.whole(doc, totals.get(total), f"totals.{total}")

    return _reading(
        doc,
        pair("covered_lines", "num_statements"),
        pair("covered_branches", "num_branches") if "num_branches" in totals else None,
        tool="coverage.py",
        version=short(meta.get("version", "")),
        made_at=take.moment(doc, meta["timestamp"], "meta.timestamp") if "timestamp" in meta else None,
    )


def _lcov(doc: Document) -> Reading:
    """A file may stand in several records, one per test: a line is covered when any of them ran it."""
    lines: dict[tuple[str, str], bool] = {}
    branches: dict[tuple[str, str], bool] = {}
    source, number = "", 0
    for number, line in enumerate(doc.value.splitlines(), 1):
        tag, _colon, rest = line.strip().partition(":")
        if tag == "SF":
            source = rest
        elif tag == "end_of_record":
            source = ""
        elif tag in ("DA", "BRDA"):
            parts = rest.split(",")
            if not source or len(parts) < (2 if tag == "DA" else 4):
                doc.refuse(f"line {number}", found=line[:80], allowed="DA:<line>,<hits> or BRDA:<line>,<block>,<branch>,<taken> after SF:<file>")
            taken = parts[1] if tag == "DA" else parts[3]
            hits = 0 if taken == "-" else take.whole(doc, taken, f"line {number}")
            table, key = (lines, parts[0]) if tag == "DA" else (branches, ",".join(parts[:3]))
            table[source, key] = table.get((source, key), False) or hits > 0
    if source or not doc.value.rstrip().endswith("end_of_record"):
        doc.refuse(f"line {number}", found="a record without its end", allowed="end_of_record after each SF", next_step="write the report again; it is cut off")
    return _reading(doc, (sum(lines.values()), len(lines)), (sum(branches.values()), len(branches)) if branches else None, tool="", made_at=None)


def _reading(doc: Document, lines: Pair, branches: Pair | None, *, tool: str, made_at: datetime | None, version: str = "") -> Reading:
    numbers: dict[str, Any] = {}
    for name, plural, pair in (("line", "lines", lines), ("branch", "branches", branches)):
        if pair is None:
            continue
        covered, total = pair
        if covered > total:
            doc.refuse("", found=f"{covered} {plural} covered of {total}", allowed="at most all of them")
        numbers |= {f"{plural}_covered": covered, f"{plural}_total": total}
        if total:
            numbers[f"{name}_percent"] = percent(covered, total)
    verdict = PASSED if lines[1] else INCONCLUSIVE
    return Reading("coverage", verdict, numbers, "" if lines[1] else "no line was measured", tool=tool, tool_version=version, made_at=made_at)
