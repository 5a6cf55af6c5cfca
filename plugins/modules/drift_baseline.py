#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_baseline
short_description: Take, promote, fold, verify, show and prune the baselines of an environment
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - A baseline is one signed document for a whole environment. It names the record of each host and service by its digest; the records lie in O(store).
  - It is taken as a candidate and compared with only after somebody promoted it with a reason. Both are entries of the ledger.
  - A document that is not signed by a key of O(allowed_signers), that was changed, or that the ledger does not know is refused.
  - What hosts showed is read from the facts that the role P(evenkeel.release.drift#role) leaves on them.
requirements:
  - ssh-keygen of OpenSSH 8.2 or newer on the controller
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Says whether a version would be made or promoted, or what would be removed; makes neither a version nor a key.
  diff_mode:
    support: none
    description: A version is never edited; M(evenkeel.release.drift_tell) shows what differs from it.
  idempotent:
    support: full
    description: The same state of the hosts makes no further version, and promoting the version in force changes nothing.
options:
  state:
    description:
      - V(current) reads the version in force, V(show) lists all versions.
      - V(take) makes a candidate of what all hosts showed, V(promote) puts it in force.
      - V(fold) puts what a deployment wrote into a new version that is in force at once; what else differs stays drift.
      - V(verify) checks signatures, ledger and every record of the version in force and of the candidate.
      - V(prune) removes from O(store) the records and contents that no version needs which is in force or among the newest of any environment.
        Documents and entries of the ledger stay. Nothing is removed when a document or a record that is kept cannot be read.
    type: str
    choices: [current, fold, promote, prune, show, take, verify]
    default: current
  environment:
    description: Name of the environment.
    type: str
    required: true
  name:
    description: Name of the baseline; an environment may have several, each with a version in force.
    type: str
    default: main
  version:
    description:
      - The version to read, promote or verify. By default the version in force for V(current), the newest candidate for V(promote), both for V(verify).
      - Promoting an older version again goes back to it.
    type: int
  reason:
    description: Why; required for V(promote).
    type: str
    default: ""
  required:
    description: For V(current), whether it is a fault that no version is in force.
    type: bool
    default: true
  promote:
    description: Whether V(take) promotes the version at once.
    type: bool
    default: false
  four_eyes:
    description: Whether somebody else than who took a version has to promote it.
    type: bool
    default: false
  service:
    description: With V(take), look at this service alone and keep the rest of the version in force.
    type: str
    default: ""
  settled:
    description: With V(fold), the services of the deployment as M(evenkeel.release.deployment_plan) settles them.
    type: list
    elements: dict
    default: []
  release:
    description: With V(fold), the release that each service runs now. The ledger tells the rest.
    type: dict
    default: {}
  keep:
    description: With V(prune), how many of the newest versions of each baseline of every environment stay whole, beside those in force.
    type: int
    default: 10
  grace:
    description:
      - With V(prune), seconds. What was written or used within them stays; a run that looked at its hosts longer ago than that and has not taken its
        baseline yet would lose what it saw.
    type: int
    default: 86400
  signing_key:
    description:
      - Ed25519 key to sign with; its public half is enough when an agent holds the private one.
      - By default C(baseline.key) in the state directory, which is made when it is not there.
    type: path
  allowed_signers:
    description:
      - File of the keys that may sign, see C(ALLOWED SIGNERS) in ssh-keygen(1).
      - By default C(allowed_signers) in the state directory. It is made together with the default key, and only then.
    type: path
  store:
    description: The store of the records, a folder or a PostgreSQL URL. By default the folder C(objects) in the state directory.
    type: str
  ledger_url:
    description: The store of the ledger. Defaults as in M(evenkeel.release.record).
    type: str
seealso:
  - module: evenkeel.release.drift_snapshot
  - module: evenkeel.release.drift_tell
"""

EXAMPLES = r"""
- name: Show all versions
  evenkeel.release.drift_baseline:
    state: show
    environment: staging

- name: Put the candidate in force
  evenkeel.release.drift_baseline:
    state: promote
    environment: staging
    reason: Reviewed after the upgrade of OpenSSL
    four_eyes: true

- name: Remove what only old versions need
  evenkeel.release.drift_baseline:
    state: prune
    environment: staging
    keep: 5

- name: Check signatures, ledger and records
  evenkeel.release.drift_baseline:
    state: verify
    environment: staging
    signing_key: ~/.ssh/baseline.pub
    allowed_signers: /etc/evenkeel/allowed_signers
"""

RETURN = r"""
baseline:
  description: The version that was read, made or promoted; empty when there is none.
  returned: for V(current), V(take), V(promote) and V(fold)
  type: dict
  contains:
    name:
      description: Name of the baseline.
      type: str
    version:
      description: Its number, counted per environment.
      type: int
    sha256:
      description: Digest of the document.
      type: str
    taken:
      description: When it was taken, as the ledger says.
      type: str
    release:
      description: Release of each service when it was made.
      type: dict
    hosts:
      description: C(root) and number of C(items) of the record of each host and service.
      type: dict
new:
  description: Hosts and services that no baseline knew before.
  returned: for V(fold)
  type: list
  elements: str
gaps:
  description: Hosts and services that could not be looked at or read completely; the baseline says of them what it said before.
  returned: for V(fold)
  type: list
  elements: str
versions:
  description: Name, number, state (C(current), C(candidate), C(past) or C(passed over)), digest, signer, and who took and promoted it, when and why.
  returned: for V(show) and V(verify)
  type: list
  elements: dict
removed:
  description: How many C(records) and C(objects) were removed, or would be in check mode. Objects are what records and contents are kept as.
  returned: for V(prune)
  type: dict
kept:
  description: Versions of all environments that stay whole, each as C(<environment>) and C(<name> v<number>) with a colon between them.
  returned: for V(prune)
  type: list
  elements: str
dropped:
  description: Versions that lost a record. They can be shown, and neither compared with nor promoted.
  returned: for V(prune)
  type: list
  elements: str
"""
