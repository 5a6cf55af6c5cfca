#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: evidence
short_description: Record what CI found out about an artifact, and show what is proved of a release
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads reports as tools write them, takes the numbers out of them and records these in the ledger, bound to the sha256 of the artifact or
    of the release manifest that was tested. The files themselves are not kept, only their digests.
  - Reads JUnit XML; coverage of Cobertura, JaCoCo, coverage.py and LCOV; SARIF 2.1.0; CycloneDX and SPDX; vulnerability reports of Trivy, Grype,
    OSV-Scanner, npm and pip-audit, with VEX (OpenVEX, CycloneDX, CSAF); Pact; load tests of k6, Locust, pytest-benchmark and JMeter; and
    statements that people signed with their SSH key.
  - It judges no thresholds. They are in policies, which ask about the section RV(quality).
  - A file that is absent, broken or of an unknown format is an error and never counts as one without findings. When one report has a fault,
    none is recorded, and all faults are told at once. Runs on the controller.
requirements:
  - orjson >= 3.10, rfc8785 >= 0.1.4, jsonschema >= 4.21 and SQLAlchemy >= 2.0.30 on the controller
  - license-expression >= 30, packageurl-python >= 0.15 and cvss >= 3.1 on the controller
  - ssh-keygen of OpenSSH 8.9 or newer on the controller, for signed statements
attributes:
  check_mode:
    support: full
    description: Reads and checks everything, says what it would record and records nothing.
  diff_mode:
    support: none
    description: Nothing is ever edited, so there is no before and after.
  idempotent:
    support: full
    description: The same files under the same name for the same artifact are recorded once.
options:
  state:
    description: V(recorded) records O(reports). V(standing) records nothing and shows what is proved of O(release).
    type: str
    choices: [recorded, standing]
    default: recorded
  reports:
    description: What to record. Required with O(state=recorded).
    type: list
    elements: dict
    suboptions:
      src:
        description:
          - Files or patterns such as C(TEST-*.xml), absolute or below O(base). All files of one entry are one piece of evidence.
        type: list
        elements: str
        required: true
      name:
        description:
          - Which run this is, such as V(unit), V(e2e/chrome) or V(semgrep). Of one name the newest evidence counts; different names are taken together.
        type: str
        required: true
      kind:
        description:
          - What it proves; by default what the format says.
          - Of SARIF it may be V(static_analysis) (the default), V(dynamic_analysis) or V(infrastructure). Of a file that holds several kinds, only this
            one is taken.
        type: str
        choices:
          - tests
          - coverage
          - static_analysis
          - dynamic_analysis
          - infrastructure
          - dependencies
          - sbom
          - licences
          - contracts
          - performance
          - penetration_test
          - uat
      format:
        description: The format; V(auto) finds out. V(statement) is a signed statement.
        type: str
        default: auto
        choices:
          - auto
          - cobertura
          - coverage_json
          - cyclonedx
          - grype
          - jacoco
          - jmeter
          - junit
          - k6
          - lcov
          - locust_csv
          - locust_json
          - npm_audit
          - osv
          - pact_matrix
          - pact_result
          - pact_verifier
          - pip_audit
          - pytest_benchmark
          - sarif
          - spdx
          - trivy
          - statement
      component:
        description:
          - The component of O(release) that was tested. Without it and without O(reports[].artifact) it was the release as a whole.
          - Without O(release) it is the name under which load tests of one component find each other.
        type: str
      artifact:
        description: The sha256 of the artifact that was tested. With O(release) it must be one that the release pins.
        type: str
      environment:
        description: Where it was measured. Load tests need it, since only those of one place are compared.
        type: str
      made_at:
        description:
          - When it was made, as RFC 3339 with its zone, for files that do not say it themselves. What they say goes before it.
          - A time in the future is refused; a minute is allowed for clocks that differ.
        type: str
      timezone:
        description: IANA zone of times in the files that have none.
        type: str
        default: UTC
      tool:
        description: The tool, for files that do not name it.
        type: dict
        suboptions:
          name:
            description: Its name.
            type: str
          version:
            description: Its version.
            type: str
      vex:
        description: VEX documents to weigh a vulnerability report with.
        type: list
        elements: str
      signature:
        description: The signature of a statement, as C(ssh-keygen -Y sign) writes it.
        type: str
      allowed_signers:
        description: The allowed signers of a statement (ssh-keygen(1), ALLOWED SIGNERS).
        type: str
  release:
    description:
      - The release manifest. Needed to name components instead of digests, and with O(state=standing).
    type: path
  base:
    description: Folder of relative paths in O(reports). By default the folder of the playbook.
    type: path
  settings:
    description:
      - How evidence is judged, the document C(evenkeel_quality) - C(licences) (C(allow), C(deny)), C(performance) (C(alpha), C(tolerance),
        C(must_see), C(releases), C(accepted)), C(signers), the sha256 of the allowed-signers files that count, and C(expects), the kinds that the table
        should have.
    type: dict
    default: {}
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
seealso:
  - module: evenkeel.release.gate
  - module: evenkeel.release.record
"""

EXAMPLES = r"""
- name: Record what the pipeline found out about the shop
  evenkeel.release.evidence:
    release: releases/1.1.0.yml
    base: build/reports
    reports:
      - {src: ["TEST-*.xml"], name: unit, component: shop}
      - {src: coverage.xml, name: unit, component: shop}
      - {src: semgrep.sarif, name: semgrep, component: shop, made_at: "2027-01-15T10:00:00Z"}
      - {src: trivy.json, name: trivy, component: shop, vex: [shop.openvex.json]}
      - {src: load.json, name: load, component: shop, environment: perf-lab, made_at: "2027-01-15T10:00:00Z"}

- name: Record that the users accepted the release as a whole
  evenkeel.release.evidence:
    release: releases/1.1.0.yml
    reports:
      - src: signoff/uat-1.1.0.yml
        name: uat
        signature: signoff/uat-1.1.0.yml.sig
        allowed_signers: signoff/allowed_signers

- name: Show what is there and what is missing
  evenkeel.release.evidence:
    state: standing
    release: releases/1.1.0.yml
    settings: "{{ evenkeel_quality | default({}) }}"
"""

RETURN = r"""
msg:
  description: What was recorded, and the table of the release; or every fault, with file, place, what was found, what is allowed and the next step.
  type: str
  returned: always
recorded:
  description: The entries that were written. In check mode those that would be, without the fields that the store assigns.
  type: list
  elements: dict
  returned: O(state=recorded)
known:
  description: Entries that held the same evidence already.
  type: list
  elements: dict
  returned: O(state=recorded)
faults:
  description: What is wrong with the reports.
  type: list
  elements: dict
  returned: when there are any
  contains:
    file:
      description: The file, or the entry of O(reports).
      type: str
    place:
      description: Line or key path.
      type: str
    found:
      description: What was found.
      type: str
    allowed:
      description: What is allowed.
      type: str
    next:
      description: What to do.
      type: str
quality:
  description: The section C(quality) of the evidence that policies are asked about.
  type: dict
  returned: with O(release)
release_sha256:
  description: Digest of the manifest, which evidence about the release as a whole is bound to.
  type: str
  returned: with O(release)
table:
  description: What is there and what is missing, line by line.
  type: list
  elements: str
  returned: with O(release)
"""
