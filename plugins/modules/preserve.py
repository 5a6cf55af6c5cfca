#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: preserve
short_description: Keep what a rollback has to bring back, and bring it back
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Records for each service of a host the release pointer, the digest of its artifact, the live colour and the live configuration; further files; and
    flags of flagd files. Contents stay on the host, in a folder that only its owner may open; the result has digests alone.
  - A set that is there is never written again, so that a run which is repeated keeps what was there before the first one.
  - Restores configuration, files and flags of a set, with mode, owner and group, each by one rename, and nothing at all when one of them cannot be restored.
  - Releases and data are not restored by this module; a rollback brings the release.
attributes:
  check_mode:
    support: full
    description: Says what would be recorded or restored.
  diff_mode:
    support: full
    description: Names the files that would be restored; contents may be secrets and are not shown.
  idempotent:
    support: full
    description: A set that is there, and what is as it was, is left alone.
options:
  state:
    description:
      - V(preserved) records the set O(id), V(restored) brings it back, V(absent) removes it.
      - V(info) only tells what is there now.
    type: str
    choices: [preserved, restored, info, absent]
    default: preserved
  id:
    description: Name of the set, for instance the id of the deployment that comes next. Required unless O(state=info).
    type: str
  dir:
    description:
      - Folder of the sets on the host, of the connecting user with mode 0700. It must not be below a folder that is watched for drift.
      - Defaults to C(/var/lib/evenkeel/preserved) for root, else below the home.
    type: path
  group:
    description: Sub-folder of O(dir), so that hosts which share a machine keep their sets apart, each with its own O(keep).
    type: str
    default: ''
  services:
    description: Services of the host.
    type: list
    elements: dict
    default: []
    suboptions:
      service: {description: Its name., type: str, required: true}
      root: {description: Its folder., type: path, required: true}
      colour:
        description: With O(state=restored) the colour whose configuration is written; by default the one that is live.
        type: str
        choices: [blue, green]
  files:
    description: Further files, absolute. One that is absent is recorded as such.
    type: list
    elements: path
    default: []
  flags:
    description: Files of flagd.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: The file., type: path, required: true}
      flags: {description: Names of the flags; all of them when left out., type: list, elements: str}
  parts:
    description: What is restored. Configuration is that of O(services), of all recorded ones when that is empty.
    type: list
    elements: str
    choices: [config, files, flags]
    default: [config, files, flags]
  remove_added:
    description: Whether configuration files that were not there are removed; otherwise they are named in RV(left).
    type: bool
    default: false
  missing_ok:
    description: Whether a set that is not there is told as RV(missing) with O(state=restored), instead of an error.
    type: bool
    default: false
  keep:
    description: How many sets stay in O(dir); the oldest go first.
    type: int
    default: 10
  max_file_size:
    description: Most bytes of a file that is preserved.
    type: int
    default: 16777216
  fingerprint_key:
    description: Key of the digests that leave the host. Without one a short secret could be guessed from the digest of its file.
    type: str
"""

EXAMPLES = r"""
- name: Before the release changes anything
  evenkeel.release.preserve:
    id: before-1.1.0
    services:
      - {service: shop, root: /srv/shop}
    files: [/etc/nginx/conf.d/shop.conf]
    flags:
      - {path: /etc/flagd/flags.json, flags: [new-checkout]}
    fingerprint_key: "{{ lookup('evenkeel.release.fingerprint_key', 'preserve/production') }}"

- name: What would be brought back?
  evenkeel.release.preserve:
    id: before-1.1.0
    state: restored
  check_mode: true
"""

RETURN = r"""
preserved:
  description:
    - The set, or with O(state=info) what is there now. C(services) with C(release), C(artifact), C(colour) and C(config) (digests by name),
      C(files) with digests by path, C(flags) with C(share), C(killed) and C(digest) by path and name.
  returned: unless O(state=absent)
  type: dict
time:
  description: When the set was recorded, RFC 3339 in UTC.
  returned: with O(state=preserved) and O(state=restored)
  type: str
dir:
  description: Folder of the set.
  returned: unless O(state=info)
  type: str
restored:
  description: Files that were restored, or would be.
  returned: with O(state=restored)
  type: list
  elements: str
services_changed:
  description: Services whose configuration was restored; they have to be restarted to read it.
  returned: with O(state=restored)
  type: list
  elements: str
left:
  description: Files of the configuration that were not there and are left.
  returned: with O(state=restored)
  type: list
  elements: str
missing:
  description: Whether the set is not there, so that nothing was restored.
  returned: with O(state=restored)
  type: bool
removed:
  description: Sets that retention removed.
  returned: with O(state=preserved)
  type: list
  elements: str
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._preserve import back, book, observe
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.errors import PreserveError
from ansible_collections.evenkeel.release.plugins.module_utils._preserve.perform import perform
from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError

