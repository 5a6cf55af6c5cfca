# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[3] / "demo"


def _load(name):
    spec = importlib.util.spec_from_file_location(f"demo_{name}", DEMO / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def seed():
    pytest.importorskip("psycopg")
    return _load("seed")


def test_same_seed_same_people_and_another_seed_others(seed):
    assert list(seed.customers(7, 200)) == list(seed.customers(7, 200))
    assert list(seed.customers(7, 200)) != list(seed.customers(8, 200))


def test_a_longer_list_begins_with_the_shorter_one(seed):
    assert list(seed.customers(7, 300))[:100] == list(seed.customers(7, 100))


def test_emails_are_unique_and_in_reserved_domains(seed):
    emails = [row[2] for row in seed.customers(1, 2000)]
    assert len(set(emails)) == 2000
    assert all(email.isascii() and ("@example." in email) for email in emails)


def test_ibans_have_valid_check_digits_and_lengths(seed):
    for row in seed.customers(1, 500):
        country, iban = row[7], row[9]
        assert len(iban) == seed.COUNTRIES[country][0]
        assert int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1


def test_orders_belong_to_known_customers_and_add_up(seed):
    people = [(row[1], row[5]) for row in seed.customers(1, 50)]
    for order, items in seed.orders(1, 500, people):
        number, customer, _status, amount, _currency, name, city, _placed = order
        assert (name, city) == people[customer - 1]
        assert {item[0] for item in items} == {number}
        assert round(float(amount) * 100) == sum(round(float(item[4]) * 100) * item[3] for item in items)
