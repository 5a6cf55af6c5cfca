#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mask_discover
short_description: Propose a masking policy for a database, with evidence for every guess
version_added: 0.1.0
author: Evenkeel contributors (@evenkeel)
description:
  - Reads names, types, comments, keys and a sample of values of every column in one read-only transaction, and proposes an entry for each.
  - What is unknown or uncertain is proposed as masked and marked C(REVIEW). A proposal loads as a policy as it stands.
  - Sampled values are only counted, in the memory of this module. Neither the result nor the file nor an error holds one.
  - Columns that share values get one domain, so that copies stay equal without a foreign key; the server compares keyed hashes for that.
  - Tables whose copies equal the row they point at get an entity, so that one keyed hash masks a row.
  - With a policy that exists, only what it lacks is added and what the source no longer has is taken out. Its own lines stay as they are.
requirements:
  - psycopg >= 3.1 for PostgreSQL, PyMySQL >= 1.0 for MariaDB and MySQL, on the host that runs the module
  - PyYAML, when O(dest) exists
attributes:
  check_mode:
    support: full
    description: Proposes, and writes nothing.
  diff_mode:
    support: full
    description: Shows how the file would change.
  idempotent:
    support: full
    description: A policy that knows every column is left alone.
options:
  engine:
    description: What the source is.
    type: str
    default: postgresql
    choices: [postgresql, mysql]
  source:
    description: Database to read. Its role needs to select, nothing more.
    type: dict
    required: true
    suboptions:
      host: {description: Address or socket folder., type: str, default: 127.0.0.1}
      port: {description: Port., type: int}
      dbname: {description: Name of the database., type: str, required: true}
      user: {description: Role., type: str, required: true}
      password: {description: Its password., type: str}
      sslmode: {description: As in libpq., type: str, default: prefer, choices: [disable, allow, prefer, require, verify-ca, verify-full]}
  dest:
    description: File of the policy. It is written when it isn't there, and completed when it is.
    type: path
  policy:
    description: A policy to complete, when it isn't the one in O(dest).
    type: dict
  name:
    description: Name of a new policy; by default made of that of the database.
    type: str
  schemas:
    description: Schemas to look at; all by default.
    type: list
    elements: str
    default: []
  rows:
    description: Rows that are sampled per table. V(0) reads no row and guesses from names and types alone.
    type: int
    default: 1000
  statement_timeout:
    description: Seconds after which a statement on the source gives up.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Propose a policy for production's database
  evenkeel.release.mask_discover:
    source: {host: db.production.example.com, dbname: shop, user: reader, password: "{{ secrets.reader_password }}"}
    dest: masking/shop.yml

- name: Show what the policy lacks since the last migration
  evenkeel.release.mask_discover:
    source: {host: db.production.example.com, dbname: shop, user: reader, password: "{{ secrets.reader_password }}"}
    dest: masking/shop.yml
  check_mode: true
  diff: true
"""

RETURN = r"""
policy:
  description: The whole policy as proposed.
  type: dict
  returned: success
text:
  description: The file as it is or would be written, with the evidence in comments.
  type: str
  returned: success
additions:
  description: Lines of YAML that an existing policy lacks.
  type: list
  elements: str
  returned: success
removals:
  description: What an existing policy names and the source doesn't have.
  type: list
  elements: str
  returned: success
columns:
  description: Per table and column the kind of value, the confidence, the evidence (counts, never values) and whether a person should look.
  type: dict
  returned: success
review:
  description: Columns whose guess is uncertain. All of them are masked.
  type: list
  elements: str
  returned: success
faults:
  description: What a synchronization would still refuse; usually empty.
  type: list
  elements: str
  returned: success
