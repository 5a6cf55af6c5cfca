# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of tables, and masked rows on their way into a temporary table of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.copying import Stream
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import masked_select, rows_of

# The primary key, else a unique index over columns that are never null: one row is one key.
KEY = """
select array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality u(number, place)
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number where u.place <= i.indnkeyatts order by u.place)
from pg_index i where i.indrelid = %s and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
  and not exists (select from unnest(i.indkey::int2[]) n join pg_attribute a on a.attrelid = i.indrelid and a.attnum = n and not a.attnotnull)
  and (to_jsonb(i) ->> 'indisexclusion')::bool is not true
order by i.indisprimary desc, i.indnkeyatts, i.indexrelid limit 1
"""
WHOLE_NUMBERS = ("smallint", "integer", "bigint")


class Key(NamedTuple):
    columns: tuple[str, ...]
    types: tuple[str, ...]
    kept: bool  # the policy masks none of them, so that a key is the same on both sides

    @property
    def whole_number(self) -> bool:
        return len(self.columns) == 1 and self.types[0] in WHOLE_NUMBERS

    def of(self, alias: str) -> Any:
        return sql.SQL(", ").join([sql.Identifier(alias, name) for name in self.columns])

    def equal(self, left: str, right: str) -> Any:
        pairs = [sql.SQL("{} = {}").format(sql.Identifier(left, name), sql.Identifier(right, name)) for name in self.columns]
        return sql.SQL(" and ").join(pairs)


def read_keys(connection: Any, tables: Mapping[str, Table], rules: Mapping[str, Any]) -> dict[str, Optional[Key]]:
    """The keys of the target's tables; None where one isn't there."""
    found: dict[str, Optional[Key]] = {}
    for name, table in tables.items():
        row = connection.execute(KEY, (table.oid,)).fetchone()
        types = {column.name: column.type for column in table.columns}
        generated = {column.name for column in table.columns if column.generated}
        if row is None or set(row[0]) & generated:
            found[name] = None
            continue
        kept = not any(rules[name][column].mask for column in row[0])
        found[name] = Key(tuple(row[0]), tuple(types[column] for column in row[0]), kept)
    return found


def need(key: Optional[Key], table: Table) -> Key:
    if key is None:
        raise SyncError(f"{table.full}: has no primary key, so its rows can't be told apart.")
    return key


def names(table: Table, alias: Optional[str] = None) -> Any:
    made = [sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in table.stored]
    return sql.SQL(", ").join(made)


def live(table: Table) -> Any:
    return sql.Identifier(table.schema, table.name)


def masked_rows(job: Any, table: Table, condition: Optional[Any] = None) -> Any:
    """The masked rows as a sub-select with the alias m."""
    return sql.SQL("({}) m").format(masked_select(table, job.rules[table.full], job.domains, condition=condition))


def give_out(job: Any, table: Table, *, condition: Optional[Any], after: Optional[Any] = None, columns: Optional[Sequence[str]] = None) -> Any:
    """COPY of masked rows: `condition` is over the raw rows t, `after` over the masked ones m."""
    wanted = sql.SQL(", ").join([sql.Identifier("m", name) for name in (columns or table.stored)])
    text = sql.SQL("select {} from {}").format(wanted, masked_rows(job, table, condition))
    if after is not None:
        text += sql.SQL(" where {}").format(after)
    return sql.SQL("copy ({}) to stdout (format {})").format(text, _format(table))


def _format(table: Table) -> Any:
    return sql.SQL("binary" if table.builtin else "text")


def make(target: Any, place: Any, table: Table, columns: Optional[Sequence[str]] = None) -> None:
    """An empty temporary table with the stored columns, or some of them: it goes with the transaction."""
    wanted = sql.SQL(", ").join([sql.Identifier(name) for name in (columns or table.stored)])
    target.execute(sql.SQL("create temporary table {} on commit drop as select {} from {} with no data").format(place, wanted, rows_of(table)))


def carry(source: Any, target: Any, text: Any, *, place: Any, table: Table, columns: Optional[Sequence[str]] = None) -> tuple[int, int]:
    """(rows, bytes) that went from a COPY of the source into a temporary table."""
    with source.cursor() as reader, reader.copy(text) as rows:
        return pour(Stream(rows), target, place=place, table=table, columns=columns)


def pour(batches: Any, target: Any, *, place: Any, table: Table, columns: Optional[Sequence[str]] = None) -> tuple[int, int]:
    wanted = sql.SQL(", ").join([sql.Identifier(name) for name in (columns or table.stored)])
    into = sql.SQL("copy {} ({}) from stdin (format {})").format(place, wanted, _format(table))
    size = 0
    with target.cursor() as writer:
        with writer.copy(into) as taker:
            for batch in batches:
                taker.write(batch)
                size += len(batch)
        taken = writer.rowcount
    if batches.rows != taken:
        raise SyncError(f"{table.full}: the source sent {batches.rows} rows, the target took {taken}. The target is as it was.")
    return taken, size


def literal_keys(key: Key, rows: Sequence[Sequence[Any]]) -> Any:
    """Condition over alias t: one of these keys, given as texts."""
    if not rows:
        return sql.SQL("false")
    arrays = []
    for place, kind in enumerate(key.types):
        values = sql.Literal([None if row[place] is None else str(row[place]) for row in rows])
        arrays.append(sql.SQL("{}::text[]::{}[]").format(values, sql.SQL(kind)))
    listed = sql.SQL(", ").join(arrays)
    if len(arrays) == 1:
        return sql.SQL("{} = any({})").format(sql.Identifier("t", key.columns[0]), listed)
    return sql.SQL("({}) in (select * from unnest({}))").format(key.of("t"), listed)
