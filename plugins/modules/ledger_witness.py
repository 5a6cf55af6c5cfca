#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_witness
short_description: Let this host witness a checkpoint of the ledger
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - A witness remembers the newest checkpoint that it has seen and signs a newer one only when its proof says that the ledger begins with the older
    one, as C(c2sp.org/tlog-cosignature) says. Who wants to show another history to others has to have its key as well.
  - Without O(proof) it tells what it has seen, which M(evenkeel.release.ledger_proof) needs to make the proof.
  - Its key and what it has seen never leave the host.
requirements:
  - openssl >= 1.1.1 on the host
attributes:
  check_mode:
    support: full
    description: Checks the proof and signs nothing.
  diff_mode:
    support: none
    description: There is nothing to compare but a checkpoint with the next one.
  idempotent:
    support: full
    description: The same checkpoint may be signed again; the time in the signature is that of the signing.
options:
  name:
    description: Name of the witness, which stands in its signatures.
    type: str
    required: true
  key:
    description: File of its Ed25519 private key in PEM, C(openssl genpkey -algorithm ed25519).
    type: path
    required: true
  state_dir:
    description: Folder where it remembers what it has seen.
    type: path
    default: /var/lib/evenkeel/witness
  ledger:
    description: Verifier key of the ledger, as M(evenkeel.release.ledger_checkpoint) returns it. Say it yourself rather than to take what you are told.
    type: str
    required: true
  note:
    description: The checkpoint to sign.
    type: str
  proof:
    description: The hashes that lead from the checkpoint that it has seen to O(note). An empty list when it has seen none, or this one.
    type: list
    elements: str
  openssl:
    description: The program.
    type: path
"""

EXAMPLES = r"""
- name: Ask what the witness has seen
  evenkeel.release.ledger_witness:
    name: witness.example.com/w1
    key: /etc/evenkeel/witness.pem
    ledger: "{{ evenkeel_ledger_verifier_key }}"
  register: seen

- name: Prove that the new checkpoint adds to it
  evenkeel.release.ledger_proof:
    since: "{{ seen.size }}"
    size: "{{ signed.size }}"
  delegate_to: localhost
  register: proved

- name: Sign it
  evenkeel.release.ledger_witness:
    name: witness.example.com/w1
    key: /etc/evenkeel/witness.pem
    ledger: "{{ evenkeel_ledger_verifier_key }}"
    note: "{{ signed.note }}"
    proof: "{{ proved.proof }}"
"""

RETURN = r"""
size:
  description: Entries of the checkpoint that it has seen last, 0 when it has seen none.
  returned: success
  type: int
line:
  description: Its signature, a line to put below the note.
  returned: when it signed
  type: str
verifier_key:
  description: Its public key as a verifier takes it.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._ledger.verifier import Key, ProofError
from ansible_collections.evenkeel.release.plugins.module_utils._ledger.witness import Openssl, Witness

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    # A place, and public keys.
    "key": {"type": "path", "required": True, "no_log": False},
    "state_dir": {"type": "path", "default": "/var/lib/evenkeel/witness"},
    "ledger": {"type": "str", "required": True},
    "note": {"type": "str"},
    "proof": {"type": "list", "elements": "str"},
    "openssl": {"type": "path"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, required_together=[("note", "proof")])
    params = module.params

    def run(argv: list[str]) -> tuple[int, bytes, str]:
        code, out, err = module.run_command(argv, encoding=None)
        return code, bytes(out), bytes(err).decode(errors="replace")

    try:
        openssl = Openssl(run, params["openssl"] or module.get_bin_path("openssl", required=True))
        witness = Witness(openssl, name=params["name"], key=params["key"], state=params["state_dir"])
        ledger = Key.parse(params["ledger"])
        before = witness.seen(ledger)
        line = "" if params["note"] is None else witness.cosign(ledger, params["note"], params["proof"], dry=module.check_mode)
        after = witness.seen(ledger)
    except (ProofError, OSError) as exc:
        module.fail_json(msg=f"The witness {params['name']} did not sign: {exc}.")
    changed = (before.size if before else 0) != (after.size if after else 0)
    module.exit_json(changed=changed, size=after.size if after else 0, verifier_key=str(witness.key), **({"line": line.rstrip("\n")} if line else {}))


if __name__ == "__main__":
    main()
