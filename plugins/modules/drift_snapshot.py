#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: drift_snapshot
short_description: Read the state of a host, or what of it is not as in a baseline
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Reads files, configuration keys, packages, services, accounts, kernel settings, ports and more, and changes nothing.
  - All that was found makes up one digest, the root. With O(baseline) only what differs comes back, and hardly anything when nothing does.
  - A collector that cannot look reports V(unknown) with its reason, never an empty result; an item that cannot be read does as well.
  - Secrets never leave the host. They are compared by fingerprints under O(fingerprint_key).
  - Pipes, sockets and devices are never opened.
  - What the baseline held comes from the controller's own store, never from the host, and what the host answers has to lead from there to its root.
attributes:
  check_mode:
    support: full
    description:
      - Only looks, so it runs in check mode as well. Nothing is kept then, neither on the host nor in the store, and the result is inline whatever its size.
  diff_mode:
    support: none
    description: Changes nothing that could be shown.
  async:
    support: none
    description: The answer is checked on the controller.
options:
  collectors:
    description: What to read. V(config) and V(custom) are added when O(config) and O(custom) name something.
    type: list
    elements: str
    choices:
      - files
      - packages
      - packaged
      - services
      - users
      - sysctl
      - mounts
      - ports
      - cron
      - certificates
      - containers
      - firewall
      - system
      - config
      - custom
    default: [files]
  paths:
    description:
      - Files, folders and globs for the collector V(files). They begin with C(/); a relative path is refused.
      - "In these globs and those of O(exclude), O(secret_files) and O(packaged_paths) C(*), C(?) and C([...]) stay within one name, C(**) crosses
        folders, and names with a leading dot match like others."
    type: list
    elements: str
    default: []
  exclude:
    description:
      - Globs of paths to leave out, as in O(paths). What lies below a folder that matches is left out as a whole and never looked at.
      - A glob that does not begin with C(/) holds at any depth, C(*.pyc) or C(cache/tmp). One that ends with C(/) matches folders only.
    type: list
    elements: str
    default: []
  one_file_system:
    description: Whether the collector V(files) stays on the file systems of O(paths).
    type: bool
    default: true
  max_file_size:
    description: Content of files with more bytes is not read.
    type: int
  io_limit:
    description: How many MiB are read per second at most.
    type: float
  nice:
    description: By how much the priority of reading is lowered.
    type: int
    default: 10
  io_class:
    description: How the disk is used while others want it; V(idle) waits for all of them.
    type: str
    choices: [idle, best-effort, none]
    default: best-effort
  workers:
    description: How many processes read files. As many as there are processors by default, eight at most.
    type: int
  verify:
    description:
      - V(cache) trusts the digest of a file whose device, inode, size, times, mode and owners did not move.
      - V(sample) reads one in a hundred of these files nonetheless, V(full) all of them.
    type: str
    choices: [cache, full, sample]
    default: cache
  cache_dir:
    description:
      - Folder on the host that keeps digests of files and copies of baselines, so that the next snapshot reads and sends only what changed.
      - What is damaged, comes from another machine or can be written by others is not used.
    type: path
  progress_file:
    description: File on the host that tells during a long scan how far it is.
    type: path
  config:
    description:
      - Configuration files that are compared key by key, each a path, a glob, or a dictionary of C(path) and C(format).
      - O(fingerprint_key) stands for the values that are secrets.
    type: list
    elements: raw
    default: []
  secret_keys:
    description: Globs of configuration keys that are secrets, beside those that look like one.
    type: list
    elements: str
    default: []
  secret_files:
    description:
      - Globs of files whose content is a secret, so that even its SHA-256 stays on the host, as in O(exclude).
      - Known without being named are C(shadow), C(shadow-), C(gshadow), C(gshadow-), C(*.key), C(*_key), C(*.keytab), C(*.p12), C(*.pfx), C(*.jks),
        C(*.kdbx), C(/etc/ssl/private/**), C(id_rsa), C(id_dsa), C(id_ecdsa), C(id_ecdsa_sk), C(id_ed25519), C(id_ed25519_sk), C(.pgpass), C(.netrc),
        C(*htpasswd), C(.git-credentials), C(.vault_pass*), C(userlist.txt), C(sasl_passwd*), C(*-secrets) and C(*.secrets). The collector V(config)
        tells each of these, too, as one secret.
      - C(.env), C(*.env) and C(.my.cnf) are secret files as well, but O(config) compares them key by key.
    type: list
    elements: str
    default: []
  fingerprint_key:
    description: Key of the fingerprints that stand for secrets, eight characters at least. Snapshots are comparable only under the same key.
    type: str
  sysctl_keys:
    description:
      - Globs of kernel settings for the collector V(sysctl), C(net.ipv4.*), and of parameters of the kernel, C(cmdline:<parameter>).
      - When it is empty, all of them but those that move on their own.
    type: list
    elements: str
    default: []
  package_trees:
    description: Folders of C(pip), C(npm) and C(gem) packages for the collector V(packages), or globs of them such as C(/srv/*/venv).
    type: list
    elements: str
    default: []
  packaged_paths:
    description:
      - Globs of files for the collector V(packaged), as in O(exclude); all files of all packages when it is empty.
      - Give a few. Each file is held against each of them, so thousands take very long.
    type: list
    elements: str
    default: []
  certificates:
    description: Globs of files for the collector V(certificates); the usual places when it is empty.
    type: list
    elements: str
    default: []
  custom:
    description: Commands whose JSON output is facts.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the facts.
        type: str
        required: true
      command:
        description: The command and its arguments. No shell is used.
        type: list
        elements: str
        required: true
      timeout:
        description: Seconds that it may take.
        type: float
        default: 30
  baseline:
    description: Root of the record to compare with, as RV(root) was when that snapshot was kept.
    type: str
  baseline_file:
    description: Where the record of O(baseline) lies on the host. The controller sets it when the host has lost its copy.
    type: path
  inline_limit:
    description: An answer with more bytes is not part of the result but goes to the store.
    type: int
    default: 65536
  store:
    description:
      - Where the controller keeps records and large answers, a folder or C(postgresql://user:password@host/database).
      - The default is the folder C(objects) in C(evenkeel_state_dir).
    type: str
  keep:
    description: Whether the record of this snapshot is kept in the store, so that it can be a baseline. Without O(baseline) a large one always is.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read the configuration of the shop, and keep what was seen
  evenkeel.release.drift_snapshot:
    paths: [/etc/shop]
    config: [/etc/shop/shop.ini]
    fingerprint_key: "{{ secrets.drift_key }}"
    cache_dir: /var/cache/evenkeel
    keep: true
  register: baseline

- name: Look again, and return only what is not as it was
  evenkeel.release.drift_snapshot:
    paths: [/etc/shop]
    config: [/etc/shop/shop.ini]
    fingerprint_key: "{{ secrets.drift_key }}"
    cache_dir: /var/cache/evenkeel
    baseline: "{{ baseline.root }}"
"""

RETURN = r"""
root:
  description: Digest of all that was found, and of what could be looked at.
  type: str
  returned: always
collectors:
  description: Per collector V(read), or V(unknown) with its reason; and the digest of what it found unless RV(same) is true.
  type: dict
  returned: always
stats:
  description: Files, files read, files known from the cache, bytes read, and how it was verified.
  type: dict
  returned: always
host_time:
  description: The host's clock at the end, in seconds since 1970.
  type: float
  returned: always
clock_skew:
  description: How many seconds the host's clock is ahead of the controller's; exact to about the time that the start of a module takes.
  type: float
  returned: always
same:
  description: Whether all is as in the baseline. It never is when anything could not be read.
  type: bool
  returned: with O(baseline)
baseline_collectors:
  description: The collectors of the baseline.
  type: dict
  returned: with O(baseline), unless all is the same
changes:
  description: Per item that differs its attributes V(before) and V(after), V(null) where there was or is none; and each item that cannot be read.
  type: dict
  returned: with O(baseline), unless all is the same or it is larger than O(inline_limit)
changes_object:
  description: Name of the object in the store that holds RV(changes) as JSON.
  type: str
  returned: with O(baseline), when RV(changes) is larger than O(inline_limit)
snapshot:
  description: What was found.
  type: dict
  returned: without O(baseline), unless it is larger than O(inline_limit)
  contains:
    collectors:
      description: As RV(collectors).
      type: dict
    items:
      description: Name of each item and its attributes. Secrets are fingerprints.
      type: dict
stored:
  description: Whether the record is in the store, under RV(root).
  type: bool
  returned: unless RV(same) is true
"""

import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.nodestore import NAME, Full, NodeStore
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.observe import answer, observe

COLLECTORS = [
    "files",
    "packages",
    "packaged",
    "services",
    "users",
    "sysctl",
    "mounts",
    "ports",
    "cron",
    "certificates",
    "containers",
    "firewall",
    "system",
    "config",
    "custom",
]
STRINGS = {"type": "list", "elements": "str", "default": []}
SPEC = {
    "collectors": {**STRINGS, "choices": COLLECTORS, "default": ["files"]},
    "paths": STRINGS,
    "exclude": STRINGS,
    "one_file_system": {"type": "bool", "default": True},
    "max_file_size": {"type": "int"},
    "io_limit": {"type": "float"},
    "nice": {"type": "int", "default": 10},
    "io_class": {"type": "str", "choices": ["idle", "best-effort", "none"], "default": "best-effort"},
    "workers": {"type": "int"},
    "verify": {"type": "str", "choices": ["cache", "full", "sample"], "default": "cache"},
    "cache_dir": {"type": "path"},
    "progress_file": {"type": "path"},
    "config": {"type": "list", "elements": "raw", "default": []},
    "secret_keys": {**STRINGS, "no_log": False},
    "secret_files": {**STRINGS, "no_log": False},
    "fingerprint_key": {"type": "str", "no_log": True},
    "sysctl_keys": {**STRINGS, "no_log": False},
    "package_trees": STRINGS,
    "packaged_paths": STRINGS,
    "certificates": STRINGS,
    "custom": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 30},
        },
    },
    "baseline": {"type": "str"},
    "baseline_file": {"type": "path"},
    "inline_limit": {"type": "int", "default": 65536},
    # The controller's own.
    "store": {"type": "str", "no_log": True},
    "keep": {"type": "bool", "default": False},
}
# One that is shorter could be part of an answer, and would be blotted out there.
SHORTEST_KEY = 8


def refusal(params):
    """What is wrong with these options, if anything."""
    key = params["fingerprint_key"] or ""
    if params["config"] and not key:
        return "fingerprint_key is missing, so secrets in the configuration could not be compared without being shown. Give a secret text as key."
    if key and len(key) < SHORTEST_KEY:
        return f"fingerprint_key has {len(key)} characters, at least {SHORTEST_KEY} are needed. Give a longer secret text as key."
    if params["baseline"] and not NAME.fullmatch(params["baseline"]):
        return f"baseline is {params['baseline']!r}, allowed are 64 hexadecimal digits. Give the root of a snapshot that was kept."
    entry = next((entry for entry in params["config"] if not isinstance(entry, str) and not (isinstance(entry, dict) and entry.get("path"))), None)
    return f"config has {entry!r}, allowed are a path, a glob, or a dictionary with path." if entry is not None else ""


def main():
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    started, params, keep = time.time(), module.params, not module.check_mode
    fault = refusal(params)
    if fault:
        module.fail_json(msg=fault)
    host = Host(fingerprint_key=(params["fingerprint_key"] or "").encode())
    try:
        record, stats = observe(params, host, keep_cache=keep)
        found = answer(record, params, NodeStore(params["cache_dir"]), keep=keep, places=[params["cache_dir"] if keep else None, tempfile.gettempdir()])
    except (Full, ValueError) as exc:
        module.fail_json(msg=str(exc))
    # The options would be the larger part of an answer that nothing changed.
    module.exit_json(changed=False, invocation={}, stats=stats, host_started=started, host_time=time.time(), **found)


if __name__ == "__main__":
    main()
