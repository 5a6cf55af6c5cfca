# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns of a business as people name them, with values of their kind, and whether they are personal."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_values import luhn

FIRST = [
    "Anna", "Boris", "Claire", "Dmitri", "Elena", "Farid", "Greta", "Henry", "Ines", "Jonas",
    "Karin", "Liam", "Maria", "Nora", "Oscar", "Paula", "Quentin", "Rosa", "Stefan", "Teresa",
]  # fmt: skip
LAST = [
    "Adler", "Brandt", "Cohen", "Duval", "Evans", "Fischer", "Garcia", "Huber", "Ivanov", "Jansen",
    "Kowalski", "Lopez", "Meyer", "Nguyen", "Olsen", "Peters", "Quast", "Rossi", "Schmidt", "Tanaka",
]  # fmt: skip
TOWNS = [
    "Aachen", "Berlin", "Cork", "Dresden", "Exeter", "Florence", "Ghent", "Hamburg", "Izmir", "Jena",
    "Krakow", "Lyon", "Madrid", "Nantes", "Oslo", "Porto",
]  # fmt: skip
R = random.Random(7)


def digits(length: int) -> str:
    return "".join(R.choice("0123456789") for _ in range(length))


def card() -> str:
    start = "4" + digits(14)
    return next(start + end for end in "0123456789" if luhn(start + end))


