# SPDX-License-Identifier: GPL-3.0-or-later
"""Which migrations two databases have had, compared; and whether a column can take another one's values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column

SAME, COMPATIBLE, INCOMPATIBLE = "same", "compatible", "incompatible"
EQUAL, BEHIND, AHEAD, DIVERGED, DIRTY, TOOLS = "equal", "behind", "ahead", "diverged", "dirty", "different_tools"
SHOWN = 10  # versions that a message names


class Tool(NamedTuple):
    """How a migration tool keeps its record. `query` gives (version, checksum or NULL, whether it failed), in the order of application."""

    name: str
    table: str
    columns: tuple[str, ...]  # by which its table is known from that of another tool with the same name
    query: str
    heads: bool = False  # the record holds only where the database stands, not the way there
    next_step: str = "run the service's migrations on the target"


# {t} is the quoted table, a name in square brackets is quoted as the engine wants it.
TOOLS_KNOWN: tuple[Tool, ...] = (
    Tool("alembic", "alembic_version", ("version_num",), "select version_num, null, 0 from {t} order by 1", True, "run alembic upgrade head on the target"),
    Tool(
        "flyway",
        "flyway_schema_history",
        ("installed_rank", "success"),
        "select coalesce(version, script), checksum, case when success then 0 else 1 end from {t} where type <> 'SCHEMA' order by installed_rank",
        next_step="run flyway migrate on the target",
    ),
    Tool(
        "liquibase",
        "databasechangelog",
        ("orderexecuted", "md5sum"),
        "select concat(filename, '::', author, '::', id), md5sum, case when exectype = 'FAILED' then 1 else 0 end from {t}"
        " order by orderexecuted, dateexecuted",
        next_step="run liquibase update on the target",
    ),
    Tool(
        "django",
        "django_migrations",
        ("app", "name", "applied"),
        "select concat(app, '.', name), null, 0 from {t} order by id",
        next_step="run manage.py migrate on the target",
    ),
    Tool(
        "sqitch",
        "changes",
        ("change_id", "project", "planner_name"),
        "select concat(project, ':', [change]), change_id, 0 from {t} order by committed_at, change_id",
    ),
    Tool(
        "goose",
        "goose_db_version",
        ("version_id", "is_applied"),
        "select version_id, null, 0 from {t} g where id = (select max(id) from {t} l where l.version_id = g.version_id)"
        " and is_applied and version_id > 0 order by 1",
        next_step="run goose up on the target",
    ),
    Tool(
        "golang-migrate",
        "schema_migrations",
        ("version", "dirty"),
        "select version, null, case when dirty then 1 else 0 end from {t}",
        True,
        "run migrate up on the target",
    ),
    Tool("shop", "schema_migrations", ("version", "sha256"), "select version, sha256, 0 from {t} order by version"),
    Tool("rails", "schema_migrations", ("version",), "select version, null, 0 from {t} order by version", next_step="run rails db:migrate on the target"),
)


class Record(NamedTuple):
    tool: str
    table: str  # schema.table
    versions: tuple[str, ...]
    checksums: Mapping[str, str]
    failed: tuple[str, ...] = ()
    heads: bool = False
    environment: str = ""  # Rails keeps the name of the environment beside


class Comparison(NamedTuple):
    state: str
    tool: str
    missing: tuple[str, ...]  # what the source has had and the target hasn't
    additional: tuple[str, ...]
    altered: tuple[str, ...]  # the same version with another content
    text: str

    @property
    def equal(self) -> bool:
        return self.state == EQUAL


def tool_of(table: str, columns: Sequence[str]) -> Optional[Tool]:
    """`table` without its schema. The most telling columns are asked for first."""
    known = {column.casefold() for column in columns}
    fitting = [tool for tool in TOOLS_KNOWN if tool.table == table.casefold() and known.issuperset(tool.columns)]
    return fitting[0] if fitting else None


def record(tool: Tool, table: str, rows: Sequence[Sequence[Any]], *, environment: str = "") -> Record:
    versions = tuple(str(row[0]) for row in rows)
    checksums = {str(row[0]): str(row[1]) for row in rows if row[1] is not None}
    failed = tuple(str(row[0]) for row in rows if row[2])
    return Record(tool.name, table, versions, checksums, failed, tool.heads, environment)


def compare(here: Sequence[Record], there: Sequence[Record]) -> list[Comparison]:
    """One comparison per record of migrations; source here, target there. Two databases without a record are equal."""
    found = []
    there_by = {(one.tool, one.table.rpartition(".")[2]): one for one in there}
    here_by = {(one.tool, one.table.rpartition(".")[2]): one for one in here}
    for key in sorted({*here_by, *there_by}):
        mine, theirs = here_by.get(key), there_by.get(key)
        if mine and theirs:
            found.append(_two(mine, theirs))
        elif mine:
            told = f"The source has a record of {mine.tool} ({mine.table}) with {_listed(mine.versions)}, the target has none: {_next(mine.tool)}."
            found.append(Comparison(BEHIND, mine.tool, mine.versions, (), (), told))
        elif theirs:
            told = f"The target has a record of {theirs.tool} ({theirs.table}) with {_listed(theirs.versions)}, the source has none: is this the right source?"
            found.append(Comparison(AHEAD, theirs.tool, (), theirs.versions, (), told))
    tools = [{one.tool for one in side} for side in (here, there)]
    if tools[0] and tools[1] and not tools[0] & tools[1]:
        told = f"The source is migrated by {_listed(sorted(tools[0]))}, the target by {_listed(sorted(tools[1]))}: their versions can't be compared."
        return [Comparison(TOOLS, "", (), (), (), f"{told} Say migrations: ignore when that is meant.")]
    return found


def _two(mine: Record, theirs: Record) -> Comparison:
    tool = mine.tool
    for side, one in (("source", mine), ("target", theirs)):
        if one.failed:
            told = f"{tool} left the {side} half migrated at {_listed(one.failed)}: repair it there first."
            return Comparison(DIRTY, tool, (), (), (), told)
    missing = tuple(version for version in mine.versions if version not in set(theirs.versions))
    additional = tuple(version for version in theirs.versions if version not in set(mine.versions))
    altered = tuple(v for v in mine.versions if v in mine.checksums and v in theirs.checksums and mine.checksums[v] != theirs.checksums[v])
    if mine.heads and (missing or additional):
        return _heads(mine, theirs, missing, additional)
    if altered or (missing and additional):
        parts = [f"only the source has {_listed(missing)}"] if missing else []
        parts += [f"only the target has {_listed(additional)}"] if additional else []
        parts += [f"{_listed(altered)} differ in content"] if altered else []
        told = f"{tool}: source and target have diverged; {', '.join(parts)}. Bring the target to the source's branch first."
        return Comparison(DIVERGED, tool, missing, additional, altered, told)
    if missing:
        return Comparison(BEHIND, tool, missing, (), (), f"{tool}: the target is behind; it lacks {_listed(missing)}. Before the refresh, {_next(tool)}.")
    if additional:
        told = f"{tool}: the target is ahead; only it has {_listed(additional)}. Release these to the source first, or refresh with migrations: migrate."
        return Comparison(AHEAD, tool, (), additional, (), told)
    return Comparison(EQUAL, tool, (), (), (), f"{tool}: both sides have {len(mine.versions)} version{'s' if len(mine.versions) != 1 else ''}.")


def _heads(mine: Record, theirs: Record, missing: tuple[str, ...], additional: tuple[str, ...]) -> Comparison:
    """The record tells where a database stands. Numbers have an order; identifiers of revisions don't."""
    stands = f"{mine.tool}: the source stands at {_listed(mine.versions)}, the target at {_listed(theirs.versions)}"
    numbers = [[int(version) for version in one.versions if version.isdigit()] for one in (mine, theirs)]
    if mine.tool != "alembic" and numbers[0] and numbers[1]:
        state = BEHIND if max(numbers[0]) > max(numbers[1]) else AHEAD
        step = _next(mine.tool) if state == BEHIND else "release it to the source first, or refresh with migrations: migrate"
        return Comparison(state, mine.tool, missing, additional, (), f"{stands}. The target is {state}: {step}.")
    if not theirs.versions:
        return Comparison(BEHIND, mine.tool, missing, (), (), f"{stands}. The target is behind: {_next(mine.tool)}.")
    told = f"{stands}. {mine.tool} keeps no way from one to the other: {_next(mine.tool)}, or compare with its own history."
    return Comparison(DIVERGED, mine.tool, missing, additional, (), told)


