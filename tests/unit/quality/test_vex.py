# SPDX-License-Identifier: GPL-3.0-or-later
"""What a supplier says about a vulnerability hides it only where it fits, is the newest word, and gives a reason."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import vex, vulnerabilities
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.formats import vex as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import parse
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vex import Product, Statement
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vulnerabilities import Vulnerability
from ansible_collections.evenkeel.release.tests.unit.quality.quality_helper import SHOP, WEB, file, one, sample

FOUND = Vulnerability(("GHSA-1", "CVE-2026-1"), "jinja2", "2.11.2", "pkg:pypi/jinja2@2.11.2", "critical")
JINJA = Product("pkg:pypi/jinja2@2.11.2")


def day(number: int) -> datetime:
    return datetime(2027, 1, number, tzinfo=timezone.utc)


def said(status: str = "not_affected", *, ids: tuple[str, ...] = ("CVE-2026-1",), product: Product = JINJA, when: datetime | None = None) -> Statement:
    return Statement(ids, (product,), status, "component_not_present", when or day(1), "us")


# statements, whether the vulnerability is hidden
CASES: dict[str, tuple[list[Statement], bool]] = {
    "none": ([], False),
    "fits": ([said()], True),
    "fits-in-lower-case": ([said(ids=("cve-2026-1",))], True),
    "fits-by-alias": ([said(ids=("GHSA-1",))], True),
    "another-id": ([said(ids=("CVE-2026-2",))], False),
    "fixed": ([said("fixed")], True),
    "affected": ([said("affected")], False),
    "under-investigation": ([said("under_investigation")], False),
    "any-version": ([said(product=Product("pkg:pypi/jinja2"))], True),
    "qualifiers-do-not-matter": ([said(product=Product("pkg:pypi/Jinja2@2.11.2?extension=whl"))], True),
    "another-version": ([said(product=Product("pkg:pypi/jinja2@3.0.0"))], False),
    "another-package": ([said(product=Product("pkg:pypi/jinja"))], False),
    "another-type": ([said(product=Product("pkg:npm/jinja2@2.11.2"))], False),
    "no-product": ([Statement(("CVE-2026-1",), (), "not_affected", "r", day(1))], False),
    "no-purl": ([said(product=Product("jinja2"))], False),
    "this-artifact": ([said(product=Product(sha256=SHOP))], True),
    "another-artifact": ([said(product=Product(sha256=WEB))], False),
    "this-artifact-within": ([said(product=Product(sha256=SHOP, within=("pkg:pypi/jinja2",)))], True),
    "this-artifact-within-another": ([said(product=Product(sha256=SHOP, within=("pkg:pypi/requests",)))], False),
    "newer-word-against": ([said(when=day(1)), said("affected", when=day(2))], False),
    "newer-word-for": ([said("affected", when=day(1)), said(when=day(2))], True),
    "order-of-documents-does-not-matter": ([said(when=day(2)), said("affected", when=day(1))], True),
    "same-time-the-worse-counts": ([said(), said("under_investigation")], False),
    "without-a-time-is-the-oldest": ([Statement(("CVE-2026-1",), (JINJA,), "not_affected", "r", None), said("affected")], False),
}


@pytest.mark.parametrize("name", CASES)
def test_what_hides(name: str) -> None:
    statements, hidden = CASES[name]
    changed, used = vex.apply(vulnerabilities.reading([FOUND], tool="t"), statements, artifact=SHOP)
    assert changed.numbers["critical"] == (0 if hidden else 1)
    assert changed.numbers["suppressed"] == used == (1 if hidden else 0)
    assert bool(changed.items[0].get("suppressed")) is hidden


@pytest.mark.parametrize("name", ["openvex.json", "vex.cdx.json", "vex.csaf.json"])
def test_three_formats_hide_the_same_vulnerability_of_jinja(name: str) -> None:
    statements = documents.read(parse(sample(name)))
    before = one("grype.json", "dependencies")
    after, used = vex.apply(before, statements, artifact=SHOP)
    assert (before.numbers["medium"], after.numbers["medium"], used) == (1, 0, 1)
    assert after.numbers["negligible"] == 1
    words = {item["id"]: item.get("suppressed", "") for item in after.items}["GHSA-g3rq-g295-4j3m"]
    assert words.startswith("vex: not_affected, ")


def test_an_artifact_of_openvex_by_its_digest_and_package() -> None:
    statements = documents.read(parse(sample("openvex.json")))
    reading = one("trivy.json", "dependencies")
    assert vex.apply(reading, statements, artifact=SHOP)[0].numbers["critical"] == 0
    assert vex.apply(reading, statements, artifact=WEB)[0].numbers["critical"] == 1


def test_numbers_beside_those_of_severity_stay() -> None:
    changed, _used = vex.apply(one("pip-audit.json"), documents.read(parse(sample("openvex.json"))), artifact=SHOP)
    assert (changed.numbers["unknown"], changed.numbers["packages"], changed.numbers["not_audited"]) == (0, 2, 1)


OPENVEX: dict[str, Any] = {"@context": "https://openvex.dev/ns/v0.2.0", "author": "us", "timestamp": "2027-01-01T00:00:00Z"}
BAD: dict[str, tuple[Any, str]] = {
    "no-reason": ({**OPENVEX, "statements": [{"vulnerability": {"name": "X"}, "products": ["pkg:npm/a"], "status": "not_affected"}]}, "without a reason"),
    "status": ({**OPENVEX, "statements": [{"vulnerability": {"name": "X"}, "status": "fine"}]}, "'fine'; allowed: affected"),
    "no-id": ({**OPENVEX, "statements": [{"vulnerability": {}, "status": "affected"}]}, "no vulnerability"),
    "none": ({"bomFormat": "x"}, "no VEX"),
    "csaf": ({"document": {"category": "csaf_security_advisory", "csaf_version": "2.0"}}, "csaf_vex"),
    "state": ({"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "X", "analysis": {"state": "dunno"}}]}, "'dunno'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_document_that_hides_without_saying_why_is_refused(name: str) -> None:
    value, words = BAD[name]
    with pytest.raises(EvidenceError) as caught:
        documents.read(parse(file(json.dumps(value))))
    assert words in str(caught.value)
