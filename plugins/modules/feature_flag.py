#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: feature_flag
short_description: Switch feature flags on, off, to a percentage, or kill them
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Switches one or several flags of a flagd file or of an Unleash server, all of them in one call.
  - A flagd file is checked against flagd's schema v0 before it is replaced in one step. Other flags, unknown keys and the way in which the
    file is written stay as they are.
  - With O(verify) the running evaluator is asked until it answers what was switched, by the OpenFeature Remote Evaluation Protocol (OFREP).
attributes:
  check_mode:
    support: full
    description: Says what would be switched. Nothing is verified.
  diff_mode:
    support: full
    description: Shows the lines of the file, or state and strategies of the flags on the server.
  idempotent:
    support: full
    description: A flag that is already as it should be is left alone, its times too.
options:
  flags:
    description: Names of the flags. A flag that is unknown is an error that lists the known ones, and nothing is switched.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(on) and V(off) are for everybody. A flag with rules of its own is refused, unless O(replace_targeting=true).
      - V(percentage) is on for O(percentage) of the subjects, the same ones each time. Who is in stays in when the percentage grows.
      - V(killed) is off for everybody, at once, for flags with rules of their own as well. In a file the rules stay behind a condition that never
        holds; on an Unleash server the environment is switched off and the strategies stay. It works even when another flag of the file is broken.
      - V(absent) removes the flag from the file; on an Unleash server it is archived.
    type: str
    required: true
    choices: ["on", "off", percentage, killed, absent]
  percentage:
    description: Percent of the subjects with O(state=percentage), with at most three digits behind the point; whole numbers for Unleash.
    type: float
  sticky_by:
    description:
      - Attribute of the context that decides who is in. V(targetingKey) is OpenFeature's own. For a new Unleash strategy it means C(default).
      - Who hasn't got the attribute gets the off variant in a flagd file.
    type: str
    default: targetingKey
  on_variant:
    description: Variant that is on. By default the only one that is true, else the one called on, true, enabled or yes.
    type: str
  off_variant:
    description:
      - Variant that is off. By default the only one that is false, else the one called off, false, disabled or no.
      - A flag without one can only be killed by disabling it; the program's own default holds then.
    type: str
  create:
    description: Whether flags, and the file, may be made. A kill never makes one.
    type: bool
    default: false
  variants:
    description: Variants of a flag that is made in a file. C(on) is true and C(off) is false when left out.
    type: dict
  metadata:
    description:
      - Metadata to set on the flags in a file, such as C(owner), C(expires) (a date) or C(lifecycle) (V(permanent) never gets stale).
      - C(created_at) and C(changed_at) are kept by the module. Of an Unleash flag that is made, C(description) is used.
    type: dict
    default: {}
  replace_targeting:
    description: Whether rules and strategies of a flag may be replaced.
    type: bool
    default: false
  verify:
    description: Ask a running evaluator.
    type: dict
    suboptions:
      url:
        description: Address of the evaluator, without C(/ofrep).
        type: str
        required: true
      headers:
        description: Headers of each request, such as C(Authorization).
        type: dict
        default: {}
      contexts:
        description: Contexts that must get the value. With O(state=percentage) the first one is the base of every subject.
        type: list
        elements: dict
        default: []
      samples:
        description: Subjects that are asked with O(state=percentage). Their share must lie within four standard deviations.
        type: int
        default: 400
      deadline:
        description: Seconds until the evaluator must answer the new value.
        type: float
        default: 30
      interval:
        description: Seconds between two looks.
        type: float
        default: 0.5
extends_documentation_fragment:
  - ansible.builtin.files
  - evenkeel.release._flags
seealso:
  - module: evenkeel.release.feature_flag_info
"""

EXAMPLES = r"""
- name: Take the new checkout out of service, whatever its rules say
  evenkeel.release.feature_flag:
    path: /etc/flagd/flags.json
    flags: [new-checkout, new-search]
    state: killed

- name: Raise the new checkout to a quarter of the users, and see that flagd does it
  evenkeel.release.feature_flag:
    path: /etc/flagd/flags.json
    flags: [new-checkout]
    state: percentage
    percentage: 25
    verify:
      url: http://127.0.0.1:8016