def _next(tool: str) -> str:
    return next((one.next_step for one in TOOLS_KNOWN if one.name == tool), Tool._field_defaults["next_step"])


def _listed(versions: Sequence[str]) -> str:
    if not versions:
        return "nothing"
    more = f" and {len(versions) - SHOWN} more" if len(versions) > SHOWN else ""
    return ", ".join(versions[:SHOWN]) + more


def worst(comparisons: Sequence[Comparison]) -> str:
    order = (DIRTY, TOOLS, DIVERGED, BEHIND, AHEAD, EQUAL)
    return min((one.state for one in comparisons), key=order.index, default="none")


def refusal(comparisons: Sequence[Comparison]) -> str:
    """Why a refresh with `migrations: refuse` stops; empty when nothing is in the way."""
    bad = [one.text for one in comparisons if not one.equal]
    if not bad:
        return ""
    return "The schemas of source and target aren't at the same version, and nothing was changed. " + " ".join(bad)


def column_drift(here: Column, there: Column, *, engine: str = "postgresql") -> tuple[str, str]:
    """(same | compatible | incompatible, why): can the target's column `there` take every value of the source's `here`?"""
    if here.generated != there.generated:
        return INCOMPATIBLE, f"is {'' if there.generated else 'not '}computed by the target, and {'' if here.generated else 'not '}by the source"
    kind, why = type_drift(here.base or here.type, there.base or there.type, labels=(here.labels, there.labels), engine=engine)
    if kind == INCOMPATIBLE:
        return kind, why
    reasons = [why] if why else []
    if there.not_null and not here.not_null:
        return INCOMPATIBLE, "may be NULL in the source and not in the target"
    if here.not_null and not there.not_null:
        reasons.append("may be NULL in the target")
    if (here.base or here.type) == (there.base or there.type) and here.type != there.type:
        reasons.append(f"is a {here.type} in the source, a {there.type} in the target")
    return (COMPATIBLE, "; ".join(reasons)) if reasons else (SAME, "")


