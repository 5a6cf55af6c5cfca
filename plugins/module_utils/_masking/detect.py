# SPDX-License-Identifier: GPL-3.0-or-later
"""A guess for a column: how it is masked or why it may be kept, from its name, type, comment and sampled values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_names import (
    HARMLESS,
    NOTHING,
    PERSONAL,
    Named,
    by_comment,
    by_name,
    words_of,
)
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_values import ENOUGH, Profile
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import (
    ARRAY,
    DATE,
    IP,
    JSON,
    NUMBER,
    TEXT,
    TIMESTAMP,
    UUID,
    Column,
)

Entry = dict[str, Any]
CERTAIN = 0.6  # below it a guess is marked REVIEW, and is a mask
NATIONAL = {
    "us_ssn": "a US social security number",
    "de_tax": "the check digit of a German tax number",
    "fr_nir": "the check digits of a French NIR",
    "es_dni": "the check letter of a Spanish DNI or NIE",
    "pl_pesel": "the check digit of a PESEL",
    "it_fiscal": "the shape of an Italian codice fiscale",
    "uk_nino": "the shape of a British national insurance number",
}
# Detectors of whole values, the surest first: (kind, detectors, share that is enough, how it is told).
_VALUES: tuple[tuple[str, tuple[str, ...], float, str], ...] = (
    ("email", ("email",), 0.6, "are e-mail addresses"),
    ("iban", ("iban",), 0.5, "pass the check digits of an IBAN (mod 97)"),
    ("iban", ("iban_shape",), 0.8, "have the shape of an IBAN"),
    ("uuid", ("uuid",), 0.9, "are UUIDs"),
    ("mac", ("mac",), 0.8, "are MAC addresses"),
    ("ip", ("ip",), 0.7, "are IP addresses"),
    ("url", ("url",), 0.7, "are URLs"),
    ("card", ("card",), 0.6, "pass Luhn and have the length of their issuer"),
    *(("national_id", (name,), 0.8, f"pass as {told}") for name, told in NATIONAL.items()),
    ("coordinates", ("coordinates",), 0.8, "are coordinates"),
    ("secret", ("secret",), 0.8, "look like secrets or hashes"),
    ("street", ("street",), 0.4, "look like streets"),
    ("phone", ("phone",), 0.7, "are written as phone numbers"),
    ("name", ("name",), 0.4, "hold a known first or last name among their words"),
    ("first_name", ("first_name",), 0.5, "are known first names"),
    ("last_name", ("last_name",), 0.5, "are known last names"),
    ("city", ("city",), 0.5, "are known cities"),
    ("text", ("personal_inside",), 0.02, "hold an e-mail, number or name inside of a text"),
    ("text", ("prose",), 0.5, "are sentences"),
    ("postcode", ("postcode",), 0.95, "have the shape of a postcode"),
)
_AMBIGUOUS = frozenset(("postcode", "phone", "city", "first_name", "last_name", "coordinates"))  # of numbers and short words they say little alone
# What hides a text of a kind, best first; what can't be used on the column is passed over.
_TEXT_MASKS: dict[str, tuple[Entry, ...]] = {
    "email": ({"mask": "email"},),
    "phone": ({"mask": "phone"},),
    "first_name": ({"mask": "first_name"},),
    "last_name": ({"mask": "last_name"},),
    "name": ({"mask": "name"},),
    "city": ({"mask": "city"},),
    "street": ({"mask": "street"},),
    "postcode": ({"mask": "postcode"},),
    "card": ({"mask": "card"},),
    "iban": ({"mask": "iban"},),
    "bank": ({"mask": "postcode"},),
    "national_id": ({"mask": "postcode"},),
    "ip": ({"mask": "ip"},),
    "uuid": ({"mask": "uuid"},),
    "url": ({"mask": "url"},),
    "username": ({"mask": "username"},),
    "company": ({"mask": "company"},),
    "secret": ({"mask": "token"},),
    "mac": ({"mask": "mac"},),
    "birth_date": ({"mask": "generalise", "digits": 4},),
    "region": ({"mask": "postcode"},),
    "text": ({"mask": "text"},),
}
_COUNTRIES = {"us_ssn": "us", "de_tax": "de", "fr_nir": "fr", "es_dni": "es", "pl_pesel": "pl", "uk_nino": "gb"}
_COUNTRY_WORDS = (
    ("us", r"ssn|social_sec"),
    ("de", r"steuer"),
    ("fr", r"_nir_|insee|secu"),
    ("es", r"_dni_|_nie_|_nif_"),
    ("pl", r"pesel"),
    ("gb", r"nino|national_insurance"),
)
_ANY_TEXT: tuple[Entry, ...] = ({"mask": "text"}, {"mask": "token"}, {"mask": "postcode"})
_UNIQUE_TEXT: tuple[Entry, ...] = ({"mask": "token"}, {"mask": "hash"}, {"mask": "phone", "unique": True}, {"mask": "digits", "unique": True})
_EMPTY = {
    NUMBER: 0,
    JSON: "{}",
    ARRAY: "{}",
    DATE: "1970-01-01",
    TIMESTAMP: "1970-01-01 00:00:00",
    UUID: "00000000-0000-0000-0000-000000000000",
    IP: "192.0.2.1",
    # Of types without a family.
    "interval": "0",
    "money": 0,
    "year": 2000,
    "time": "00:00:00",
    "time without time zone": "00:00:00",
    "time with time zone": "00:00:00+00",
    "macaddr": "02:00:00:00:00:00",
    "point": "(0,0)",
    "xml": "<x/>",
}
_KEPT = {
    "code": "one of a few codes",
    "amount": "an amount, no personal value",
    "count": "a number of things, no personal value",
    "product": "names a thing, not a person",
    "time": "a time of the business, no personal value",
    "flag": "a yes or no",
    "key": "surrogate key without a meaning",
}
_FLAGS = ("boolean", "bool", "bit")


class Guess(NamedTuple):
    kind: str
    confidence: float
    evidence: tuple[str, ...]  # never holds a value
    entries: tuple[Entry, ...]  # to be tried in this order

    @property
    def review(self) -> bool:
        return self.confidence < CERTAIN

    @property
    def personal(self) -> bool:
        return "mask" in self.entries[0]


def assess(column: Column, values: Optional[Profile] = None, *, table: str = "", comment: str = "", refers: bool = False) -> Guess:
    """`refers`: the column is part of a foreign key, so it has to equal the key it points at."""
    if column.generated:
        return Guess("generated", 1.0, ("computed by the database",), ({"keep": "computed by the database from other columns"},))
    named = by_name(column.name, table=table)
    said = by_comment(comment) if comment else NOTHING
    kind, confidence, evidence = _decide(column, named, said, values)
    if kind not in HARMLESS or kind == "key":
        surrogate = _surrogate(column, named, values, refers=refers)
        if surrogate:
            return surrogate
    if column.family in (JSON, ARRAY) and kind in HARMLESS:
        kind, confidence = "unknown", 0.4
    if kind in HARMLESS:
        entry: Entry = {"keep": _KEPT[kind]}
        if column.labels:
            entry["values"] = list(column.labels)
        return Guess(kind, confidence, evidence, (entry,))
    found = _masks(kind, column)
    if kind == "national_id" and column.family == TEXT:
        found = [*_national(column, values), *found]
    return Guess(kind, confidence, evidence, tuple(found))


def _national(column: Column, values: Optional[Profile]) -> list[Entry]:
    """The mask makes numbers of one country, so the country has to be known: by the values, else by the name."""
    shares = {country: values.share(name) for name, country in _COUNTRIES.items()} if values else {}
    best = max(shares, key=lambda country: shares[country], default="")
    if not best or shares[best] < 0.5:
        best = next((country for country, pattern in _COUNTRY_WORDS if re.search(pattern, words_of(column.name))), "")
    return [{"mask": "national_id", "country": best}] if best else []


def _surrogate(column: Column, named: Named, values: Optional[Profile], *, refers: bool) -> Optional[Guess]:
    """Numbers and UUIDs that are keys. A text that is a key may well be an e-mail, so it isn't meant."""
    if column.family not in (NUMBER, UUID) or named.kind in PERSONAL:
        return None
    if values and values.values >= ENOUGH and any(values.share(name) > 0.8 for name in ("card", *NATIONAL)):
        return None
    if refers or column.key or column.identity or column.sequence:
        what = "part of a foreign key" if refers else "the primary key" if column.key else "numbered by the database"
        return Guess("key", 0.95, (what,), ({"keep": _KEPT["key"] if not refers else "points at a row, without a meaning of its own"},))
    return None


