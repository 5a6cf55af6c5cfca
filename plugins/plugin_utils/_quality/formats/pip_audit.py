# SPDX-License-Identifier: GPL-3.0-or-later
"""`pip-audit --format json`. It knows no severities: all of them are unknown, which a policy can count."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take, vulnerabilities
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import INCONCLUSIVE, PASSED, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vulnerabilities import Vulnerability

NAME = "pip_audit"


def sniff(doc: Document) -> bool:
    if doc.syntax != "json" or not isinstance(doc.value, dict) or not isinstance(doc.value.get("dependencies"), list):
        return False
    return all(isinstance(one, dict) and ("vulns" in one or "skip_reason" in one) for one in doc.value["dependencies"])


def read(doc: Document) -> list[Reading]:
    found, audited, skipped = [], 0, 0
    for place, one in take.mappings(doc, take.mapping(doc, doc.value, "").get("dependencies"), "dependencies"):
        name = take.text(doc, one.get("name"), f"{place}.name")
        if "skip_reason" in one:
            skipped += 1
            continue
        audited += 1
        version = take.text(doc, one.get("version"), f"{place}.version")
        for here, vuln in take.mappings(doc, one.get("vulns"), f"{place}.vulns"):
            aliases = [alias for alias in take.listing(doc, vuln.get("aliases"), f"{here}.aliases", optional=True) if isinstance(alias, str)]
            fixes = [str(fix) for fix in take.listing(doc, vuln.get("fix_versions"), f"{here}.fix_versions", optional=True)]
            ids = (take.text(doc, vuln.get("id"), f"{here}.id"), *aliases)
            purl = vulnerabilities.purl_of("pypi", name, version)
            found.append(Vulnerability(ids, name, version, purl, "unknown", short(", ".join(fixes))))
    verdict, reason = (PASSED, "") if audited else (INCONCLUSIVE, f"no package was audited, {skipped} were skipped")
    more = {"packages": audited, "not_audited": skipped}
    return [vulnerabilities.reading(found, tool="pip-audit", verdict=verdict, reason=reason, more=more)]
