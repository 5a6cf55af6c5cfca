#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: release_digests
short_description: Tell from which bytes the current release of each service was installed
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads the record of the release that is current in the folder of each service, and proves by SHA-256 that none of its files was changed since.
  - Where a release has gone on to the next environment, this is how to see that it is the same one. Only reads.
attributes:
  check_mode:
    support: full
    description: Only reads.
  diff_mode:
    support: none
    description: Changes nothing that could be shown.
options:
  roots:
    description: Folder of each service on the host, by its name.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See what runs in staging
  evenkeel.release.release_digests:
    roots: {shop: /srv/shop}
"""

RETURN = r"""
digests:
  description: Per service its C(current) release, empty for none, the C(sha256) of its artifact, and whether it is C(intact).
  type: dict
  returned: success
  sample: {shop: {current: 1.1.0, sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae, intact: true}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree


def digest_of(root: str) -> dict[str, Any]:
    tree = ReleaseTree(root)
    current = tree.current() or ""
    record = tree.record(current) if current else None
    if not record:
        return {"current": current, "sha256": "", "intact": False}
    try:
        intact = tree.check(version=current, sha256=str(record["sha256"]))
    except ReleaseError:
        intact = False
    return {"current": current, "sha256": str(record["sha256"]), "intact": intact}


def main() -> None:
    module = AnsibleModule(argument_spec={"roots": {"type": "dict", "required": True}}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, digests={name: digest_of(str(root)) for name, root in sorted(module.params["roots"].items())})
    except (ReleaseError, OSError, KeyError) as exc:
        module.fail_json(msg=f"What is installed could not be told: {exc}")


if __name__ == "__main__":
    main()