def _decide(column: Column, named: Named, said: Named, values: Optional[Profile]) -> tuple[str, float, tuple[str, ...]]:
    evidence = [f"name suggests {_spoken(named.kind)}"] if named.kind else []
    if said.kind:
        evidence.append(f"comment suggests {_spoken(said.kind)}")
    hint = said if said.kind and (named.kind in ("", *HARMLESS) or said.confidence > named.confidence) else named
    seen, share, told = _by_values(column, values)
    evidence += told
    if seen:
        agree = seen == hint.kind or (seen in _NAMES and hint.kind in _NAMES)
        if agree:
            return hint.kind, 0.99, tuple(evidence)
        if hint.kind in ("secret", "sensitive") or (hint.kind in PERSONAL and seen in _AMBIGUOUS):
            return hint.kind, hint.confidence, tuple(evidence)
        if hint.kind == "name" and hint.confidence <= 0.6:
            return seen, max(share, 0.6), tuple(evidence)
        harmless_says_no = hint.kind in HARMLESS and hint.kind != "key" and seen in _AMBIGUOUS and column.family != JSON
        if not harmless_says_no:
            return seen, min(0.95, 0.5 + share / 2), tuple(evidence)
    return _without_values(column, hint, values, evidence)


_NAMES = ("name", "first_name", "last_name")


