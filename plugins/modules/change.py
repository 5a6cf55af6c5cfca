#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: change
short_description: The change record of a deployment, from opening to review
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Opens a change for a release into an environment, computes its risk and its type, brings it through the states that ServiceNow has, and says
    whether a deployment may go ahead with it.
  - All of it is in the ledger, as entries of kind V(change); the state is derived from them. A step that is not legal is refused with those that are.
  - Impact, implementation, backout and test plan are written from documents, plan and evidence. What is unknown is said to be unknown.
attributes:
  action:
    support: full
    description: Runs on the controller and connects to no host.
  check_mode:
    support: full
    description: Decides and refuses as usual, and writes nothing; C(entries) is what would be written.
  diff_mode:
    support: N/A
    description: Changes nothing but the ledger.
options:
  state:
    description:
      - V(opened) opens a change; when one is open for the same release, artifacts and environment, that one is returned.
      - V(assessed) ends the peer review and brings a change to Authorize.
      - V(scheduled) needs the authorization, O(start) and O(end), and no conflict unless O(accept_conflicts) says why.
      - V(implementing) begins O(deployment) under the change. Refused outside its time, its scope or its validity.
      - V(reviewed) ends the work, and records the post-implementation review O(review).
      - V(closed) needs O(close_code), which must be what the ledger says of the deployment.
      - V(canceled) and V(reverted) (back to New) need O(reason).
      - V(checked) only reads, O(change), or without it how the release stands with its change.
    type: str
    choices: [opened, assessed, scheduled, implementing, reviewed, closed, canceled, reverted, checked]
    default: checked
  environment:
    description: Environment, the name of its inventory group.
    type: str
    required: true
  release:
    description: Version of the release. By default that of O(plan) or of O(change).
    type: str
    default: ""
  change:
    description: Number of the change. Needed unless O(state) is V(opened) or V(checked).
    type: str
    default: ""
  service:
    description: The only service that is deployed.
    type: str
    default: ""
  act:
    description: The act that is asked about with O(state=checked). A rollback never waits for a review.
    type: str
    default: deploy
  plan:
    description: C(plan) of M(evenkeel.release.deployment_plan). Without it, what the documents and the ledger say is deployed.
    type: dict
  changes_dir:
    description: Folder with C(rules.yml), C(cab.yml) and C(standard/*.yml), each of them optional.
    type: path
    default: ""
  releases_dir:
    description: Folder of release manifests.
    type: path
    default: ""
  summary:
    description: The change in one line; by default that of the release.
    type: str
    default: ""
  assigned_to:
    description: Who carries it out.
    type: str
    default: ""
  emergency:
    description: Makes it an emergency change, with fewer approvals, a validity, and a review that is owed.
    type: dict
    suboptions:
      reason:
        description: Why it can't wait.
        type: str
        required: true
      incident:
        description: Its incident.
        type: str
        default: ""
  start:
    description: Planned start, RFC 3339 with its zone.
    type: str
  end:
    description: Planned end.
    type: str
  incidents:
    description: Open incidents, C(id) and C(priority) (1 is the worst) each; an empty list says that there is none, leaving it out that nobody knows.
    type: list
    elements: dict
  keys_changed:
    description: Configuration keys that change; unknown when it is left out.
    type: int
  one_way:
    description: Whether a migration can't be taken back; by default what the ledger tells of its migrations elsewhere.
    type: bool
  approvals:
    description:
      - Approvals that count, C(approver) each. Who may approve is not decided here.
      - Where C(evenkeel_approvals_dir) is set they are not given - those count that were signed for what M(evenkeel.release.approval_request) asked for last.
    type: list
    elements: dict
    default: []
  maintenance:
    description: Maintenance windows, C(name), C(environment), C(services), C(from) and C(to) each, beside those of the environment document.
    type: list
    elements: dict
    default: []
  blackout:
    description: Blackout windows, as O(maintenance), beside the freezes of the environment document.
    type: list
    elements: dict
    default: []
  accept_conflicts:
    description: Why the change goes ahead in spite of conflicts.
    type: str
    default: ""
  deployment:
    description: With O(state=implementing), the entry that announced the deployment.
    type: str
    default: ""
  close_code:
    description: With O(state=closed), how it went.
    type: str
    choices: ["", successful, successful_issues, unsuccessful]
    default: ""
  notes:
    description: With O(state=assessed) and O(state=closed), what is to be remembered.
    type: str
    default: ""
  reason:
    description: With O(state=canceled) and O(state=reverted), why.
    type: str
    default: ""
  review:
    description:
      - With O(state=reviewed), C(summary), C(root_cause) and C(actions), a list of C(what), C(owner) and C(due); an empty list is an answer.
      - Optional are C(impact), C(incidents) and C(attended).
    type: dict
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: Open a change for next week
  evenkeel.release.change:
    state: opened
    environment: production
    release: 1.2.0
    changes_dir: "{{ inventory_dir }}/changes"
    releases_dir: "{{ inventory_dir }}/releases"
    assigned_to: ann
    incidents: []
  register: opened

- name: May 1.2.0 be deployed now?
  evenkeel.release.change:
    environment: production
    release: 1.2.0
    changes_dir: "{{ inventory_dir }}/changes"
    releases_dir: "{{ inventory_dir }}/releases"
    incidents: []
  register: checked

- name: Close it
  evenkeel.release.change:
    state: closed
    environment: production
    change: CHG-4F1A9C2E77B0
    close_code: successful
"""

RETURN = r"""
number:
  description: Number of the change.
  returned: with O(state=opened)
  type: str
  sample: CHG-4F1A9C2E77B0
change:
  description:
    - The change as the ledger tells of it - C(id), C(type), C(state), C(state_value), C(next), C(level), C(score), C(assessment), C(scope), C(planned),
      C(authorized), C(deployment), C(close_code), C(review), C(history) and what was C(ignored) as no legal step.
  returned: always, but with O(state=checked) only when O(change) is given
  type: dict
assessment:
  description: C(score), C(level), C(impact), C(probability), C(says), C(reasons) and C(unknown) as they are now.
  returned: with O(state=opened)
  type: dict
gaps:
  description: For each standard change why it does not cover this one.
  returned: with O(state=opened)
  type: dict
papers:
  description: C(impact), C(implementation), C(backout), C(test) and C(communication), lines of text each.
  returned: with O(state=opened), and with O(state=checked) when O(change) is given
  type: dict
sheet:
  description: The change in Markdown.
  returned: with O(state=checked) when O(change) is given
  type: str
review_sheet:
  description: The post-implementation review in Markdown, filled from the ledger.
  returned: with O(state=checked) when O(change) is given
  type: str
outcome:
  description: How its deployment went; null without one.
  returned: with O(state=checked) when O(change) is given
  type: dict
standing:
  description: The section C(change) of the policies' evidence, see docs/reference/policies.md.
  returned: with O(state=checked) when O(change) is not given
  type: dict
entries:
  description: What was written, or in check mode what would be.
  returned: unless O(state=checked)
  type: list
  elements: dict
"""
