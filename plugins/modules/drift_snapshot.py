#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_snapshot
short_description: Read the state of a host for comparison
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads files, configuration keys, packages, services, kernel settings and listening ports, and changes nothing.
  - A collector that cannot look reports V(unknown) with its reason, never an empty result.
  - Pipes, sockets and devices are never opened. A file that changes while it is read is read again, three times at most, then it is unknown.
attributes:
  check_mode:
    support: full
    description: Only looks, so it runs in check mode as well.
  diff_mode:
    support: none
    description: Changes nothing that could be shown.
options:
  collectors:
    description: What to read beside O(config).
    type: list
    elements: str
    choices: [files, packages, services, sysctl, ports]
    default: [files]
  paths:
    description: Files, folders and globs for the collector V(files).
    type: list
    elements: str
    default: []
  exclude:
    description: Globs of paths to leave out.
    type: list
    elements: str
    default: []
  config:
    description: Configuration files (C(.ini), C(.cfg), C(.json), else lines of key and value) that are compared key by key.
    type: list
    elements: str
    default: []
  secret_keys:
    description: Globs of configuration keys that are secrets, beside those that look like one.
    type: list
    elements: str
    default: []
  fingerprint_key:
    description: Key of the fingerprints that stand for secret values. Baselines are comparable only under the same key.
    type: str
  sysctl_keys:
    description: Kernel settings for the collector V(sysctl).
    type: list
    elements: str
    default: []
  cache_dir:
    description:
      - Folder on the host that keeps digests, so that the next snapshot reads only files that changed.
      - A file counts as unchanged while device, inode, size, times, mode and owners are the same. A cache that is broken, comes from
        another machine or can be written by others is not used. Small snapshots keep none, and check mode writes none.
    type: path
  expect:
    description:
      - Digests of the groups of items of a baseline, as the filter P(evenkeel.release.drift_expect#filter) makes them.
        Only the items of groups that differ come back.
    type: dict
  inline_limit:
    description: A snapshot that is larger (in bytes of JSON) is written to a file on the host instead.
    type: int
    default: 65536
"""

EXAMPLES = r"""
- name: Read the configuration of the shop
  evenkeel.release.drift_snapshot:
    paths: [/etc/shop]
    config: [/etc/shop/shop.ini]
    fingerprint_key: "{{ secrets.drift_key }}"

- name: Read a large folder again, and return only what is not as in the baseline
  evenkeel.release.drift_snapshot:
    paths: [/srv/shop]
    cache_dir: /var/cache/evenkeel
    expect: "{{ baseline | evenkeel.release.drift_expect }}"
"""

RETURN = r"""
snapshot:
  description: What was found.
  type: dict
  returned: when it is small enough for O(inline_limit)
  contains:
    collectors:
      description: Per collector V(read), or V(unknown) with its reason.
      type: dict
    items:
      description: Path of each item and its attributes. Secrets are fingerprints.
      type: dict
    differs:
      description: With O(expect), the groups that differ; RV(snapshot.items) has the items of these alone.
      type: list
      elements: str
spilled:
  description: The file on the host, readable by its owner alone, that holds the snapshot as JSON. Who fetches it removes it.
  type: dict
  returned: when the snapshot is larger than O(inline_limit)
  contains:
    path:
      description: Where it is.
      type: str
    sha256:
      description: Its digest.
      type: str
    size:
      description: Its size in bytes.
      type: int
"""

import hashlib
import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import config, digest, facts, files
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown


def jobs(params, check_mode):
    by_keys = frozenset(os.path.realpath(path) for path in params["config"])
    known = {
        "files": lambda: files.collect(
            paths=[*params["paths"], *params["config"]],
            exclude=params["exclude"],
            by_keys=by_keys,
            cache_dir=params["cache_dir"],
            keep_cache=not check_mode,
        ),
        "packages": facts.packages,
        "services": facts.services,
        "sysctl": lambda: facts.sysctl(params["sysctl_keys"]),
        "ports": facts.ports,
    }
    chosen = {name: known[name] for name in params["collectors"]}
    if params["config"]:
        chosen["config"] = lambda: config.collect(
            files=params["config"], secret_keys=params["secret_keys"], fingerprint_key=(params["fingerprint_key"] or "").encode()
        )
    return chosen


def snapshot(chosen):
    collectors = {}
    items = {}
    for name, collect in chosen.items():
        try:
            items.update(collect())
            collectors[name] = {"state": "read"}
        except Unknown as exc:
            collectors[name] = {"state": "unknown", "reason": str(exc)}
    return {"collectors": collectors, "items": items}


def answer(found, expect, limit):
    """The snapshot, or where it lies when it is too big to travel as a result: there each value is walked and copied several times."""
    if expect is not None:
        found["items"], found["differs"] = digest.narrow(found["items"], expect)
    text = json.dumps(found).encode()
    if len(text) <= limit:
        return {"snapshot": found}
    descriptor, path = tempfile.mkstemp(prefix="evenkeel-drift-", suffix=".json")
    with open(descriptor, "wb") as stream:
        stream.write(text)
    return {"spilled": {"path": path, "sha256": hashlib.sha256(text).hexdigest(), "size": len(text)}}


def main():
    module = AnsibleModule(
        argument_spec={
            "collectors": {
                "type": "list",
                "elements": "str",
                "choices": ["files", "packages", "services", "sysctl", "ports"],
                "default": ["files"],
            },
            "paths": {"type": "list", "elements": "str", "default": []},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "config": {"type": "list", "elements": "str", "default": []},
            "secret_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "fingerprint_key": {"type": "str", "no_log": True},
            "sysctl_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "cache_dir": {"type": "path"},
            "expect": {"type": "dict"},
            "inline_limit": {"type": "int", "default": 65536},
        },
        supports_check_mode=True,
    )
    if module.params["config"] and not module.params["fingerprint_key"]:
        module.fail_json(
            msg="fingerprint_key is missing, so secrets in the configuration could not be compared without being shown. Give a secret text as key."
        )
    found = snapshot(jobs(module.params, module.check_mode))
    module.exit_json(changed=False, **answer(found, module.params["expect"], module.params["inline_limit"]))


if __name__ == "__main__":
    main()