def _spoken(kind: str) -> str:
    return {"text": "free text", "key": "a key", "name": "a person's name", "secret": "a secret", "sensitive": "a special category of personal data"}.get(
        kind, kind.replace("_", " ")
    )


def _by_values(column: Column, values: Optional[Profile]) -> tuple[str, float, list[str]]:
    if not values or not values.values or column.family in (DATE, TIMESTAMP, JSON, UUID, IP):
        return "", 0.0, []
    for kind, detectors, enough, words in _VALUES:
        hits = max(values.hits.get(name, 0) for name in detectors)
        if kind == "text" and "prose" not in detectors and column.family != TEXT:
            continue
        if column.family == NUMBER and kind not in ("card", "national_id"):
            continue
        # A single digit in ten makes a number pass by chance: few values don't convince.
        if hits / values.values >= enough and (hits >= 3 or hits == values.values) and hits / values.values >= 0.02:
            return kind, hits / values.values, [f"{hits} of {values.values} sampled values {words}"]
    return "", 0.0, []


def _without_values(column: Column, hint: Named, values: Optional[Profile], evidence: list[str]) -> tuple[str, float, tuple[str, ...]]:
    family, kind, confidence = column.family, hint.kind, hint.confidence
    if family in (DATE, TIMESTAMP):
        return _time(column, hint, values, evidence)
    if family == IP:
        return "ip", 0.95, (*evidence, f"type {column.kind}")
    if kind in PERSONAL:
        if kind == "salary" and family not in (NUMBER, TEXT):
            kind = "unknown"
        return kind, confidence, tuple(evidence)
    if column.kind in _FLAGS or column.type == "tinyint(1)":
        return "flag", max(confidence if kind == "flag" else 0.0, 0.65), (*evidence, "a yes or no, its name isn't sensitive")
    if column.labels:
        return "code", 0.9, (*evidence, f"an enum of {len(column.labels)} labels")
    if family == UUID:
        return ("key", 0.7, tuple(evidence)) if kind == "key" and column.key else ("uuid", 0.7, (*evidence, "a UUID that is no key of this database"))
    if family == NUMBER:
        return _number(column, hint, values, evidence)
    if family == TEXT:
        return _text(column, hint, values, evidence)
    return "unknown", 0.4, (*evidence, f"nothing is known of a {column.kind}")