SPEC = {
    "state": {"type": "str", "choices": ["preserved", "restored", "info", "absent"], "default": "preserved"},
    "id": {"type": "str"},
    "dir": {"type": "path"},
    "group": {"type": "str", "default": ""},
    "services": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "service": {"type": "str", "required": True},
            "root": {"type": "path", "required": True},
            "colour": {"type": "str", "choices": ["blue", "green"]},
        },
    },
    "files": {"type": "list", "elements": "path", "default": []},
    "flags": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"path": {"type": "path", "required": True}, "flags": {"type": "list", "elements": "str"}},
    },
    "parts": {"type": "list", "elements": "str", "choices": list(back.PARTS), "default": list(back.PARTS)},
    "remove_added": {"type": "bool", "default": False},
    "missing_ok": {"type": "bool", "default": False},
    "keep": {"type": "int", "default": 10},
    "max_file_size": {"type": "int", "default": 16777216},
    "fingerprint_key": {"type": "str", "no_log": True},
}
REQUIRED_IF = [("state", state, ("id",)) for state in ("preserved", "restored", "absent")]


def check(params):
    faults = [f"files has {path!r}, which is not absolute" for path in params["files"] if not os.path.isabs(path)]
    names = [one["service"] for one in params["services"]]
    faults += [f"services names {name} twice" for name in sorted(set(names)) if names.count(name) > 1]
    faults += [f"keep is {params['keep']}, allowed: 1 or more"] if params["keep"] < 1 else []
    if faults:
        raise PreserveError(f"Nothing was recorded or restored: {'; '.join(faults)}.")


def default_dir(uid):
    return "/var/lib/evenkeel/preserved" if uid == 0 else "~/.local/state/evenkeel/preserved"


def info(params, _sets, **_mode):
    observed = observe.observe(params["services"], params["files"], params["flags"])
    return {"changed": False, "preserved": observe.shown(observed, params["fingerprint_key"] or "")}


def preserved(params, sets, *, check_mode):
    name, key = params["id"], params["fingerprint_key"] or ""
    place = sets.place(name)
    there = sets.load(name)
    if there is not None:
        return {"changed": False, "preserved": observe.shown(there, key), "time": there["time"], "dir": place, "removed": []}
    observed = observe.observe(params["services"], params["files"], params["flags"])
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    removed = []
    if not check_mode:
        sets.save(name, observed, time=now)
        removed = sets.surplus(keep=params["keep"], spare=name)
        for old in removed:
            sets.remove(old)
    return {"changed": True, "preserved": observe.shown(observed, key), "time": now, "dir": place, "removed": removed}


def restored(params, sets, *, check_mode):
    name = params["id"]
    found = sets.load(name)
    if found is None and params["missing_ok"]:
        nothing = {"restored": [], "services_changed": [], "left": []}
        return {"changed": False, **nothing, "preserved": {}, "time": "", "dir": sets.place(name), "missing": True}
    if found is None:
        raise PreserveError(f"There is no preserved set {name} in {sets.folder}; there are {', '.join(sets.names()) or 'none'}. Nothing was changed.")
    only = [one["service"] for one in params["services"]]
    unknown = sorted(set(only) - set(found["services"]))
    if unknown:
        raise PreserveError(f"The set {name} has no service {', '.join(unknown)}; it has {', '.join(sorted(found['services'])) or 'none'}.")
    wanted = back.wanted(
        found,
        parts=params["parts"],
        only=only,
        colours={one["service"]: one["colour"] or "" for one in params["services"]},
        content=lambda digest: sets.content(name, digest),
    )
    done = perform(wanted, journal_dir=os.path.join(sets.folder, ".restore"), remove_added=params["remove_added"], check_mode=check_mode)
    shown = observe.shown(found, params["fingerprint_key"] or "")
    return {**done, "preserved": shown, "time": found["time"], "dir": sets.place(name), "missing": False}


def absent(params, sets, *, check_mode):
    place = sets.place(params["id"])
    there = os.path.isdir(place) if check_mode else sets.remove(params["id"])
    return {"changed": there, "dir": place}


def main():
    module = AnsibleModule(argument_spec=SPEC, required_if=REQUIRED_IF, supports_check_mode=True)
    params = module.params
    act = {"preserved": preserved, "restored": restored, "info": info, "absent": absent}[params["state"]]
    try:
        check(params)
        sets = book.Book(params["dir"] or default_dir(os.geteuid()), params["group"], largest=params["max_file_size"])
        result = act(params, sets, check_mode=module.check_mode)
    except (PreserveError, ReleaseError) as exc:
        module.fail_json(msg=str(exc))
    if params["state"] == "restored" and result["restored"]:
        before = "".join(f"{path}: differs from {params['id']}\n" for path in result["restored"])
        after = "".join(f"{path}: as in {params['id']}\n" for path in result["restored"])
        result["diff"] = {"before_header": "preserved files", "after_header": "preserved files", "before": before, "after": after}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
