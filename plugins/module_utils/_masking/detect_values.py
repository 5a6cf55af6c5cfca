# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sample of values looks like: counts and shares of what detectors say. No value leaves this file."""

from __future__ import annotations

import datetime
import ipaddress
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Callable, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_words import (
    CITIES,
    CODES,
    FIRST_NAMES,
    LAST_NAMES,
)

LONGEST = 4000  # characters of a value that are looked at
ENOUGH = 20  # values from which a share says something


def _fits(pattern: str, flags: int = 0) -> Callable[[str], bool]:
    compiled = re.compile(pattern, flags | re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


is_email = _fits(r"[^\s@,;<>\"']{1,64}@[\w-]+(\.[\w-]+)+")
is_mac = _fits(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}|[0-9a-f]{4}(\.[0-9a-f]{4}){2}", re.IGNORECASE)
is_url = _fits(r"(https?|ftp)://\S+|www\.\S+\.\S+", re.IGNORECASE)
is_uuid = _fits(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
is_coordinates = _fits(r"-?\d{1,2}\.\d{3,},\s*-?\d{1,3}\.\d{3,}")
_PHONE = re.compile(r"\+?[\d ()./-]{6,24}( ?(x|ext\.?) ?\d{1,5})?")
_DATE_LIKE = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4}|(\d{1,3}\.){3}\d{1,3}|\d+[.]\d+")
_CARD_LENGTHS = (  # prefix of the issuer, lengths of its numbers
    (r"4", (13, 16, 19)),
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),
    (r"3[47]", (15,)),
    (r"30[0-5]|36|38|39", (14, 16, 19)),
    (r"6011|64[4-9]|65|35|62", (16, 17, 18, 19)),
    (r"5[0678]|6[37]", (12, 13, 14, 15, 16, 17, 18, 19)),
)


def is_phone(value: str) -> bool:
    """Written as a phone number: an international prefix, a leading zero or groups. Plain numbers are no phones."""
    digits = sum(char.isdigit() for char in value)
    if not 7 <= digits <= 17 or _DATE_LIKE.fullmatch(value) or not _PHONE.fullmatch(value):
        return False
    return value[0] in "+(0" or len(re.findall(r"\d+", value)) in (3, 4)


def luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def is_card(value: str) -> bool:
    digits = re.sub(r"[ -]", "", value)
    if not re.fullmatch(r"[0-9]{12,19}", digits) or len(set(digits)) == 1:
        return False
    return luhn(digits) and any(re.match(start, digits) and len(digits) in lengths for start, lengths in _CARD_LENGTHS)


def is_iban(value: str) -> bool:
    text = value.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", text):
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def shaped_iban(value: str) -> bool:
    return re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", value.replace(" ", "").upper()) is not None


def is_us_ssn(value: str) -> bool:
    found = re.fullmatch(r"([0-9]{3})-([0-9]{2})-([0-9]{4})", value)
    return found is not None and found[1] not in ("000", "666") and found[1] < "900" and found[2] != "00" and found[3] != "0000"


def is_de_tax(value: str) -> bool:
    """Steuer-Identifikationsnummer: one or two digits repeat, the last one is ISO 7064 MOD 11,10."""
    digits = re.sub(r"[ /]", "", value)
    if not re.fullmatch(r"[1-9][0-9]{10}", digits) or max(Counter(digits[:10]).values()) not in (2, 3):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def is_fr_nir(value: str) -> bool:
    text = value.replace(" ", "").upper()
    if not re.fullmatch(r"[1-478][0-9]{2}[0-9]{2}(2[AB]|[0-9]{2})[0-9]{8}", text):
        return False
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(number) % 97 == int(text[13:])


def is_es_dni(value: str) -> bool:
    text = re.sub(r"[ -]", "", value).upper()
    if not re.fullmatch(r"[0-9XYZ][0-9]{7}[A-Z]", text):
        return False
    number = {"X": "0", "Y": "1", "Z": "2"}.get(text[0], text[0]) + text[1:8]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[8]