def _time(column: Column, hint: Named, values: Optional[Profile], evidence: list[str]) -> tuple[str, float, tuple[str, ...]]:
    told = [*evidence]
    if values and values.values and hint.kind != "time":
        told.append(f"{values.ages} of {values.values} sampled dates would be ages of 0 to 110, {values.adults} of 16 and more")
    if hint.kind == "birth_date":
        plausible = values is not None and values.values >= ENOUGH and values.ages >= 0.9 * values.values
        return "birth_date", 0.99 if plausible else hint.confidence, tuple(told)
    if hint.kind in ("time", "code", "flag", "amount", "count"):
        old = column.family == DATE and hint.kind == "time" and values is not None and values.values >= ENOUGH and values.adults >= 0.5 * values.values
        return ("birth_date", 0.5, tuple(told)) if old else ("time", hint.confidence, tuple(told))
    if hint.kind in ("sensitive", "secret"):
        return hint.kind, hint.confidence, tuple(told)
    return "unknown", 0.4, (*told, "neither its name nor its values tell what it is")


def _number(column: Column, hint: Named, values: Optional[Profile], evidence: list[str]) -> tuple[str, float, tuple[str, ...]]:
    if hint.kind == "count" and values and values.values >= ENOUGH and values.longest >= 7 and values.distinct >= 0.9 * values.values:
        return "unknown", 0.45, (*evidence, "long numbers that don't repeat: more like a number of somebody")
    if hint.kind in ("amount", "count", "product"):
        return hint.kind, hint.confidence, tuple(evidence)
    if hint.kind in ("code", "flag"):
        return "code", 0.65, (*evidence, "a number")
    if hint.kind == "key" and re.search(r"(^|_)id$", column.name, re.IGNORECASE):
        return "key", 0.6, (*evidence, "a number that no foreign key declares")
    return "unknown", 0.4, (*evidence, "a number of which nothing is known")


