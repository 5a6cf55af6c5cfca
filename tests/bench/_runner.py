# SPDX-License-Identifier: GPL-3.0-or-later
"""What a section sees: rows, a temporary folder, real servers."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Union

from ..integration.support.openbao import OpenBao
from ..integration.support.postgresql import PostgreSQL

# A number that was measured elsewhere, or work to do: its wall time counts, or the number that it returns.
Figure = Union[float, int, Callable[[], Union[float, int, None]]]
Better = Literal["lower", "higher"]
LAYOUT = "{name:<52} {ours:>12} {reference:>12} {ratio:>9} {bar:>9}  {verdict}"


@dataclass(frozen=True)
class Row:
    section: str
    name: str
    ours: float
    reference: float
    bar: float
    better: Better = "lower"
    unit: str = "s"

    @property
    def ratio(self) -> float:
        return self.ours / self.reference if self.reference else float("inf")

    @property
    def ok(self) -> bool:
        return self.ratio <= self.bar if self.better == "lower" else self.ratio >= self.bar

    def __str__(self) -> str:
        return LAYOUT.format(
            name=self.name,
            ours=f"{self.ours:.4g} {self.unit}",
            reference=f"{self.reference:.4g} {self.unit}",
            ratio=f"{self.ratio:.3g}",
            bar=f"{'<=' if self.better == 'lower' else '>='} {self.bar:g}",
            verdict="ok" if self.ok else "SHORT",
        )


HEADER = LAYOUT.format(name="name", ours="ours", reference="reference", ratio="ratio", bar="bar", verdict="")


def _measure(figure: Figure, clock: Callable[[], float]) -> float:
    if not callable(figure):
        return float(figure)
    began = clock()
    value = figure()
    elapsed = clock() - began
    # bool is an int: work that ends in `return True` is still timed
    return elapsed if value is None or isinstance(value, bool) else float(value)


@dataclass
class Bench:
    tmp: Path
    section: str = ""
    repeat: int = 3
    say: Callable[[str], None] = print
    clock: Callable[[], float] = time.perf_counter
    rows: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _servers: dict[str, object] = field(default_factory=dict)

    def row(self, name: str, *, ours: Figure, reference: Figure, bar: float, better: Better = "lower", unit: str = "s") -> Row:
        """Measure both in turn, so that a busy moment of the machine hits both, and keep the medians."""
        rounds = self.repeat if callable(ours) or callable(reference) else 1
        pairs = [(_measure(ours, self.clock), _measure(reference, self.clock)) for _ in range(rounds)]
        medians = [statistics.median(side) for side in zip(*pairs)]
        row = Row(self.section, name, medians[0], medians[1], float(bar), better, unit)
        self.rows.append(row)
        self.say(str(row))
        return row

    def need(self, binary: str) -> str | None:
        """The path of a tool; without it None and one line: the section leaves the row out."""
        found = shutil.which(binary)
        if found is None:
            self.missing.append(binary)
            self.say(f"{self.section}: {binary} is not installed (apt-get install {binary}): its rows are left out")
        return found

    def pg(self) -> PostgreSQL:
        """Durable, unlike the tests' server: a bench must not win by not writing."""
        if "pg" not in self._servers:
            self._servers["pg"] = server = PostgreSQL(durable=True)
            self._stack.callback(server.stop)
        server = self._servers["pg"]
        assert isinstance(server, PostgreSQL)
        return server

    def bao(self) -> OpenBao:
        if "bao" not in self._servers:
            self._servers["bao"] = server = OpenBao()
            self._stack.callback(server.stop)
        server = self._servers["bao"]
        assert isinstance(server, OpenBao)
        return server

    def close(self) -> None:
        self._stack.close()
