# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger holds of refreshes and purges: bodies as the engines leave them, and a story of them."""

from __future__ import annotations

import copy
import itertools
import uuid
from datetime import datetime, timedelta, timezone

KEY = "d1b1126a46407524"
PEOPLE = ["birth_date", "card", "city", "email", "external", "iban", "name", "notes", "phone", "postcode", "street"]
POSTGRESQL = {
    "mode": "full",
    "changed": True,
    "why": "no earlier copy is known",
    "tables": {
        "public.customers": {"rows_estimate": 1000000, "masked": PEOPLE, "rows": 1000000, "bytes": 225704000, "seconds": 9.3},
        "public.orders": {"rows_estimate": 3000000, "masked": ["payer_email", "ship_name"], "rows": 3000000, "bytes": 293746000, "seconds": 12.8},
    },
    "proof": {
        "scope": "all rows",
        "source_values": "all rows",
        "tables": {
            "public.customers": {"sent": 1000000, "rows": 1000000, "checksum": "equal"},
            "public.orders": {"sent": 3000000, "rows": 3000000, "checksum": "equal"},
        },
        "sample": {
            "public.customers": {"rows": 20000, "found": 20000, "unchanged": {"name": 0, "email": 0}, "differs": []},
            "public.orders": {"rows": 0, "why": "a mask of this table needs all of its rows"},
        },
        "leaks": {
            "checked": True,
            "columns_checked": 12,
            "places_read": ["public.customers.country", "public.orders.status"],
            "proved_by": {"form": ["public.customers.email"], "values": ["public.customers.iban"], "rows": ["public.customers.name"]},
            "values": 2228450,
            "least_length": 6,
            "read_partly": {"public.customers.notes": 2.0},
            "tolerated": {"public.customers.country": 3},
        },
        "keys": {
            "foreign_keys": 1,
            "checks": 1,
            "unique": 1,
            "primary_keys": 2,
            "exclusions": 0,
            "not_valid_before": 0,
            "indexes": 4,
            "sequences": 2,
        },
        "k_anonymity": {"public.customers": {"columns": ["postcode", "birth_date"], "groups": 900, "smallest": 3, "k": 5, "rows_below_k": 12}},
        "key_id": KEY,
        "took": {"counts_and_checksums": 0.7, "sample": 0.8},
        "seconds": 4.9,
        "findings": [],
        "verdict": "passed",
    },
    "drift": [],
    "seconds": 31.4,
    "key_id": KEY,
}
DELTA = {
    "mode": "incremental",
    "changed": True,
    "why": "1 % of 4,000,000 rows changed: about 2 s, a full copy about 31 s.",
    "tables": {
        "public.customers": {"how": "versions", "rows": 9000, "inserted": 800, "updated": 8200, "deleted": 0, "bytes": 2247000, "masked": PEOPLE},
        "public.orders": {"how": "same", "rows": 0, "inserted": 0, "updated": 0, "deleted": 40, "bytes": 0, "masked": ["payer_email", "ship_name"]},
    },
    "proof": {
        **POSTGRESQL["proof"],
        "scope": "changed rows",
        "tables": {"public.orders": {"sent": None, "rows": 0, "checksum": "not compared"}, "public.customers": {"rows": 9000, "checksum": "not compared"}},
        "sample": {"public.orders": {"rows": 0, "why": "no rows"}, "public.customers": {"rows": 1000, "found": 1000, "unchanged": {}, "differs": []}},
        "k_anonymity": {},
        "seconds": 0.6,
    },
    "notes": [],
    "drift": [],
    "seconds": 1.9,
    "key_id": KEY,
}
SUBSET = {
    **POSTGRESQL,
    "mode": "subset",
    "why": "asked for",
    "tables": {
        "public.customers": {"rows_estimate": 1000000, "masked": PEOPLE, "rows": 100000, "bytes": 22570400, "seconds": 1.3},
        "public.orders": {"rows_estimate": 3000000, "masked": ["payer_email", "ship_name"], "rows": 300150, "bytes": 29374600, "seconds": 1.9},
        "public.log": {"rows_estimate": 2000, "masked": [], "rows": 0, "bytes": 0, "seconds": 0.0},
    },
    "edges": [
        {"direction": "start", "edge": "", "table": "public.customers", "rows": 100000},
        {"direction": "children", "edge": "public.orders.customer", "table": "public.orders", "rows": 300150},
        {"direction": "parents", "edge": "public.customers.referred_by", "table": "public.customers", "rows": 0},
        {"direction": "whole", "edge": "", "table": "public.country", "rows": 30},
        {"direction": "unreached", "edge": "", "table": "public.log", "rows": 0},
    ],
    "seconds": 5.1,
}
SQLITE = {
    "mode": "full",
    "why": "asked for",
    "tables": {"main.contacts": {"masked": ["email", "nick"], "rows": 100, "seconds": 0.003}},
    "changed": True,
    "proof": {
        "key_id": KEY,
        "tables": {"main.contacts": {"sent": 100, "rows": 100}},
        "keys": {"broken_foreign_keys": 0, "quick_check": "ok"},
        "sample": {"main.contacts": 2},
        "leaks": {"columns_checked": 2, "values": 200, "findings": 0},
        "k_anonymity": {},
        "took": {"counts": 0.002, "keys": 0.0, "sample": 0.0, "leaks": 0.004, "k_anonymity": 0.0},
        "seconds": 0.006,
        "findings": [],
        "verdict": "passed",
    },
    "seconds": 0.195,
    "key_id": KEY,
}
MARIADB = {
    "mode": "full",
    "why": "no earlier full copy is recorded in the target.",
    "tables": {
        "crm.customers": {"rows_estimate": 500, "masked": ["birth_date", "email", "name"], "rows": 500, "bytes": 69459, "seconds": 0.019},
        "crm.order": {"rows_estimate": 1000, "masked": ["payer_email", "ship_name"], "rows": 1000, "bytes": 62383, "seconds": 0.017},
    },
    "edges": [],
    "changed": True,
    "proof": {
        "scope": "all rows",
        "source_values": "all rows",
        "tables": {
            "crm.customers": {"sent": 500, "rows": 500, "checksum": "equal"},
            "crm.order": {"sent": 1000, "rows": 1000, "checksum": "equal"},
        },
        "sample": {"crm.customers": {"rows": 10, "found": 10, "unchanged": {"email": 0, "name": 0}, "differs": []}, "crm.order": {"rows": 0, "why": "no rows"}},
        "leaks": {
            "checked": True,
            "columns_checked": 2,
            "values": 1500,
            "least_length": 6,
            "places_read": ["crm.customers.country"],
            "proved_by": {"form": ["crm.customers.email"], "values": [], "rows": ["crm.customers.name"]},
            "read_partly": {},
            "tolerated": {},
        },
        "keys": {"foreign_keys": 1},
        "k_anonymity": {},
        "key_id": KEY,
        "took": {"counts_and_checksums": 0.02, "sample": 0.01, "leaks": 0.03},
        "seconds": 0.06,
        "findings": [],
        "verdict": "passed",
    },
    "key_id": KEY,
    "seconds": 0.48,
}
# A proof that names nothing it looked at.
EMPTY_PROOF = {
    "mode": "incremental",
    "why": "",
    "tables": {"crm.customers": {"rows_estimate": 500, "masked": ["email"], "rows": 4}},
    "edges": [],
    "changed": True,
    "proof": {"verdict": "passed", "findings": []},
    "key_id": KEY,
    "seconds": 0.576,
}
UNCHANGED = {
    "mode": "full",
    "why": "neither the source nor the target changed since the last synchronization.",
    "tables": {"public.customers": {"rows_estimate": 501, "masked": PEOPLE}},
    "changed": False,
    "key_id": KEY,
    "seconds": 0.493,
}
BARE = {**{name: value for name, value in POSTGRESQL.items() if name != "proof"}, "proof": {"verdict": "off"}}
EMPTY = {"mode": "schema_only", "why": "asked for", "changed": True, "tables": {"public.customers": {"masked": PEOPLE, "rows": 0, "bytes": 0}}, "seconds": 0.1}
PURGED = {
    "state": "purged",
    "changed": True,
    "expired": 69,
    "removed": 68,
    "tables": {
        "public.customers": {
            "expired": 15,
            "removable": 14,
            "held": 1,
            "with_them": [{"table": "public.notes", "constraint": "public.notes.notes_customer_fkey", "rows": 14, "action": "detached"}],
            "rules": [{"column": "created", "older_than": "90d", "class": "test", "reason": "test runs"}],
            "removed": 14,
        },
        "public.orders": {
            "expired": 54,
            "removable": 54,
            "held": 0,
            "with_them": [{"table": "public.items", "constraint": "public.items.items_orders_fkey", "rows": 58, "action": "removed"}],
            "rules": [{"column": "placed", "older_than": "90d", "class": "test", "reason": "test runs"}],
            "removed": 54,
        },
    },
    "seconds": 0.065,
}


