# SPDX-License-Identifier: GPL-3.0-or-later
"""Data: a masked refresh of a shop, its subset, its deltas and its proofs, each against an unmasked peer in the same round.

BENCH_CUSTOMERS sets the scale, 1,000,000 customers by default: 6 million rows, 850 MB and as much again for each copy.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import _data_delta, _data_full, _data_mysql, _data_peers, _data_proof, _data_source, _data_subset

if TYPE_CHECKING:
    from ._runner import Bench


def run(bench: Bench) -> None:
    customers = int(os.environ.get("BENCH_CUSTOMERS", "1000000"))
    pg = bench.pg()
    source = pg.create_db()
    _data_source.build(pg, source, customers=customers)
    for part in (_data_full, _data_peers, _data_proof, _data_delta, _data_subset):
        part.rows(bench, pg, source)
    _data_mysql.run(bench)