def is_pl_pesel(value: str) -> bool:
    if not re.fullmatch(r"[0-9]{11}", value):
        return False
    month, day = int(value[2:4]) % 20, int(value[4:6])
    total = sum(int(digit) * weight for digit, weight in zip(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)))
    return 1 <= month <= 12 and 1 <= day <= 31 and (10 - total % 10) % 10 == int(value[10])


def is_it_fiscal(value: str) -> bool:
    return re.fullmatch(r"[A-Z]{6}[0-9]{2}[ABCDEHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]", value.upper()) is not None


def is_uk_nino(value: str) -> bool:
    return re.fullmatch(r"[A-CEGHJ-PR-TW-Z]{2}[0-9]{6}[A-D]", value.replace(" ", "").upper()) is not None


def is_ip(value: str) -> bool:
    if "." not in value and ":" not in value:
        return False
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return False
    return True


def _names(value: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", value.casefold())


def is_first_name(value: str) -> bool:
    words = _names(value)
    return 1 <= len(words) <= 2 and words[0] in FIRST_NAMES


def is_last_name(value: str) -> bool:
    words = _names(value)
    return 1 <= len(words) <= 2 and words[-1] in LAST_NAMES


def is_name(value: str) -> bool:
    words = _names(value)
    if not 2 <= len(words) <= 5 or re.search(r"[\d@/{}\[\]:]", value):
        return False
    return any(word in FIRST_NAMES for word in words) or any(word in LAST_NAMES for word in words)


def is_city(value: str) -> bool:
    return value.strip().casefold() in CITIES


_STREET = re.compile(
    r"\d+[a-z]?,? .*\b(street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|way|boulevard|blvd|square|terrace|place|pl|rue|chemin)\b\.?.*"
    r"|.*(stra(ß|ss)e|str\.|weg|platz|gasse|allee|ufer|damm|straat|laan) ?\d+.*"
    r"|(rue|avenue|boulevard|via|viale|calle|plaza|ul\.|ulica|rua|avenida|c/) ?.+",
    re.IGNORECASE,
)


def is_street(value: str) -> bool:
    return len(value) <= 120 and _STREET.fullmatch(value) is not None


def is_postcode(value: str) -> bool:
    shapes = (
        r"[0-9]{5}(-[0-9]{4})?|[0-9]{4} ?[A-Z]{2}|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|[0-9]{2}-[0-9]{3}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]|[0-9]{3} [0-9]{2}"
    )
    return re.fullmatch(shapes, value.upper()) is not None


def parsed_date(value: str) -> Any:
    found = re.match(r"(\d{4})-(\d\d)-(\d\d)", value) or re.fullmatch(r"(?P<d>\d{1,2})[./](?P<m>\d{1,2})[./](?P<y>\d{4})", value)
    if not found:
        return None
    year, month, day = (found["y"], found["m"], found["d"]) if "y" in found.groupdict() else found.groups()[:3]
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None


def is_secret(value: str) -> bool:
    if re.match(r"(sk|pk|rk)_(live|test)_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA[0-9A-Z]{12}|eyJ[\w-]+\.[\w-]+\.|-----BEGIN|hv[sb]\.", value):
        return True
    if re.match(r"\$(2[aby]|5|6|y|argon2\w*|pbkdf2[\w-]*|scrypt)\$|(pbkdf2|bcrypt|argon2|scrypt)_?\w*\$|\{SSHA", value):
        return True
    return re.fullmatch(r"[\w+/=.-]{20,}", value) is not None and not is_uuid(value) and entropy(value) >= 3.2 and bool(re.search(r"\d", value))


def entropy(value: str) -> float:
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())


_INSIDE = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+|\+\d[\d ()/-]{7,}\d|\b(\d{1,3}\.){3}\d{1,3}\b|\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b|\b\d{3}-\d{2}-\d{4}\b|\b(?:\d[ -]?){13,19}\b"
)


