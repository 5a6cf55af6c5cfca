# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the demo shop's database with made-up customers and orders, the same for the same seed.

Nobody in it exists: names are drawn from lists, telephone numbers and e-mail domains are reserved ones.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import psycopg
from psycopg import sql


def _words(text: str) -> list[str]:
    return text.split()


FIRST = _words(
    "Ada Aisha Aleksander Alice Amelia Anika Anna Anton Astrid Beatriz Ben Bruno Camille Carla Chiara "
    "Clara Daan Daniel David Elena Elias Emil Emma Enzo Eva Farah Felix Femke Finn Fiona Frida Giulia "
    "Greta Hana Hannah Hugo Ida Ines Iris Ivan Jakob Jana Jan Jasmin João Jonas Julia Kai Karin "
    "Katarzyna Lars Laura Lea Leon Lena Liam Lina Lotte Louis Lucía Luca Luis Lukas Maja Marek Maria "
    "Marta Mateo Matilde Max Mia Mila Mohamed Nadia Nils Nina Noah Nora Olga Oskar Paul Petra Pierre "
    "Rafael Rania Rosa Sara Selma Simon Sofia Stefan Sven Teresa Theo Tomás Ursula Vera Viktor Yara "
    "Zoé"
)
LAST = _words(
    "Andersson Bakker Bauer Becker Bernard Bianchi Björk Blanc Braun Castro Colombo Costa da-Silva "
    "De-Jong Delgado Dubois Durand Eriksen Esposito Fernández Ferrari Fischer Fontana Fournier García "
    "Girard Gómez Graf Gruber Haas Hansen Hartmann Hoffmann Horváth Huber Ivanova Jansen Janssen "
    "Jensen Johansson Jung Kaiser Keller Klein Koch König Kovács Kowalski Krause Lambert Lang Larsen "
    "Laurent Lehmann Leroy Lindberg López Lund Maier Marino Martin Martínez Meyer Moreau Moreno "
    "Moretti Müller Navarro Nielsen Novák Nowak Okafor Olsen Pereira Petersen Peeters Pham Ricci "
    "Richter Rodríguez Romano Rossi Roux Ruiz Santos Schmid Schmidt Schneider Schulz Schwarz Silva "
    "Simon Smit Sørensen Torres van-Dijk Vargas Vasseur Vidal Visser Vogel Wagner Weber Weiß Werner "
    "Wolf Wójcik Yilmaz Zimmermann"
)
STREETS = {
    "DE": _words("Hauptstraße Bahnhofstraße Gartenweg Lindenallee Schulstraße Am-Markt Mühlenweg Rosenstraße"),
    "FR": _words("rue-Victor-Hugo rue-de-la-Paix avenue-Foch place-du-Marché rue-des-Lilas boulevard-Voltaire"),
    "NL": _words("Dorpsstraat Kerkstraat Molenweg Prinsengracht Julianalaan Stationsweg Wilgenlaan"),
    "ES": _words("calle-Mayor calle-Real avenida-del-Sol plaza-España calle-del-Carmen paseo-Marítimo"),
}
# country: (IBAN length, cities with the first digits of their postcode, digits of a postcode, dialling code)
COUNTRIES: dict[str, tuple[int, list[tuple[str, str]], int, str]] = {
    "DE": (22, [("Berlin", "10"), ("Hamburg", "20"), ("München", "80"), ("Köln", "50"), ("Leipzig", "04")], 5, "+49"),
    "FR": (27, [("Paris", "75"), ("Lyon", "69"), ("Lille", "59"), ("Nantes", "44"), ("Marseille", "13")], 5, "+33"),
    "NL": (18, [("Amsterdam", "10"), ("Utrecht", "35"), ("Rotterdam", "30"), ("Eindhoven", "56")], 4, "+31"),
    "ES": (24, [("Madrid", "28"), ("Barcelona", "08"), ("Sevilla", "41"), ("Valencia", "46")], 5, "+34"),
}
PRODUCTS = [
    ("MUG-01", "Stoneware mug", 1290),
    ("TEA-07", "Green tea, 250 g", 890),
    ("LMP-22", "Desk lamp", 5900),
    ("NTB-03", "Notebook, dotted", 650),
    ("PEN-11", "Fountain pen", 3450),
    ("BAG-05", "Canvas bag", 1990),
    ("BTL-09", "Water bottle", 2450),
    ("CHR-31", "Reading chair", 24900),
    ("BLK-14", "Wool blanket", 7900),
    ("CND-02", "Beeswax candle", 1150),
]
NOTES = [
    "Prefers deliveries after 18:00.",
    "Asked for paper invoices.",
    "Parcel may be left with {neighbour}.",
    "Called {phone} twice about order status.",
    "Birthday voucher sent to {email}.",
    "Moved in spring; old address is still on file.",
]
STATUSES = ("placed", "paid", "shipped", "shipped", "shipped", "shipped", "returned")
FIRST_ORDER = datetime(2024, 1, 1, tzinfo=timezone.utc)
DAYS = 700

CUSTOMER_COLUMNS = _words("id name email phone street city postcode country birth_date iban notes created_at")
ORDER_COLUMNS = _words("id customer_id status amount currency ship_name ship_city placed_at")
ITEM_COLUMNS = _words("id order_id sku title quantity unit_price")
ASCII = str.maketrans({"ã": "a", "á": "a", "à": "a", "é": "e", "í": "i", "ó": "o", "ö": "oe", "ø": "oe", "ü": "ue", "ß": "ss"})


