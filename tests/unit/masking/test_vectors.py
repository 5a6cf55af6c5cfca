# SPDX-License-Identifier: GPL-3.0-or-later
"""The published vectors, docs/reference/masking-vectors.json. `python tests/unit/masking/test_vectors.py` writes them anew."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking import dictionaries, keys
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_rules import rule_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_structure import masks
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value, masker
from ansible_collections.evenkeel.release.plugins.module_utils._masking.structural import Row, column_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import TRANSFORMERS

DOCS = Path(__file__).resolve().parents[3] / "docs/reference"
FILE = DOCS / "masking-vectors.json"
KEY = "00112233445566778899aabbccddeeff" * 2
COMMON = ["", "Jane Doe", "jane.doe@example.com", "+49 (30) 123-456 x7", "Zo\u00eb \u6f22\u5b57 \U0001f600", "a" * 65]
VALUES = {
    "phone": ["+1 202-555-0123", "030/1234567", "0049301234567890123"],
    "postcode": ["SW1A 1AA", "10115", "k1a 0b1"],
    "digits": ["AB-12345-c", "0000000000"],
    "card": ["4111111111111111"],
    "iban": ["DE89370400440532013000", "FR7630006000011234567890189", "PL61109010140000071219812874", "GB29NWBK60161331926819"],
    "national_id": ["123-45-6789", "123456789"],
    "ip": ["192.168.7.9", "10.0.0.0/8", "2001:db8::1", "::1", "unknown"],
    "url": ["https://shop.example/a?b=c", "ftp://files.example", "mailto:a@b.example"],
    "date_shift": ["2000-02-29", "1999-12-31 23:59:59.5+00", "0044-03-15 BC", "0001-01-01", "9999-12-30", "9999-12-31", "10000-01-01", "infinity"],
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "national_id": [{"country": country} for country in TRANSFORMERS["national_id"].options["country"].choices],
    "card": [{}, {"network": "mastercard"}],
    "ip": [{}, {"prefix": 24, "prefix6": 16}],
    "token": [{}, {"bytes": 16}],
    "email": [{}, {"host": "qa.example.org"}],
    "date_shift": [{}, {"days": 365}],
    "constant": [{"value": "x"}],
    **{name: [{}, {"unique": True}] for name in ("phone", "digits", "username")},
}
BY = [{}, {"entity": "4711", "entity_name": "customer"}]
NUMBERS = ["0", "0.00", "1", "-7", "12.50", "-0.001", "1e3", "12345678901234567890.123456789", "NaN", "-Infinity"]
PROSE = [
    "Call +49 (30) 123-4567 or j\u00f6rg@m\u00fcller.de, IBAN DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111, from 10.0.0.1 and 2001:db8::1; room 12",
    "",
    "nothing to find",
]
LEAVES = {"$.email": {"mask": "email"}, "$.items[*].name": {"mask": "name", "domain": "person"}, "$.items[*].price": {"mask": "noise", "percent": 10}}
DOCUMENT = '{"items": [{"name": "Jane Doe", "price": 1.50, "sku": "A-1"}, {"name": null}], "email": "jane.doe@example.com", "note": {"deep": "x"}, "n": 1e2}'
# (options, kind of column, values) of the masks that masking-policy.md describes.
MORE: dict[str, list[tuple[dict[str, Any], str, list[str]]]] = {
    "noise": [({"percent": 10}, "numeric", NUMBERS), ({"spread": 2.5}, "numeric", NUMBERS), ({"percent": 100, "min": -5, "max": 5}, "numeric", NUMBERS)],
    "generalise": [
        ({"to": "year"}, "timestamp with time zone", ["2020-02-29 12:30:00.5+00", "infinity"]),
        ({"to": "month"}, "date", ["2020-02-29", "0044-03-15 BC"]),
        ({"step": 7}, "numeric", NUMBERS),
        ({"step": 0.25}, "numeric", NUMBERS),
        ({"digits": 3}, "text", ["10115", "SW1A 1AA", "ab", "a", "", "\u6f22\u5b57\u6f22\u5b57"]),
        ({"bits": 12}, "inet", ["192.168.7.9", "10.20.30.40/24", "2001:db8::1"]),
    ],
    "redact": [({}, "text", PROSE), ({"find": ["email", "phone", "iban", "card", "ip"]}, "text", PROSE), ({"find": ["phone"]}, "text", PROSE)],
    "json": [
        ({"paths": LEAVES, "others": others}, "jsonb", [DOCUMENT, "null", '"x"', "no json"]) for others in ({"keep": "r"}, {"mask": "redact"}, {"drop": True})
    ],
}
WHOLE: list[dict[str, Any]] = [{"mask": "shuffle"}, *({"mask": "noise", kind: 20, "total": True} for kind in ("percent", "spread"))]


def more() -> list[dict[str, Any]]:
    rows = []
    for mask, cases in MORE.items():
        for options, kind, values in cases:
            for by in BY if mask == "noise" else BY[:1]:
                entity = {"name": by["entity_name"], "key": "id"} if by else None
                rule = rule_of({"mask": mask, **options}, Column("v", kind, not_null=False), entity=entity, key=Column("id", "integer", not_null=True))
                masked = masker(rule, key=KEY)
                rows += [{"mask": mask, "options": options, **by, "value": value, "result": masked(value, by.get("entity"))} for value in values]
    return rows


def columns() -> list[dict[str, Any]]:
    """Of whole tables: (key, group, value) of each row."""
    found = []
    rows = [Row((str(number), "k"), ("odd" if number % 2 else "even",), None if number == 6 else f"{number * 1.5:.2f}") for number in range(1, 12)]
    for entry in WHOLE:
        rule = rule_of(entry, Column("v", "numeric", not_null=False), entity=None, key=None)
        options = {key: one for key, one in entry.items() if key != "mask"}
        found.append({"mask": entry["mask"], "options": options, "rows": [list(row) for row in rows], "result": column_of(rule, rows, key=KEY)})
    return json.loads(json.dumps(found))


def vectors() -> dict[str, Any]:
    rows = []
    for name in sorted(TRANSFORMERS):
        values = VALUES.get(name, []) + ([] if name == "date_shift" else COMMON)
        for options in OPTIONS.get(name, [{}]):
            permuted = options.get("unique") and not TRANSFORMERS[name].unique_bits
            for by in BY[:1] if permuted or not TRANSFORMERS[name].hashed else BY:
                for value in values:
                    result = mask_value(value, name, key=KEY, **by, **options)
                    rows.append({"mask": name, **({"options": options} if options else {}), **by, "value": value, "result": result})
    return {
        "$comment": "SPDX-License-Identifier: GPL-3.0-or-later",
        "algorithm": 1,
        "key": KEY,
        "key_id": keys.key_id(KEY),
        "domain": "the mask's name",
        "columns": columns(),
        "vectors": rows + more(),
    }


def text() -> str:
    found = vectors()
    whole = ",\n".join("    " + json.dumps(row) for row in found.pop("columns"))
    rows = ",\n".join("    " + json.dumps(row, ensure_ascii=True) for row in found.pop("vectors"))
    return json.dumps(found, indent=2)[:-2] + f',\n  "columns": [\n{whole}\n  ],\n  "vectors": [\n' + rows + "\n  ]\n}\n"


def test_nothing_published_has_changed() -> None:
    assert json.loads(FILE.read_text()) == vectors()


def test_every_mask_is_published() -> None:
    assert {row["mask"] for row in json.loads(FILE.read_text())["vectors"]} == {*TRANSFORMERS, *MORE}
    assert {*TRANSFORMERS, *MORE, "shuffle", "array"} == set(masks())


@pytest.mark.parametrize("words", ["FIRST_NAMES", "LAST_NAMES", "CITIES", "STREETS", "TAX_FIVES", "TAX_FOURS"])
def test_the_lists_are_those_of_the_documentation(words: str) -> None:
    digest = hashlib.sha256("\n".join(getattr(dictionaries, words)).encode()).hexdigest()
    assert f"| {words} | {len(getattr(dictionaries, words))} | `{digest}` |" in (DOCS / "masking.md").read_text()


if __name__ == "__main__":
    FILE.write_text(text())