def _text(column: Column, hint: Named, values: Optional[Profile], evidence: list[str]) -> tuple[str, float, tuple[str, ...]]:
    enough = 1 if hint.kind == "code" else ENOUGH
    if values and values.values >= enough and values.share("code") >= 0.95 and values.distinct <= max(24, values.values // 8):
        return "code", 0.9 if hint.kind == "code" else 0.7, (*evidence, f"{values.distinct} different values in {values.values}, all well-known codes")
    if hint.kind == "code":
        few = values is not None and values.values >= ENOUGH and values.distinct <= max(3, min(40, values.values // 5))
        if few and values is not None:
            return "code", 0.8, (*evidence, f"{values.distinct} different values in {values.values}")
        if not values or not values.values:
            return ("code", 0.6, (*evidence, "no values to look at")) if 0 < column.length <= 20 else ("unknown", 0.4, (*evidence, "no values to look at"))
        return "unknown", 0.45, (*evidence, f"{values.distinct} different values in {values.values}: more than codes have")
    if hint.kind in ("product", "count", "amount", "time", "flag"):
        if not values or not values.values:
            return "unknown", 0.45, (*evidence, "a text without values to look at")
        fits = {"time": values.share("date"), "flag": values.distinct <= 3, "count": values.share("digits"), "amount": values.share("digits")}
        if fits.get(hint.kind, 1) >= 0.9 and not values.hits.get("personal_inside"):
            return hint.kind, 0.65, tuple(evidence)
        return "unknown", 0.45, (*evidence, "its values aren't what its name says")
    told = f"{values.distinct} different values in {values.values} that no detector knows" if values and values.values else "no values to look at"
    return "unknown", 0.4, (*evidence, told)


def _masks(kind: str, column: Column) -> list[Entry]:
    family = column.family
    found: list[Entry] = []
    if family == TEXT:
        found = [*_text_masks(kind, column)]
    elif family == NUMBER:
        found = _number_masks(kind)
    elif family in (DATE, TIMESTAMP):
        found = [{"mask": "date_shift", "days": 90}]  # of one length, so that one person's dates move together
    elif family == UUID:
        found = [{"mask": "uuid"}]
    elif family == IP:
        found = [{"mask": "ip"}]
    elif family == ARRAY:
        inner = Column(column.name, column.element, False)
        found = [
            {"mask": "array", "element": entry} for entry in _masks(kind, inner) if entry["mask"] not in ("null", "json", "array", "date_shift", "shuffle")
        ]
    elif column.labels:
        found = [{"mask": "shuffle", "values": list(column.labels)}]
    return [*found, *_last_resort(column)]


def _text_masks(kind: str, column: Column) -> list[Entry]:
    first = list(_TEXT_MASKS.get(kind, ()))
    unique = [{**entry, "unique": True} for entry in first if entry["mask"] in ("phone", "postcode", "username")] if column.unique else []
    labels = [{"mask": "shuffle", "values": list(column.labels)}] if column.labels else []
    shuffled: list[Entry] = [{"mask": "shuffle"}] if column.unique == "alone" else []
    return [*unique, *labels, *first, *(_UNIQUE_TEXT if column.unique else ()), *_ANY_TEXT, *_UNIQUE_TEXT, *shuffled]


def _number_masks(kind: str) -> list[Entry]:
    known: dict[str, list[Entry]] = {
        "card": [{"mask": "card"}],
        "phone": [{"mask": "phone", "unique": True}, {"mask": "phone"}],
        "national_id": [{"mask": "digits"}],
        "postcode": [{"mask": "postcode"}],
        "coordinates": [{"mask": "generalise", "step": 1}],
    }
    return [*known.get(kind, []), {"mask": "noise", "percent": 10}, {"mask": "phone", "unique": True}]


def _last_resort(column: Column) -> list[Entry]:
    if not column.not_null:
        return [{"mask": "null"}]
    if column.labels:
        return [{"mask": "constant", "value": column.labels[0]}]
    flag = column.kind in _FLAGS or column.type == "tinyint(1)"
    value = "false" if flag else "x"[: column.length or 1] if column.family == TEXT else _EMPTY.get(column.family or column.kind, "")
    return [{"mask": "constant", "value": value}]


def json_entry(documents: Mapping[str, Profile], *, table: str = "") -> Optional[tuple[Entry, dict[str, Guess]]]:
    """A mask per path of the sampled documents. What no sample showed is redacted: `others` says so."""
    from_paths: dict[str, Guess] = {}
    for path, values in documents.items():
        from_paths[path] = assess(_leaf_column(path, values), values, table=table)
    if not from_paths or len(from_paths) > LEAVES:
        return None
    masked = {path: _leaf(found) for path, found in from_paths.items() if found.personal}
    kept = {path: dict(found.entries[0]) for path, found in from_paths.items() if not found.personal}
    entry: Entry = {"mask": "json", "paths": {**masked, **kept}, "others": {"mask": "redact"}}
    return entry, from_paths


LEAVES = 200  # a document with more paths has keys that are values
_NOT_OF_LEAVES = ("json", "array", "shuffle", "date_shift")


def _leaf_column(path: str, values: Profile) -> Column:
    name = re.sub(r"\[\*\]|'\]$", "", path).rpartition("['" if path.rstrip("[*]").endswith("']") else ".")[2].lstrip("$")
    for detector, kind in (("number", "numeric"), ("flag", "boolean")):
        if values.values and values.hits.get(detector, 0) == values.values:
            return Column(name, kind, not_null=False)
    return Column(name, "text", not_null=False)


def _leaf(found: Guess) -> Entry:
    return next((dict(entry) for entry in found.entries if entry["mask"] not in _NOT_OF_LEAVES and "unique" not in entry), {"mask": "null"})


def explained(found: Guess) -> str:
    """For the comment behind an entry."""
    return f"{'REVIEW, ' if found.review else ''}{found.confidence:.0%}: {'; '.join(found.evidence) or 'nothing known'}"