def additional_column(there: Column) -> tuple[str, str]:
    """A column that only the target has: what would a row without it get?"""
    if there.generated or there.identity or there.sequence:
        return COMPATIBLE, "only the target has it, and computes it"
    if not there.not_null:
        return COMPATIBLE, "only the target has it, and it may be NULL"
    if there.default and there.default.casefold() not in ("none", "null"):
        return COMPATIBLE, "only the target has it, with a default"
    return INCOMPATIBLE, "only the target has it, NOT NULL and without a default"


_CLASS = {
    **dict.fromkeys(("smallint", "tinyint", "mediumint", "int", "integer", "bigint"), "whole"),
    **dict.fromkeys(("numeric", "decimal"), "fixed"),
    **dict.fromkeys(("real", "float", "double precision", "double"), "float"),
    **dict.fromkeys(("character varying", "varchar", "text", "citext", "tinytext", "mediumtext", "longtext"), "text"),
    **dict.fromkeys(("character", "char", "bpchar"), "padded"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "bytes"),
    **dict.fromkeys(("timestamp", "timestamp without time zone", "timestamp with time zone", "datetime", "time", "time without time zone"), "time"),
}
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}
_ROOM = {
    "tinytext": 255,
    "text": 65535,
    "mediumtext": 2**24 - 1,
    "longtext": 2**32 - 1,
    "tinyblob": 255,
    "blob": 65535,
    "mediumblob": 2**24 - 1,
    "longblob": 2**32 - 1,
}
_DIGITS = {"real": 24, "float": 24, "double precision": 53, "double": 53}
_ANY_LENGTH = 2**32


class _Type(NamedTuple):
    kind: str
    numbers: tuple[int, ...]
    unsigned: bool

    @property
    def family(self) -> str:
        return _CLASS.get(self.kind, self.kind)


def _type(text: str) -> _Type:
    plain = text.casefold().strip()
    numbers = re.search(r"\(([\d,\s-]+)\)", plain)
    kind = re.sub(r"\s+", " ", re.sub(r"\([^)]*\)", "", plain)).replace(" unsigned", "").replace(" zerofill", "").strip()
    return _Type(kind, tuple(int(one) for one in numbers.group(1).split(",")) if numbers else (), " unsigned" in plain)