def has_personal(value: str) -> bool:
    """A value inside of a longer text."""
    if _INSIDE.search(value):
        return True
    words = re.findall(r"[^\W\d_]+", value)
    return any(a.istitle() and b.istitle() and a.casefold() in FIRST_NAMES and b.casefold() in LAST_NAMES for a, b in zip(words, words[1:]))


def is_prose(value: str) -> bool:
    return len(re.findall(r"[^\W\d_]{2,}", value)) >= 4


def is_json(value: str) -> bool:
    if value[:1] not in "{[":
        return False
    try:
        return isinstance(json.loads(value), (dict, list))
    except ValueError:
        return False


def is_code(value: str) -> bool:
    return value.casefold() in CODES


def is_letters_code(value: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,23}", value) is not None


DETECTORS: dict[str, Callable[[str], bool]] = {
    "email": is_email,
    "phone": is_phone,
    "card": is_card,
    "iban": is_iban,
    "iban_shape": shaped_iban,
    "us_ssn": is_us_ssn,
    "de_tax": is_de_tax,
    "fr_nir": is_fr_nir,
    "es_dni": is_es_dni,
    "pl_pesel": is_pl_pesel,
    "it_fiscal": is_it_fiscal,
    "uk_nino": is_uk_nino,
    "ip": is_ip,
    "mac": is_mac,
    "url": is_url,
    "uuid": is_uuid,
    "coordinates": is_coordinates,
    "first_name": is_first_name,
    "last_name": is_last_name,
    "name": is_name,
    "city": is_city,
    "street": is_street,
    "postcode": is_postcode,
    "secret": is_secret,
    "personal_inside": has_personal,
    "prose": is_prose,
    "json": is_json,
    "code": is_code,
    "digits": _fits(r"[-+]?[\d.,' ]+%?"),
    "date": lambda value: parsed_date(value) is not None,
}


class Profile(NamedTuple):
    """Numbers about a sample. Safe to show: it holds no value."""

    values: int  # sampled values that aren't NULL or blank
    distinct: int
    hits: dict[str, int]  # per detector: values that pass
    longest: int
    ages: int = 0  # dates that make a person of 0 to 110 years
    adults: int = 0  # of those, 16 or more years ago

    def share(self, detector: str) -> float:
        return self.hits.get(detector, 0) / self.values if self.values else 0.0


def profile(values: Iterable[Any], *, today: datetime.date) -> Profile:
    found = [(value, _text(value)) for value in values if value is not None]
    texts = [text for _value, text in found if text]
    hits = {name: passed for name, passed in ((name, sum(map(test, texts))) for name, test in DETECTORS.items()) if passed}
    hits["flag"] = sum(isinstance(value, bool) for value, _text in found)
    hits["number"] = sum(isinstance(value, (int, float)) for value, _text in found) - hits["flag"]
    days = [found for found in map(parsed_date, texts) if found] if hits.get("date") else []
    years = [(today - day).days / 365.25 for day in days]
    return Profile(
        values=len(texts),
        distinct=len(set(texts)),
        hits=hits,
        longest=max(map(len, texts), default=0),
        ages=sum(0 <= age <= 110 for age in years),
        adults=sum(16 <= age <= 110 for age in years),
    )


def _text(value: Any) -> str:
    return str(value).strip()[:LONGEST]


def leaves(documents: Iterable[Any]) -> dict[str, list[Any]]:
    """Scalars of JSON documents by path; elements of arrays share the path [*]."""
    found: dict[str, list[Any]] = {}

    def walk(place: str, node: Any) -> None:
        if isinstance(node, dict):
            for key, child in node.items():
                walk(place + step(key), child)
        elif isinstance(node, list):
            for child in node:
                walk(place + "[*]", child)
        else:
            found.setdefault(place, []).append(node)

    for document in documents:
        walk("$", document)
    return found


def step(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace("'", "\\'")
    return f".{key}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) else f"['{escaped}']"


def parsed(values: Sequence[Any]) -> list[Any]:
    documents = []
    for value in values:
        try:
            documents.append(json.loads(value) if isinstance(value, str) else value)
        except ValueError:
            continue
    return documents