- name: The same on an Unleash server
  evenkeel.release.feature_flag:
    provider: unleash
    url: https://unleash.example.com
    token: "{{ unleash_token }}"
    environment: production
    flags: [new-checkout]
    state: percentage
    percentage: 25
    sticky_by: userId
"""

RETURN = r"""
flags:
  description: By flag what it was and what it is, C(before) and C(after), and the percentage that is on, null when rules decide it.
  returned: always
  type: dict
  sample: {new-checkout: {before: {state: ENABLED}, after: {state: ENABLED}, percentage: 25.0, changed: true}}
changed_flags:
  description: Names of the flags that were switched.
  returned: success
  type: list
  elements: str
verdict:
  description: V(passed), V(failed), V(errored) or V(inconclusive) of the verification; anything but V(passed) fails the task.
  returned: with O(verify)
  type: str
verification:
  description: Per flag verdict, reason, how many subjects were asked and the percentage found.
  returned: with O(verify)
  type: list
  elements: dict
warnings:
  description: What is wrong with other flags of the file, when that doesn't stop the switch.
  returned: when there are any
  type: list
  elements: str
"""

import fcntl
import os
import time
from contextlib import contextmanager
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._flags import decide, expect, files, ofrep, spec, unleash
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError

VERIFY = {
    "url": {"type": "str", "required": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "contexts": {"type": "list", "elements": "dict", "default": []},
    "samples": {"type": "int", "default": 400},
    "deadline": {"type": "float", "default": 30.0},
    "interval": {"type": "float", "default": 0.5},
}
SPEC = {
    **spec.PLACE,
    "flags": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": ["on", "off", "percentage", "killed", "absent"]},
    "percentage": {"type": "float"},
    "sticky_by": {"type": "str", "default": decide.TARGETING_KEY},
    "on_variant": {"type": "str"},
    "off_variant": {"type": "str"},
    "create": {"type": "bool", "default": False},
    "variants": {"type": "dict"},
    "metadata": {"type": "dict", "default": {}},
    "replace_targeting": {"type": "bool", "default": False},
    "verify": {"type": "dict", "options": VERIFY},
}


def wanted_of(params):
    faults = []
    if params["percentage"] is not None and params["state"] != "percentage":
        faults.append(f"percentage is given with state {params['state']}")
    if not params["flags"]:
        faults.append("flags is empty")
    if params["verify"] and params["verify"]["samples"] < 50:
        faults.append(f"verify.samples is {params['verify']['samples']}, allowed: 50 or more")
    if faults:
        raise FlagError(f"Nothing was switched: {'; '.join(faults)}.")
    if params["state"] == "percentage":
        decide.weights(params["percentage"])
    return decide.Wanted(
        params["state"],
        params["percentage"],
        params["on_variant"] or "",
        params["off_variant"] or "",
        params["sticky_by"],
        params["replace_targeting"],
        params["variants"],
        params["metadata"],
    )


@contextmanager
def _alone(path):
    """One editor at a time; a lock on the folder leaves nothing behind."""
    try:
        handle = os.open(os.path.dirname(path), os.O_RDONLY)
    except OSError as exc:
        raise FlagError(f"Can't open the folder of {path}: {exc}. Nothing was switched.") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(path, create):
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        if create:
            return ""
        raise FlagError(f"There is no file {path}. Nothing was switched. Say create: true to make it.") from None
    except (OSError, UnicodeDecodeError) as exc:
        raise FlagError(f"Can't read {path}: {exc}. Nothing was switched.") from None


def in_file(module, keys, wanted):
    params = module.params
    path = os.path.realpath(params["path"])  # the link stays, what it leads to is replaced
    if not os.path.isdir(os.path.dirname(path)):
        raise FlagError(f"There is no folder {os.path.dirname(path)} for {params['path']}. Nothing was switched.")
    now = datetime.fromtimestamp(time.time(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with _alone(path):
        text = _read(path, params["create"])
        change = files.plan(text or files.EMPTY, keys, wanted, files.Options(params["create"], True, now), name=params["path"])
        changed = change.text != text
        if changed and not module.check_mode:
            _write(module, path, change.text)
    if not module.check_mode or os.path.exists(path):
        changed = module.set_fs_attributes_if_different(module.load_file_common_arguments({**params, "path": path}), changed)
    flags = {}
    for key in keys:
        after = change.after[key]
        share = decide.share(after, wanted, key=key) if after else None
        flags[key] = {"before": change.before[key], "after": after, "percentage": share, "changed": key in change.changed}
    result = {"changed": changed, "flags": flags, "changed_flags": list(change.changed)}
    if changed:
        result["diff"] = {"before_header": path, "after_header": path, "before": text, "after": change.text}
    for warning in change.warnings:
        module.warn(f"{params['path']}: {warning}")
    return result, {key: expect.of_flag(key, change.after[key], wanted) for key in keys}


def _write(module, path, text):
    """Beside the file, so that it is replaced in one step whatever the file systems are."""
    fresh = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.getpid()}.new")
    try:
        with open(fresh, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        module.atomic_move(fresh, path, unsafe_writes=module.params["unsafe_writes"])
    except OSError as exc:
        raise FlagError(f"Can't write {path}: {exc}. It is as it was.") from None
    finally:
        module.cleanup(fresh)


def on_server(module, keys, wanted):
    change = spec.unleash(module.params).apply(keys, wanted, create=module.params["create"], dry=module.check_mode)
    flags = {}
    for key in keys:
        after = change.after[key]
        share = unleash.share(after) if after else None
        flags[key] = {"before": change.before[key], "after": after, "percentage": share, "changed": key in change.changed}
    result = {"changed": bool(change.changed), "flags": flags, "changed_flags": list(change.changed)}
    if change.changed:
        shown = [module.jsonify({key: side[key] for key in change.changed}) for side in (change.before, change.after)]
        result["diff"] = {"before_header": "flags", "after_header": "flags", "before": shown[0] + "\n", "after": shown[1] + "\n"}
    return result, {key: expect.of_server(change.after[key], wanted) for key in keys}


def verified(params, expected):
    options = params["verify"]
    client = spec.client(params, options["url"], {str(key): str(value) for key, value in options["headers"].items()})
    more = {"contexts": options["contexts"], "sticky_by": params["sticky_by"], "samples": options["samples"]}

    def look():
        return [ofrep.check(client.send, key, one, **more) for key, one in expected.items()]

    verdict, found, waited = ofrep.verify(look, deadline=options["deadline"], interval=options["interval"], clock=time.monotonic, sleep=time.sleep)
    rows = [{"flag": key, **checked._asdict()} for key, checked in zip(expected, found)]
    return {"verdict": verdict, "verification": rows, "waited": round(waited, 3)}


def run(module):
    keys = list(dict.fromkeys(module.params["flags"]))
    wanted = wanted_of(module.params)
    act = {"flagd": in_file, "unleash": on_server}[module.params["provider"]]
    result, expected = act(module, keys, wanted)
    if module.params["verify"] and not module.check_mode:
        result.update(verified(module.params, expected))
        if result["verdict"] != ofrep.PASSED:
            reasons = "; ".join(row["reason"] for row in result["verification"] if row["verdict"] != ofrep.PASSED)
            result["failed"] = True
            result["msg"] = f"The flags were switched, but the evaluator at {module.params['verify']['url']} doesn't answer so: {reasons}"
    return result


def main():
    module = AnsibleModule(
        argument_spec=SPEC,
        required_if=[*spec.REQUIRED_IF, ("state", "percentage", ("percentage",))],
        add_file_common_args=True,
        supports_check_mode=True,
    )
    # Ansible masks these values wherever they occur; one like "1" would turn figures into asterisks.
    module.no_log_values = {value for value in module.no_log_values if len(str(value)) >= 4}
    try:
        result = run(module)
    except FlagError as exc:
        module.fail_json(msg=str(exc), flags={})
    module.exit_json(**result)


if __name__ == "__main__":
    main()