"""

import os
import re
import tempfile
from collections.abc import Mapping
from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_propose import Proposal, propose, removals
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_render import additions, merged, render
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import structure_faults
from ansible_collections.evenkeel.release.plugins.module_utils._sync.drivers import ready
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import discover as of_mysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.place import NAMED
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import discover as of_postgresql

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]


def _existing(params: Mapping[str, Any], text: str) -> Optional[dict[str, Any]]:
    if params["policy"]:
        found = params["policy"]
    elif not text:
        return None
    elif yaml is None:
        raise SyncError(f"{params['dest']} exists, and reading it needs PyYAML in the Python that runs mask_discover.")
    else:
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as exc:
            raise SyncError(f"{params['dest']} is no YAML: {str(exc).splitlines()[0]}. Nothing was written.") from None
    faults = structure_faults(found)
    if faults:
        raise SyncError(f"The policy that should be completed isn't valid, so nothing was read: {'; '.join(faults)}")
    return dict(found)


def _after(params: Mapping[str, Any], before: str, existing: Optional[dict[str, Any]], proposal: Proposal) -> str:
    if existing is None or not before:
        return render(proposal)
    if proposal.policy == existing:
        return before
    text = merged(before, existing, proposal)
    if yaml.safe_load(text) != proposal.policy:
        lines = "\n".join(additions(existing, proposal))
        raise SyncError(f"{params['dest']} isn't written in the block style that can be completed line by line. Nothing was written. Add:\n{lines}")
    return text


def _columns(proposal: Proposal) -> dict[str, Any]:
    return {
        table: {
            name: {"kind": found.kind or "unknown", "confidence": found.confidence, "evidence": list(found.evidence), "review": found.review}
            for name, found in columns.items()
        }
        for table, columns in proposal.guesses.items()
    }


def _write(module: AnsibleModule, dest: str, text: str) -> None:
    number, temporary = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    module.atomic_move(temporary, dest)


def _read(dest: Optional[str]) -> str:
    if not dest or not os.path.exists(dest):
        return ""
    with open(dest, encoding="utf-8") as file:
        return file.read()


def run(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    ready(params["engine"], asks="mask_discover")
    before = _read(params["dest"])
    existing = _existing(params, before)
    gather = {"postgresql": of_postgresql.gather, "mysql": of_mysql.gather}[params["engine"]]
    facts = gather(params["source"], rows=params["rows"], statement_timeout=params["statement_timeout"], look=params["rows"] > 0, schemas=params["schemas"])
    if not facts.catalog:
        raise SyncError(f"The database {params['source']['dbname']} shows no table to {params['source']['user']}. Grant it SELECT, or name other schemas.")
    name = params["name"] or re.sub(r"[^a-z0-9_-]", "_", params["source"]["dbname"].lower()).lstrip("0123456789_-") or "policy"
    proposal = propose(facts, name=name, engine=params["engine"], existing=existing)
    after = _after(params, "" if params["policy"] else before, existing, proposal)
    changed = bool(params["dest"]) and after != before
    if changed and not module.check_mode:
        _write(module, params["dest"], after)
    open_columns = [(table, column) for table, columns in proposal.guesses.items() for column, found in columns.items() if found.review]
    return {
        "changed": changed,
        "policy": proposal.policy,
        "text": after,
        "additions": additions(existing, proposal) if existing else [],
        "removals": removals(existing, facts.catalog) if existing else [],
        "columns": _columns(proposal),
        "review": [f"{table}.{column}" for table, column in open_columns if _is_new(existing, table, column)],
        "faults": proposal.open,
        "diff": {"before": before, "after": after, "before_header": params["dest"] or "", "after_header": params["dest"] or ""},
    }


def _is_new(existing: Optional[dict[str, Any]], table: str, column: str) -> bool:
    return existing is None or column not in existing["tables"].get(table, {}).get("columns", {})


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "engine": {"type": "str", "default": "postgresql", "choices": ["postgresql", "mysql"]},
            "source": {"type": "dict", "required": True, "options": NAMED},
            "dest": {"type": "path"},
            "policy": {"type": "dict"},
            "name": {"type": "str"},
            "schemas": {"type": "list", "elements": "str", "default": []},
            "rows": {"type": "int", "default": 1000},
            "statement_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except SyncError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
