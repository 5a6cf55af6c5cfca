# SPDX-License-Identifier: GPL-3.0-or-later
"""Which migrations belong to a release, by the names of its files, and whether a database has had exactly these."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._migrate.files import CONTRACT, directives
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew import Record

PASSED, FAILED, ERRORED, INCONCLUSIVE = "passed", "failed", "errored", "inconclusive"
# The version is the first group. Alembic's are inside of its files, Liquibase's and sqitch's in a plan of their own.
PATTERNS = {
    "flyway": r"V(\d+(?:[._]\d+)*)__.*\.(?:sql|java)$",
    "rails": r"(\d+)_.*\.rb$",
    "golang-migrate": r"0*(\d+)_.*\.up\.\w+$",
    "goose": r"0*(\d+)_.*\.(?:sql|go)$",
    "shop": r"0*(\d+)_.*\.sql$",
}
REPEATABLE = re.compile(r"R__|B\d|<<")  # rows of Flyway that are no version: repeatable scripts, baselines
SHOWN = 10


class MigrationsFault(ValueError):
    pass


class Answer(NamedTuple):
    verdict: str
    reason: str
    tool: str = ""
    missing: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()


def expected(tool: str, names: Sequence[str], texts: Sequence[str], pattern: Optional[str] = None) -> set[str]:
    """Versions of a folder's files; of Alembic the heads, which is what its record holds. `texts` are asked for by Alembic alone."""
    if tool == "alembic" and not pattern:
        return alembic_heads(texts)
    if tool == "django" and not pattern:
        raise MigrationsFault("the migrations of Django are in many folders; say which versions must be there")
    chosen = pattern or PATTERNS.get(tool)
    if chosen is None:
        raise MigrationsFault(f"the files of {tool} do not tell their versions; say a pattern, or which versions must be there")
    found = [match.group(1) for name in names for match in [re.match(chosen, name)] if match]
    if not found:
        raise MigrationsFault(f"no file has a name like {chosen}")
    versions = {normal(tool, version) for version in found}
    return {max(versions, key=int)} if tool == "golang-migrate" else versions


def alembic_heads(texts: Sequence[str]) -> set[str]:
    """Revisions that no other one builds on."""
    revisions: set[str] = set()
    below: set[str] = set()
    for text in texts:
        told = _assigned(text)
        if isinstance(told.get("revision"), str):
            revisions.add(str(told["revision"]))
            down = told.get("down_revision")
            below |= {str(one) for one in (down if isinstance(down, (list, tuple)) else [down]) if one}
    if not revisions:
        raise MigrationsFault("no file has a revision of Alembic")
    return revisions - below


def _assigned(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return found
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                try:
                    found[target.id] = ast.literal_eval(value)
                except ValueError:
                    continue
    return found


def normal(tool: str, version: str) -> str:
    """Flyway writes 1.2 where a file has 1_2, and neither counts leading zeros."""
    if tool != "flyway":
        return version
    return ".".join(str(int(part)) if part.isdigit() else part for part in version.replace("_", ".").split("."))


def read_folder(folder: str, *, tool: str = "") -> tuple[list[str], list[str]]:
    """(names, texts of those in Python) of the files directly inside; Flyway's also below."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError as exc:
        raise MigrationsFault(f"the folder {folder} cannot be read ({(exc.strerror or 'unknown reason').lower()})") from exc
    if tool == "flyway":
        return sorted(name for _base, _folders, inside in os.walk(folder) for name in inside), []
    texts = []
    for name in names:
        if name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as stream:
                texts.append(stream.read())
    return names, texts


def waiting(folder: str) -> set[str]:
    """Versions whose files say that they are for the contract phase: the database lacks them until the release is confirmed."""
    found = set()
    for base, _folders, names in os.walk(folder):
        for name in names:
            match = re.match(PATTERNS["flyway"], name) if name.endswith(".sql") else None
            if match:
                with open(os.path.join(base, name), encoding="utf-8", errors="replace", newline="") as stream:
                    if CONTRACT in directives(stream.read())[0]:
                        found.add(normal("flyway", match.group(1)))
    return found


def compare(record: Record, wanted: set[str], *, ahead: bool = False, later: Collection[str] = ()) -> Answer:
    """`ahead`: whether the database may have had more, as after the rollback of a release that widened the schema; `later`: what it may yet lack."""
    tool = record.tool
    if record.failed:
        return Answer(FAILED, f"{tool} left it half migrated at {_listed(record.failed)}: repair that first", tool)
    has = {normal(tool, version) for version in record.versions if not (tool == "flyway" and REPEATABLE.match(version))}
    missing, additional = tuple(sorted(wanted - has - set(later))), tuple(sorted(has - wanted))
    if missing:
        stands = f"stands at {_listed(sorted(has))}, and the release at" if record.heads else "lacks"
        return Answer(FAILED, f"{record.table} of {tool} {stands} {_listed(missing)}: run the service's migrations", tool, missing, additional)
    if additional and not ahead:
        return Answer(FAILED, f"{record.table} of {tool} has {_listed(additional)}, which the release does not know", tool, missing, additional)
    more = f", and {_listed(additional)} of a later release" if additional else ""
    waits = sorted(wanted.intersection(later) - has)
    more += f", but for {_listed(waits)} of its contract phase" if waits else ""
    return Answer(PASSED, f"{record.table} of {tool} has {'what' if more else 'all and only what'} the release says{more}", tool, missing, additional)


def chosen(records: Sequence[Record], tool: str = "") -> Record:
    fitting = [one for one in records if tool in ("", one.tool)]
    if len(fitting) == 1:
        return fitting[0]
    found = ", ".join(f"{one.tool} ({one.table})" for one in records) or "none"
    raise MigrationsFault(f"it has the records of migrations {found}; {'name one with tool' if len(fitting) > 1 else 'was it ever migrated?'}")


def _listed(versions: Sequence[str]) -> str:
    more = f" and {len(versions) - SHOWN} more" if len(versions) > SHOWN else ""
    return (", ".join(versions[:SHOWN]) or "nothing") + more
