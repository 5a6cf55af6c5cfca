# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proof is made of, and when it has failed. Engines gather the facts; nothing here knows a server."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking import dictionaries
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import MASK_DOMAIN, TRANSFORMERS
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers_numbers import NETWORKS
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

# Where a mask has very many results, a source value among them is a leak; where it has few (names, telephone numbers),
# masks meet real values by chance, and only rows can be compared.
BITS = 40
# The result says nothing of the value, or is another row's value on purpose.
SILENT = ("null", "constant", "text", "redact")
MIXED = ("shuffle", "noise", "generalise", "date_shift")
# Word lists whose combinations are results: a value that is one of them can't be told from a mask.
WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "name": (dictionaries.FIRST_NAMES, dictionaries.LAST_NAMES),
    "first_name": (dictionaries.FIRST_NAMES,),
    "last_name": (dictionaries.LAST_NAMES,),
    "city": (dictionaries.CITIES,),
    "street": (tuple(str(number) for number in range(1, 1000)), dictionaries.STREETS),
}
# Written in small or capital letters as people please; of the others every character counts.
FOLDED = ("name", "first_name", "last_name", "city", "street", "company", "username", "email", "url", *SILENT)
FREQUENT = 20  # rows of the source that share a value, from which on the value alone points at nobody
UNCHANGED = 0.05  # share of sampled rows whose mask may equal the value: more than chance brings
SIMPLE_PATH = re.compile(r"\$(?:\.[A-Za-z_]\w*)+")


class Options(NamedTuple):
    enabled: bool = True
    remask_percent: float = 2.0
    leak_scan: bool = True
    leak_min_length: int = 6
    leak_text_rows: int = 20000  # rows of free text or JSON that are read, per column; 0: all
    minimum_k: int = 0  # refuses smaller groups; 0 only reports


class Finding(NamedTuple):
    check: str
    place: str  # table, column or constraint; never a value
    values: int
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def read_options(params: Mapping[str, Any]) -> Options:
    given = {key: value for key, value in (params.get("proof") or {}).items() if value is not None}
    unknown = sorted(set(given) - set(Options._fields))
    if unknown:
        raise SyncError(f"proof has no option {unknown[0]!r}; it has {', '.join(Options._fields)}.")
    found = Options(**given)
    if not 0 <= found.remask_percent <= 100 or found.leak_min_length < 1 or found.leak_text_rows < 0 or found.minimum_k < 0:
        raise SyncError("proof: remask_percent is 0 to 100, leak_min_length at least 1, leak_text_rows and minimum_k at least 0.")
    return found


def simple_path(path: str) -> Optional[list[str]]:
    """The keys of a path without wildcards."""
    return path.split(".")[1:] if SIMPLE_PATH.fullmatch(path) else None


def form(transformer: str, options: Mapping[str, Any]) -> str:
    """A LIKE pattern that every result fits and real values don't, as it is reserved. That all values of a column fit it
    proves more than a comparison, and costs less. Empty: the mask has no such form."""
    if options.get("unique"):
        return ""
    if transformer == "email":
        return "%@" + str(options.get("host", MASK_DOMAIN))
    if transformer == "url":
        return f"%.{dictionaries.HOST}/%"
    if transformer == "card":
        return NETWORKS[options.get("network", "visa")] + "%"
    return ""


def bits(transformer: str) -> int:
    return TRANSFORMERS[transformer].bits if transformer in TRANSFORMERS else 0


def by_chance(transformer: str, here: int, there: int) -> int:
    """How many of `there` results may equal one of `here` source values without a leak."""
    expected = here * there / 2.0 ** bits(transformer)
    return 0 if expected < 1e-6 else 3 + math.ceil(4 * expected)


def count_findings(full: str, *, sent: Optional[int], arrived: int, checksum_sent: Optional[str], checksum: Optional[str]) -> list[Finding]:
    if sent is not None and sent != arrived:
        return [Finding("counts", full, abs(sent - arrived), f"{sent} rows were sent, {arrived} are there")]
    if checksum_sent is not None and checksum is not None and checksum_sent != checksum:
        return [Finding("checksum", full, 1, "the rows that are there aren't the rows that the source computed")]
    return []


def tolerate(hits: Mapping[int, int], *, words: set[int], values: int) -> tuple[int, int]:
    """(leaks, tolerated) of {hash: rows of the source that have the value}; `values` is how many the target's column has."""
    frequent = {found for found, rows in hits.items() if rows >= FREQUENT}
    if len(hits) * 2 > values > 1:
        frequent = set()  # most of the column is source values: a copy, however often each occurs
    excused = frequent | (words & set(hits))
    return len(hits) - len(excused), len(excused)


def anonymity_findings(found: Mapping[str, Mapping[str, Any]], minimum: int) -> list[Finding]:
    small = [(full, facts["smallest"]) for full, facts in found.items() if facts["smallest"] is not None and facts["smallest"] < minimum]
    return [Finding("k_anonymity", full, size, f"a group of {size} rows shares its quasi-identifiers, allowed are {minimum}") for full, size in small]


def conclude(record: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
    """The evidence, or one error with everything that was found. Neither ever holds a row's value."""
    record["findings"] = [finding._asdict() for finding in findings]
    record["verdict"] = "failed" if findings else "passed"
    if findings:
        lines = ["The proof found what must not be; nothing was put in place, the target is as it was.", *[f"- {finding}" for finding in findings]]
        raise ProofError("\n".join(lines), record)
    return record


class ProofError(SyncError):
    """Carries the evidence of the failure."""

    def __init__(self, text: str, record: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.record = dict(record)