def iban() -> str:
    account = digits(18)
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def pesel() -> str:
    start = f"{R.randint(40, 99)}{R.randint(1, 12):02d}{R.randint(1, 28):02d}{digits(4)}"
    total = sum(int(digit) * weight for digit, weight in zip(start, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return start + str((10 - total % 10) % 10)


def dni() -> str:
    number = R.randint(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def nir() -> str:
    number = f"{R.choice('12')}{R.randint(40, 99)}{R.randint(1, 12):02d}{R.randint(1, 95):02d}{digits(6)}"
    return f"{number}{97 - int(number) % 97:02d}"


def steuer_id() -> str:
    order = R.sample("0123456789", 9)
    if order[0] == "0":
        order.reverse()
    first = "".join(order) + order[-1]
    product = 10
    for digit in first:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return first + str((11 - product) % 10)


def person() -> str:
    return f"{R.choice(FIRST)} {R.choice(LAST)}"


def email() -> str:
    return f"{R.choice(FIRST)}.{R.choice(LAST)}{R.randint(1, 999)}@mail.example".lower()


def date(first: int, last: int) -> str:
    return f"{R.randint(first, last)}-{R.randint(1, 12):02d}-{R.randint(1, 28):02d}"


def hexed(length: int) -> str:
    return "".join(R.choice("0123456789abcdef") for _ in range(length))


def uuid() -> str:
    return f"{hexed(8)}-{hexed(4)}-4{hexed(3)}-8{hexed(3)}-{hexed(12)}"


def ip() -> str:
    return ".".join(str(R.randint(1, 250)) for _ in range(4))


def phone() -> str:
    return f"+49 {R.randint(30, 99)} {R.randint(1000000, 9999999)}"


def street() -> str:
    return f"{R.randint(1, 200)} {R.choice(LAST)} Street"


def text() -> str:
    return f"Customer called about the parcel, ask {person()} or write to {email()}"


def words() -> str:
    return " ".join(R.choice(["the", "parcel", "was", "late", "again", "and", "the", "box", "had", "a", "dent", "in", "it"]) for _ in range(8))


def of(*values: str) -> Callable[[], str]:
    return lambda: R.choice(values)


def number(low: int, high: int) -> Callable[[], str]:
    return lambda: str(R.randint(low, high))


def when() -> str:
    return f"{date(2023, 2026)} {R.randint(0, 23):02d}:{R.randint(0, 59):02d}:00+00"


class Label(NamedTuple):
    table: str
    name: str
    type: str
    make: Callable[[], Any]
    personal: bool
    not_null: bool = False


P, N = True, False
# Names that tell, names in other languages, names that mislead, and names that say nothing.
LABELS: tuple[Label, ...] = tuple(
    Label(*one)
    for one in (
        ("people", "name", "text", person, P, True),
        ("people", "first_name", "varchar(40)", of(*FIRST), P),
        ("people", "nachname", "varchar(60)", of(*LAST), P),
        ("people", "email", "varchar(120)", email, P, True),
        ("people", "workEmail", "text", email, P),
        ("people", "phone", "text", phone, P),
        ("people", "handy", "text", phone, P),
        ("people", "street", "text", street, P),
        ("people", "address_line_2", "text", street, P),
        ("people", "city", "text", of(*TOWNS), P),
        ("people", "plz", "varchar(10)", lambda: digits(5), P),
        ("people", "birth_date", "date", lambda: date(1940, 2005), P),
        ("people", "geb", "date", lambda: date(1940, 2005), P),
        ("people", "gender", "text", of("f", "m", "x"), P),
        ("people", "religion", "text", of("none", "a", "b"), P),
        ("people", "marital_status", "text", of("single", "married"), P),
        ("people", "nationality", "char(2)", of("DE", "FR", "IT"), P),
        ("people", "diagnosis", "text", of("J10", "E11", "I10"), P),
        ("people", "iban", "varchar(34)", iban, P),
        ("people", "konto", "text", iban, P),
        ("people", "card_number", "varchar(19)", card, P),
        ("people", "pan", "bigint", card, P),
        ("people", "ssn", "varchar(11)", lambda: f"{R.randint(100, 600)}-{R.randint(10, 99)}-{R.randint(1000, 9999)}", P),
        ("people", "steuer_id", "char(11)", steuer_id, P),
        ("people", "pesel", "text", pesel, P),
        ("people", "dni", "text", dni, P),
        ("people", "nir", "text", nir, P),
        ("people", "passport_no", "text", lambda: "C" + digits(8), P),
        ("people", "password_hash", "text", lambda: "$2b$12$" + hexed(53), P),
        ("people", "api_token", "text", lambda: hexed(40), P),
        ("people", "salary", "numeric(10,2)", number(20000, 90000), P),
        ("people", "avatar_url", "text", lambda: f"https://img.example/{hexed(8)}.png", P),
        ("people", "username", "text", lambda: f"{R.choice(FIRST).lower()}{R.randint(1, 99)}", P),
        ("people", "last_ip", "inet", ip, P),
        ("people", "lat", "double precision", lambda: f"{R.uniform(47, 55):.5f}", P),
        ("people", "notes", "text", text, P),
        ("people", "id", "bigint", number(1, 10**6), N, True),
        ("people", "created_at", "timestamp with time zone", when, N),
        ("people", "last_login_at", "timestamp with time zone", when, N),
        ("people", "is_active", "boolean", of("true", "false"), N),
        ("people", "newsletter", "boolean", of("true", "false"), N),
        ("people", "locale", "varchar(8)", of("de_DE", "en_US"), N),
        ("people", "country", "char(2)", of("DE", "FR", "PL"), N),
        # nothing in the name: the values alone tell
        ("legacy", "f01", "text", email, P),
        ("legacy", "f02", "text", person, P),
        ("legacy", "f03", "text", iban, P),
        ("legacy", "f04", "text", card, P),
        ("legacy", "f05", "text", phone, P),
        ("legacy", "f06", "text", ip, P),
        ("legacy", "f07", "text", uuid, P),
        ("legacy", "f08", "text", lambda: f"{hexed(2)}:{hexed(2)}:{hexed(2)}:{hexed(2)}:{hexed(2)}:{hexed(2)}", P),
        ("legacy", "f09", "text", pesel, P),
        ("legacy", "f10", "text", street, P),
        ("legacy", "f11", "text", of(*LAST), P),
        ("legacy", "f12", "text", of(*TOWNS), P),
        ("legacy", "f13", "text", text, P),
        ("legacy", "f14", "text", lambda: f"ghp_{hexed(36)}", P),
        ("legacy", "f15", "date", lambda: date(1940, 2005), P),
        ("legacy", "f16", "bigint", card, P),
        ("legacy", "f17", "text", words, P),
        ("legacy", "f18", "text", lambda: f"https://{R.choice(LAST).lower()}.example/", P),
        ("legacy", "f19", "text", of("diabetic", "asthmatic", "healthy"), P),
        ("legacy", "f20", "numeric", number(10**8, 10**9), P),
        # names that mislead: the values know better
        ("orders", "status", "text", of("placed", "paid", "sent"), N),
        ("orders", "reference", "text", email, P),
        ("orders", "code", "text", iban, P),
        ("orders", "type", "text", person, P),
        ("orders", "title", "text", lambda: f"Order of {person()}", P),
        ("orders", "ship_name", "text", person, P),
        ("orders", "recipient", "text", person, P),
        ("orders", "created_by", "text", email, P),
        ("orders", "approved_by", "text", person, P),
        ("orders", "channel", "text", of("web", "phone", "email"), N),
        ("orders", "id", "bigint", number(1, 10**6), N, True),
        ("orders", "person_id", "bigint", number(1, 10**6), N),
        ("orders", "amount", "numeric(10,2)", number(1, 9000), N),
        ("orders", "tax", "numeric(10,2)", number(1, 900), N),
        ("orders", "currency", "char(3)", of("EUR", "USD"), N),
        ("orders", "quantity", "integer", number(1, 9), N),
        ("orders", "discount_percent", "smallint", number(0, 30), N),
        ("orders", "placed_at", "timestamp with time zone", when, N),
        ("orders", "shipped_on", "date", lambda: date(2024, 2026), N),
        ("orders", "tracking_number", "text", lambda: "1Z" + digits(8), N),
        ("orders", "version", "integer", number(1, 5), N),
        ("orders", "contact", "text", phone, P),
        ("orders", "complaint", "text", words, P),
        ("products", "id", "integer", number(1, 999), N, True),
        ("products", "name", "text", of("Lamp", "Table", "Chair", "Shelf"), N),
        ("products", "sku", "varchar(12)", lambda: "SKU-" + digits(6), N),
        ("products", "price", "numeric(8,2)", number(1, 400), N),
        ("products", "category", "text", of("light", "wood", "office"), N),
        ("products", "weight", "integer", number(1, 900), N),
        ("products", "stock", "integer", number(0, 90), N),
        ("products", "updated_at", "timestamp without time zone", when, N),
        ("sessions", "user_agent", "text", lambda: f"Mozilla/5.0 (X11) Browser/{R.randint(80, 120)}", P),
        ("sessions", "session_id", "text", lambda: hexed(32), P),
        ("sessions", "remote_addr", "text", ip, P),
        ("sessions", "device_mac", "text", lambda: ":".join(hexed(2) for _ in range(6)), P),
        ("sessions", "external_id", "uuid", uuid, P),
        ("sessions", "duration_ms", "integer", number(1, 90000), N),
        ("sessions", "level", "text", of("info", "warning", "error"), N),
        ("sessions", "started_at", "timestamp with time zone", when, N),
        ("sessions", "score", "integer", number(1, 100), N),
        ("sessions", "retries", "integer", number(0, 4), N),
    )
)


def values(label: Label, count: int = 200) -> list[Any]:
    return [label.make() for _ in range(count)]
