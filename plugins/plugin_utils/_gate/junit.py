# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of table tests as JUnit XML, the form that CI systems show (https://github.com/testmoapp/junitxml). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

# What XML 1.0 can't hold at all (https://www.w3.org/TR/xml/#charsets).
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(results: Sequence[Mapping[str, Any]]) -> str:
    """results: {table, case, passed, faults}. A suite for each table; a case that did not come out as expected is a failure."""
    root = ElementTree.Element("testsuites", {"name": "policies", **_counts(results)})
    for table in dict.fromkeys(str(one["table"]) for one in results):
        mine = [one for one in results if one["table"] == table]
        suite = ElementTree.SubElement(root, "testsuite", {"name": _text(table), **_counts(mine)})
        for one in mine:
            case = ElementTree.SubElement(suite, "testcase", classname=_text(f"policies.{table}"), name=_text(one["case"]), time="0")
            if not one["passed"]:
                failure = ElementTree.SubElement(case, "failure", message=_text(one["faults"][0]))
                failure.text = _text("\n".join(one["faults"]))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _counts(results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {"tests": str(len(results)), "failures": str(sum(not one["passed"] for one in results)), "errors": "0", "skipped": "0"}


def _text(value: object) -> str:
    return _UNPRINTABLE.sub("?", str(value))
