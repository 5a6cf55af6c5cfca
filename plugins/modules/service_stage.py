#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_stage
short_description: Bring releases and their configuration to a host, beside what serves there
version_added: 0.1.0
description:
  - Installs the release of each service and writes its configuration into the folder of a colour, as M(evenkeel.release.release_artifact) and
    P(evenkeel.release.configure#role) do. One call does it for all services of a host.
  - Every release is looked at before anything is written. Nothing that serves is touched.
author: Evenkeel contributors (@evenkeel)
attributes:
  check_mode:
    description: Says what would be installed and written, and changes nothing.
    support: full
  diff_mode:
    description: Shows the installed versions and the names of the files that change; their content never, since it holds secrets.
    support: partial
    details: Contents of files are not shown.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
options:
  services:
    description: The services, one after the other.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the service, for what is told.
        type: str
        required: true
      root:
        description: Folder of the service on the host.
        type: path
        required: true
      version:
        description: Version of the release.
        type: str
        required: true
      sha256:
        description: Digest of the artifact that the release manifest pins, 64 hexadecimal digits.
        type: str
        required: true
      source:
        description:
          - The artifact, a tar archive, as a C(http), C(https) or C(file) URL or as a path on this host.
          - When neither this nor O(services[].artifact) is given and it is not installed, nothing is done and the service is in RV(missing).
        type: str
      artifact:
        description: The artifact itself in Base64, in the place of O(services[].source).
        type: str
      protect:
        description: Versions that are never removed.
        type: list
        elements: str
        default: []
      colour:
        description: Folder below C(config) that the files are written to.
        type: str
        required: true
      owner:
        description: Account that owns the configuration; without it the one that runs the module.
        type: str
      files:
        description: The configuration.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the file, without C(/).
            type: str
            required: true
          content:
            description: Its content in Base64.
            type: str
            required: true
          mode:
            description: Its mode in octal.
            type: str
            default: "0600"
  keep:
    description: How many installed releases to keep after an installation.
    type: int
    default: 5
  timeout:
    description: Seconds to wait for the server of an artifact.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Bring the shop's next release and its configuration
  evenkeel.release.service_stage:
    services:
      - name: shop
        root: /srv/shop
        version: 1.1.0
        sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
        source: https://artifacts.example.com/shop-1.1.0.tar.gz
        colour: green
        files:
          - name: shop.ini
            content: "{{ lookup('ansible.builtin.template', 'shop.ini.j2') | b64encode }}"
"""

RETURN = r"""
services:
  description: Per service whether the release was C(installed), the names of the C(files) that were written, and the versions C(removed) by retention.
  type: dict
  returned: success
  sample: {shop: {installed: true, files: [shop.ini], removed: [0.9.0]}}
missing:
  description: Services whose artifact has to be brought first; nothing was done then.
  type: list
  elements: str
  returned: success
  sample: []
doing:
  description: What failed, C(artifact) or C(configuration).
  type: str
  returned: failure
"""

import base64
import os
import re
import tempfile
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._release import stage
from ansible_collections.evenkeel.release.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree

NAMES = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
FILE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "content": {"type": "str", "required": True, "no_log": True},
    "mode": {"type": "str", "default": "0600"},
}
SERVICE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "version": {"type": "str", "required": True},
    "sha256": {"type": "str", "required": True},
    "source": {"type": "str"},
    # No secret, but nothing for a log.
    "artifact": {"type": "str", "no_log": True},
    "protect": {"type": "list", "elements": "str", "default": []},
    "colour": {"type": "str", "required": True},
    "owner": {"type": "str"},
    "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
}
ARGUMENTS: dict[str, Any] = {
    "services": {"type": "list", "elements": "dict", "required": True, "options": SERVICE},
    "keep": {"type": "int", "default": 5},
    "timeout": {"type": "float", "default": 30},
}


class Work(NamedTuple):
    wanted: dict[str, Any]
    tree: ReleaseTree
    lacks: bool


def is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def faults(services: list[dict[str, Any]]) -> list[str]:
    found = []
    for service in services:
        found += [f"{service['name']}: {key} is {service[key]!r}" for key in ("version", "colour") if not NAMES.fullmatch(service[key])]
        for file in service["files"]:
            if "/" in file["name"] or file["name"] in ("", ".", ".."):
                found.append(f"{service['name']}: the name of a file is {file['name']!r}, and it may not be a path")
            if not re.fullmatch("[0-7]{3,4}", file["mode"]):
                found.append(f"{service['name']}: mode of {file['name']} is {file['mode']!r}, allowed are three or four octal digits")
            if not is_base64(file["content"]):
                found.append(f"{service['name']}: content of {file['name']} is no Base64")
        if not is_base64(service["artifact"] or ""):
            found.append(f"{service['name']}: artifact is no Base64")
    return found


def install(work: Work, module: AnsibleModule) -> list[str]:
    wanted = {**work.wanted, "keep": module.params["keep"], "timeout": module.params["timeout"]}
    if not wanted["artifact"]:
        return stage.install(work.tree, wanted)
    with tempfile.NamedTemporaryFile(dir=module.tmpdir) as stream:
        stream.write(base64.b64decode(wanted["artifact"]))
        stream.flush()
        return stage.install(work.tree, {**wanted, "source": stream.name})


def configure(wanted: dict[str, Any], *, check: bool) -> list[str]:
    """What changed: names of files, and "" for the folder itself."""
    owner = stage.owner_of(wanted["owner"])
    folder = os.path.join(wanted["root"], "config", wanted["colour"])
    changed = [""] if stage.make_folder(folder, owner, check=check) else []
    for file in wanted["files"]:
        made = stage.File(os.path.join(folder, file["name"]), base64.b64decode(file["content"]), int(file["mode"], 8))
        if stage.write(made, owner, check=check):
            changed.append(file["name"])
    return changed


def diff(before: list[str], work: Work, written: list[str]) -> dict[str, Any]:
    version = work.wanted["version"]
    after = [*before, *([version] if version not in before else [])]
    return {
        "before": {"installed": before},
        "after": {"installed": after, "written": [name for name in written if name]},
        "before_header": work.wanted["root"],
        "after_header": work.wanted["root"],
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params, check = module.params, module.check_mode
    found = faults(params["services"])
    if found:
        module.fail_json(msg="The services cannot be staged like this: {}.".format("; ".join(found)), doing="artifact")
    doing, name, changed = "artifact", "", False
    told: dict[str, Any] = {}
    diffs: list[dict[str, Any]] = []
    try:
        works = []
        for wanted in params["services"]:
            name = wanted["name"]
            tree = ReleaseTree(wanted["root"])
            works.append(Work(wanted, tree, stage.lacks(tree, wanted)))
        missing = [work.wanted["name"] for work in works if work.lacks and not (work.wanted["source"] or work.wanted["artifact"])]
        if missing and not check:
            module.exit_json(changed=False, services={}, missing=missing)
        for work in works:
            doing, name = "artifact", work.wanted["name"]
            before = work.tree.installed()
            removed = install(work, module) if work.lacks and not check else []
            changed = changed or work.lacks
            doing = "configuration"
            written = configure(work.wanted, check=check)
            changed = changed or bool(written)
            told[name] = {"installed": work.lacks, "files": [each for each in written if each], "removed": removed}
            diffs.append(diff(before, work, written))
    except (ReleaseError, OSError) as exc:
        module.fail_json(msg=f"{name}: {exc}", doing=doing, changed=changed)
    module.exit_json(changed=changed, services=told, missing=missing, diff=diffs)


if __name__ == "__main__":
    main()