def iban(country: str, number: int) -> str:
    """A number with valid check digits (ISO 13616); the account part is digits, which NL does not use in truth."""
    length = COUNTRIES[country][0]
    bank = "DEMO" if country == "NL" else ""
    account = bank + str(number).rjust(length - 4 - len(bank), "0")
    digits = "".join(str(int(letter, 36)) for letter in account + country + "00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


def customers(seed: int, count: int) -> Iterator[tuple[Any, ...]]:
    draw = random.Random(f"customers {seed}")  # a string seeds the same on every Python
    countries = list(COUNTRIES)
    born = date(1940, 1, 1).toordinal()
    for number in range(1, count + 1):
        first, last = draw.choice(FIRST), draw.choice(LAST).replace("-", " ")
        country = draw.choices(countries, (5, 3, 2, 2))[0]
        _length, cities, width, dialling = COUNTRIES[country]
        city, prefix = draw.choice(cities)
        postcode = prefix + str(draw.randrange(10 ** (width - 2))).rjust(width - 2, "0")
        if country == "NL":
            postcode += " " + "".join(draw.choices("ABCDEFGHJKLMNPRSTUVWXZ", k=2))
        street = f"{draw.choice(STREETS[country]).replace('-', ' ')} {draw.randrange(1, 180)}"
        mailbox = f"{first}.{last.replace(' ', '')}".lower().translate(ASCII)
        email = f"{mailbox}{number}@example.{draw.choice(('com', 'net', 'org'))}"
        phone = f"{dialling} 555 01{draw.randrange(100):02d} {draw.randrange(10_000):04d}"
        note = None
        if draw.random() < 0.2:
            note = draw.choice(NOTES).format(neighbour=draw.choice(LAST).replace("-", " "), phone=phone, email=email)
        yield (
            number,
            f"{first} {last}",
            email,
            phone,
            street,
            city,
            postcode,
            country,
            date.fromordinal(born + draw.randrange(24_800)),
            iban(country, draw.randrange(10**9, 10**10)),
            note,
            FIRST_ORDER - timedelta(minutes=draw.randrange(500_000)),
        )


def orders(seed: int, count: int, people: list[tuple[str, str]]) -> Iterator[tuple[tuple[Any, ...], list[tuple[Any, ...]]]]:
    """Each order with its items; people[i] is name and city of customer i + 1."""
    draw = random.Random(f"orders {seed}")
    step = DAYS * 86_400 / max(count, 1)
    for number in range(1, count + 1):
        # Some customers come back often: the square favours low numbers.
        buyer = int(len(people) * draw.random() ** 1.6)
        items, cents = [], 0
        for _line in range(draw.choice((1, 1, 2, 3))):
            sku, title, price = draw.choice(PRODUCTS)
            quantity = draw.choice((1, 1, 1, 2, 3))
            cents += price * quantity
            items.append((number, sku, title, quantity, f"{price // 100}.{price % 100:02d}"))
        placed = FIRST_ORDER + timedelta(seconds=int(step * number + draw.randrange(3_600)))
        name, city = people[buyer]
        amount = f"{cents // 100}.{cents % 100:02d}"
        yield (number, buyer + 1, draw.choice(STATUSES), amount, "EUR", name, city, placed), items


def _copy(cursor: psycopg.Cursor[Any], table: str, columns: list[str], rows: Any) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    count = 0
    with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), names)) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def load(connection: psycopg.Connection[Any], *, seed: int, customer_count: int, order_count: int) -> dict[str, int]:
    """All or nothing, in one transaction; gives rows per table, all 0 when data was there before."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("lock table customers in share row exclusive mode")
        if cursor.execute("select exists (select from customers)").fetchone() == (True,):
            return {"customers": 0, "orders": 0, "order_items": 0}
        rows = list(customers(seed, customer_count))
        made = {"customers": _copy(cursor, "customers", CUSTOMER_COLUMNS, rows)}
        placed = list(orders(seed, order_count, [(row[1], row[5]) for row in rows]))
        made["orders"] = _copy(cursor, "orders", ORDER_COLUMNS, (order for order, _items in placed))
        lines = enumerate((item for _order, items in placed for item in items), start=1)
        made["order_items"] = _copy(cursor, "order_items", ITEM_COLUMNS, ((number, *item) for number, item in lines))
        for table in made:
            cursor.execute(sql.SQL("select setval(pg_get_serial_sequence({}, 'id'), max(id)) from {}").format(sql.Literal(table), sql.Identifier(table)))
    connection.execute("analyze customers, orders, order_items")
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", default="", help="libpq connection string or URL; PGPASSWORD and its like work too")
    for name in ("host", "port", "dbname", "user"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--seed", type=int, default=20_260_101)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--orders", type=int, default=150_000)
    chosen = parser.parse_args()
    parts = {key: getattr(chosen, key) for key in ("host", "port", "dbname", "user") if getattr(chosen, key)}
    started = time.monotonic()
    try:
        with psycopg.connect(chosen.dsn, autocommit=True, connect_timeout=10, **parts) as connection:
            made = load(connection, seed=chosen.seed, customer_count=chosen.customers, order_count=chosen.orders)
    except psycopg.Error as error:
        print(f"seed: {str(error).strip()}", file=sys.stderr)
        return 1
    if not made["customers"]:
        print("customers are there already: nothing done")
    else:
        print(", ".join(f"{count} {table}" for table, count in made.items()), f"in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