def reported(purge):
    tables = {name: {key: value for key, value in facts.items() if key != "removed"} for name, facts in purge["tables"].items()}
    return {**purge, "state": "reported", "changed": False, "removed": 0, "tables": tables}


def done(*, source="production", **databases):
    """The body of an outcome, as the filter data_outcome makes it."""
    apart = {"snapshots_apart": 0.0123} if len(databases) > 1 else {}
    return {"source": source, "changed": any(one["changed"] for one in databases.values()), "databases": databases, "proof": "passed", "key_id": KEY, **apart}


class Story:
    """Entries as the ledger gives them, an hour apart."""

    def __init__(self, start=datetime(2026, 1, 1, tzinfo=timezone.utc), step=timedelta(hours=1)):
        self.entries, self.moment, self.step = [], start, step
        self._numbers = itertools.count(1)

    def add(self, kind, phase, *, environment="staging", subject="database", **body):
        self.moment += self.step
        entry = {"id": str(uuid.UUID(int=(next(self._numbers) << 80) | (7 << 76) | (2 << 62))), "time": self.moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        fields = {"kind": kind, "phase": phase, "environment": environment, "release": "", "subject": subject, "actor": {"name": "ada"}}
        self.entries.append({**entry, **fields, "body": copy.deepcopy(body)})
        return entry["id"]

    def act(self, kind, body, *, verdict="passed", **fields):
        intent = self.add(kind, "intent", **fields, source=body.get("source", ""))
        return self.add(kind, "outcome", **fields, intent=intent, verdict=verdict, **body)

    def sync(self, *, environment="staging", source="production", **databases):
        return self.act("data_sync", done(source=source, **databases), environment=environment, subject=",".join(databases))

    def fail(self, task="Refresh the data", **fields):
        return self.act("data_sync", {"source": "production", "task": task}, verdict="failed", **fields)

    def purge(self, body=PURGED, **fields):
        return self.act("data_purge", body, **fields)