def type_drift(here: str, there: str, *, labels: tuple[Sequence[str], Sequence[str]] = ((), ()), engine: str = "postgresql") -> tuple[str, str]:
    shown = f"is {here} in the source, {there} in the target"
    if any(labels):
        return _label_drift(labels[0], labels[1], shown, same=here == there)
    if here == there:
        return SAME, ""
    if here.endswith("[]") and there.endswith("[]"):
        kind, _why = type_drift(here[:-2], there[:-2], engine=engine)
        return kind, "" if kind == SAME else shown
    a, b = _type(here), _type(there)
    fits = _wider(a, b, engine)
    if fits is None:
        return INCOMPATIBLE, f"{shown}, which is another kind of value"
    if fits:
        return (SAME, "") if a == b or _display_width_only(a, b) else (COMPATIBLE, f"{shown}, which is wider")
    return INCOMPATIBLE, f"{shown}, which is narrower"


def _display_width_only(a: _Type, b: _Type) -> bool:
    return a.family == "whole" and (a.kind, a.unsigned) == (b.kind, b.unsigned)


def _label_drift(here: Sequence[str], there: Sequence[str], shown: str, *, same: bool) -> tuple[str, str]:
    if not here or not there:
        return INCOMPATIBLE, f"{shown}, which is another kind of value"
    lacking = [label for label in here if label not in there]
    if lacking:
        return INCOMPATIBLE, f"is an enum whose label{'s' if len(lacking) > 1 else ''} {_listed(lacking)} the target doesn't have"
    if list(here) == list(there):
        return (SAME, "") if same else (COMPATIBLE, shown)
    return COMPATIBLE, "is an enum with the same labels in another order" if set(here) == set(there) else "is an enum with more labels in the target"


def _wider(a: _Type, b: _Type, engine: str) -> Optional[bool]:
    """Whether every value of a fits b; nothing when they are of different kinds."""
    if a.family == "whole":
        return _from_whole(a, b)
    if a.family == "fixed" and b.family == "fixed":
        return _fixed_fits(a.numbers, b.numbers, engine)
    if a.family == "float" and b.family == "float":
        return _DIGITS[b.kind] >= _DIGITS[a.kind]
    if a.family in ("text", "padded") and b.family in ("text", "padded"):
        return None if b.family == "padded" and a.family == "text" else _room(b, engine) >= _room(a, engine)
    if a.family == "bytes" and b.family == "bytes":
        return _room(b, engine) >= _room(a, engine)
    if a.family == "time" and a.kind == b.kind:
        unsaid = 6 if engine == "postgresql" else 0
        return (b.numbers or (unsaid,))[0] >= (a.numbers or (unsaid,))[0]
    if a.kind == "date" and b.kind in ("timestamp without time zone", "datetime"):
        return True
    if {a.kind, b.kind} == {"json", "jsonb"}:
        return b.kind == "json"  # jsonb loses the order of keys
    return True if a == b else None


def _from_whole(a: _Type, b: _Type) -> Optional[bool]:
    if b.family == "whole":
        if a.unsigned and not b.unsigned:
            return _BITS[b.kind] > _BITS[a.kind]
        return (a.unsigned or not b.unsigned) and _BITS[b.kind] >= _BITS[a.kind]
    if b.family == "fixed":
        digits = len(str(2 ** _BITS[a.kind]))
        return not b.unsigned and (not b.numbers or b.numbers[0] - (b.numbers[1] if len(b.numbers) > 1 else 0) >= digits)
    if b.family == "float":
        return _DIGITS[b.kind] >= _BITS[a.kind]
    return None


def _fixed_fits(a: tuple[int, ...], b: tuple[int, ...], engine: str) -> bool:
    """PostgreSQL's numeric without a modifier takes any number; MariaDB's decimal means (10, 0)."""
    if engine != "postgresql":
        a, b = a or (10, 0), b or (10, 0)
    if not b:
        return True
    if not a:
        return False
    scale = [one[1] if len(one) > 1 else 0 for one in (a, b)]
    return scale[1] >= scale[0] and b[0] - scale[1] >= a[0] - scale[0]


def _room(one: _Type, engine: str) -> int:
    if one.numbers:
        return one.numbers[0]
    if one.kind in ("character", "char", "bpchar", "binary"):
        return 1
    return _ROOM.get(one.kind, _ANY_LENGTH) if engine != "postgresql" else _ANY_LENGTH
