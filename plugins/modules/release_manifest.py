# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_manifest
short_description: Make, extend, check and record the manifest of a release
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Makes C(releases/<version>.yml) from components, commits and scope, or adds to it, and writes it only when it has no fault.
  - The digest of each component is computed from its bytes. A digest that is given is compared with them, never taken at its word.
  - A version that was recorded never changes. A file that differs from what was recorded is refused, with what changed.
  - The file is written anew as a whole, so comments in it do not stay.
requirements:
  - jsonschema >= 4.21, jmespath >= 1.0.1, semantic_version >= 2.10, orjson >= 3.10, rfc8785 >= 0.1.4 and SQLAlchemy >= 2.0.30 on the controller
  - git on the controller, for O(commits)
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Says what would be written and recorded.
  diff_mode:
    support: full
    description: Shows the manifest before and after.
options:
  path:
    description: The manifest. Its name is the version.
    type: path
    required: true
  state:
    description:
      - V(present) makes or extends it; V(checked) only looks for faults and proves the digests.
      - V(recorded) writes the whole manifest and its digest into the ledger, once. From then on the version is what it is.
    type: str
    choices: [present, checked, recorded]
    default: present
  definition:
    description: Keys of the manifest. Components are added to those that are there; every other key replaces the one that is there.
    type: dict
    default: {}
  commits:
    description: Takes the changelog from commits by Conventional Commits. What was written by hand stays.
    type: dict
    suboptions:
      repository:
        description: Folder of a git repository with all of its history.
        type: path
        required: true
      from:
        description: Tag or commit of the release before; without it all commits.
        type: str
        default: ""
      to:
        description: Tag or commit of this release.
        type: str
        default: HEAD
      name:
        description: How people know the repository.
        type: str
        default: ""
  scope:
    description: Items to add to the scope or to change in it, each with its C(id).
    type: list
    elements: dict
    default: []
  scope_without:
    description: Ids of items to take out of the scope.
    type: list
    elements: str
    default: []
  scope_change:
    description: Who asked for a change of a scope that is there already, and why. It is told in C(scope.changes).
    type: dict
    suboptions:
      by:
        description: Who asked for it.
        type: str
        required: true
      reason:
        description: Why.
        type: str
        required: true
      approver:
        description: Who agreed.
        type: str
  changelog_dest:
    description: Where to write the changelog of O(commits) as Markdown.
    type: path
  items_dest:
    description: Where to write the configuration items for an import set, as CSV when the name ends so, else as JSON.
    type: path
  mode:
    description: Mode of files that are written.
    type: raw
    default: "0644"
  ledger_url:
    description: Ledger; without, the one of the run.
    type: str
"""

EXAMPLES = r"""
- name: Make a manifest
  evenkeel.release.release_manifest:
    path: releases/1.2.0.yml
    definition:
      type: minor
      owner: shop
      summary: Gift cards
      components:
        shop: {version: 1.2.0, artifact: ../artifacts/shop-1.2.0.tar.gz}
      rollback: {criteria: [orders fail], max_minutes: 10, migration: none}
    commits: {repository: ../shop, from: v1.1.0, to: v1.2.0}
    scope:
      - {id: SHOP-7, title: Gift cards, kind: feature, status: done}

- name: Let an item in after the freeze
  evenkeel.release.release_manifest:
    path: releases/1.2.0.yml
    scope:
      - id: SHOP-9
        title: Fix the rounding
        kind: fix
        status: accepted
        exception: {reason: it loses cents, approver: bea}
    scope_change: {by: ada, reason: found in the acceptance test}

- name: Record what the version is
  evenkeel.release.release_manifest:
    path: releases/1.2.0.yml
    state: recorded
"""

RETURN = r"""
path:
  description: The manifest.
  type: str
  returned: success
manifest:
  description: Its content.
  type: dict
  returned: success
sha256:
  description: Digest of the whole manifest, SHA-256 of its RFC 8785 form. A bundle pins it.
  type: str
  returned: success
suggested_type:
  description: V(major), V(minor) or V(patch), as the commits ask for it; empty without commits.
  type: str
  returned: success
configuration_items:
  description: A row for each configuration item of each component.
  type: list
  elements: dict
  returned: success
entry:
  description: The entry of the ledger.
  type: dict
  returned: when it was recorded now
"""
