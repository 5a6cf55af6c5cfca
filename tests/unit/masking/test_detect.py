# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._masking import detect_values as values
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect import assess, json_entry
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_facts import keys_of, look, overlaps, thinning
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_names import by_comment, by_name, words_of
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_propose import Facts, propose, removals
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_render import additions, merged, render, scalar
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, ForeignKey

TODAY = datetime.date(2026, 6, 1)


@pytest.mark.parametrize(
    ("detector", "good", "bad"),
    [
        ("email", ["a@b.co", "x.y+z@mail.example.org"], ["a@b", "@b.co", "a b@c.de", "a@b.co, c@d.co"]),
        ("phone", ["+49 30 1234567", "(030) 123-4567", "0171 1234567", "555-123-4567"], ["12345", "1234567", "2026-01-01", "10.0.0.12", "1.5"]),
        ("card", ["4111 1111 1111 1111", "5555555555554444", "378282246310005"], ["4111111111111112", "1234567890123", "0000000000000000"]),
        ("iban", ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"], ["DE89370400440532013001", "DE89"]),
        ("us_ssn", ["123-45-6789"], ["000-45-6789", "666-45-6789", "900-45-6789", "123456789"]),
        ("de_tax", ["86095742719", "47036892816"], ["86095742718", "12345678901"]),
        ("fr_nir", ["255081416802538"], ["255081416802539"]),
        ("es_dni", ["12345678Z", "X1234567L"], ["12345678A"]),
        ("pl_pesel", ["44051401359"], ["44051401358"]),
        ("it_fiscal", ["RSSMRA85T10A562S"], ["RSSMRA85T10A562"]),
        ("uk_nino", ["AB123456C"], ["QQ12345C"]),
        ("ip", ["10.0.0.1", "2001:db8::1", "10.0.0.0/8"], ["10.0.0", "300.1.1.1", "12"]),
        ("mac", ["00:1b:44:11:3a:b7", "001b.4411.3ab7"], ["00:1b:44:11:3a"]),
        ("url", ["https://a.example/x"], ["a.example"]),
        ("uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]),
        ("secret", ["ghp_0123456789abcdefghij", "$2b$12$abcdefghijklmnopqrstuv", "AKIAIOSFODNN7EXAMPLE"], ["hello", "a sentence with words"]),
        ("street", ["12 High Street", "Lange Straße 5", "rue de la Paix"], ["streetwise", "hello"]),
        ("postcode", ["12345", "SW1A 1AA", "1234 AB", "00-950"], ["1234567", "abc"]),
        ("name", ["Anna Schmidt", "Dr. Peter Unknownname"], ["Anna", "4 Anna Smith", "lorem ipsum dolor"]),
        ("personal_inside", ["mail me at a@b.co", "call +49 30 1234567 now", "ask Anna Schmidt"], ["the box was late"]),
        ("json", ['{"a": 1}', "[1]"], ["{a", "1", "x"]),
    ],
)
def test_detectors(detector: str, good: list[str], bad: list[str]) -> None:
    test = values.DETECTORS[detector]
    assert [value for value in good if not test(value)] == []
    assert [value for value in bad if test(value)] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("workEmail", "email"),
        ("CUSTOMER_EMAIL", "email"),
        ("telefonnummer", "phone"),
        ("geburtsdatum", "birth_date"),
        ("Straße", "street"),
        ("codigo_postal", "postcode"),
        ("created_at", "time"),
        ("shipToName", "name"),
        ("password", "secret"),
        ("blood_type", "sensitive"),
        ("order_total", "amount"),
        ("xyz", ""),
    ],
)
def test_names(name: str, kind: str) -> None:
    assert by_name(name).kind == kind


def test_words() -> None:
    assert words_of("shipToName") == words_of("SHIP-TO-NAME") == "_ship_to_name_"
    assert words_of("HTTPRequest2") == "_http_request2_"


def test_the_name_of_a_thing_is_no_person() -> None:
    assert by_name("name", table="public.products").kind == "product"
    assert by_name("name", table="public.customers").kind == "name"


def test_comments() -> None:
    assert by_comment("E-mail of the contact").kind == "email"
    assert by_comment("personal data").kind == "sensitive"
    assert by_comment("nothing special") == by_comment("")


def test_no_value_is_kept_of_a_sample() -> None:
    seen = look([Column("c", "text", not_null=False)], {"c": ["secret@mail.example"] * 30}, today=TODAY)
    assert "secret" not in repr(seen)
    assert seen.profiles["c"].share("email") == 1.0


def test_a_number_that_passes_luhn_isnt_a_key() -> None:
    cards = look([Column("id", "bigint", not_null=True)], {"id": ["4111111111111111", "5555555555554444", "378282246310005"] * 10}, today=TODAY)
    assert assess(Column("id", "bigint", not_null=True, key=1), cards.profiles["id"]).personal


def test_documents() -> None:
    column = Column("doc", "jsonb", not_null=False)
    documents = ['{"a": {"mail": "x%d@y.example"}, "items": [{"owner name": "Anna Schmidt", "n": 1, "ok": true}]}' % number for number in range(30)]
    seen = look([column], {"doc": documents}, today=TODAY)
    found = json_entry(seen.leaves["doc"])
    assert found is not None
    paths = found[0]["paths"]
    assert paths["$.a.mail"] == {"mask": "email"}
    assert paths["$.items[*]['owner name']"] == {"mask": "name"}
    assert "keep" in paths["$.items[*].ok"]
    assert found[0]["others"] == {"mask": "redact"}
    assert propose(Facts({"public.t": [column]}, leaves={("public.t", "doc"): seen.leaves["doc"]}), name="t").open == []


@pytest.mark.parametrize(("path", "keys"), [("$.a.b", ["a", "b"]), ("$['a b'].c", ["a b", "c"]), ("$.a['it\\'s']", ["a", "it's"])])
def test_keys_of_a_path(path: str, keys: list[str]) -> None:
    assert keys_of(path) == keys


def test_overlaps_are_compared_at_the_coarser_thinning() -> None:
    here, there = ("t", "a"), ("u", "b")
    found = overlaps({here: (1, set(range(100))), there: (4, set(range(0, 100, 4)))})
    assert found == [(here, there, 25, 25)]
    assert overlaps({here: (1, {1, 2, 3}), there: (1, {1, 2, 3})}) == []
    assert (thinning(100), thinning(1_000_000)) == (1, 16)


CATALOG: dict[str, list[Column]] = {
    "public.users": [
        Column("id", "bigint", not_null=True, unique="alone", key=1),
        Column("email", "text", not_null=True, unique="alone"),
        Column("phone", "text", not_null=False, unique="alone"),
        Column("name", "varchar(12)", not_null=True),
    ],
    "public.posts": [
        Column("id", "bigint", not_null=True, unique="alone", key=1),
        Column("user_id", "bigint", not_null=True),
        Column("code", "text", not_null=True),
        Column("schema_version", "integer", not_null=True),
    ],
    "public.flyway_schema_history": [Column("installed_rank", "integer", not_null=True)],
}
KEYS = [ForeignKey("k", "public.posts", ("user_id",), "public.users", ("id",))]


def test_a_copy_by_value_takes_the_mask_of_its_original() -> None:
    facts = Facts(CATALOG, KEYS, overlaps=[(("public.posts", "code"), ("public.users", "email"), 90, 100)])
    found = propose(facts, name="p")
    assert found.open == []
    assert found.policy["tables"]["public.posts"]["columns"]["code"] == {"mask": "email", "domain": "email"}
    assert "90 of 100 hashed values of public.posts.code also stand in public.users.email" in found.guesses["public.posts"]["code"].evidence


def test_unique_and_short_columns_get_what_suits_them() -> None:
    columns = propose(Facts(CATALOG, KEYS), name="p").policy["tables"]["public.users"]["columns"]
    assert columns["phone"]["unique"] is True
    assert columns["name"]["mask"] not in ("name", "token")


def test_a_policy_is_completed_and_else_left_alone() -> None:
    first = propose(Facts(CATALOG, KEYS), name="p")
    text = render(first).replace("      email:", "      # decided in May\n      email:")
    grown: dict[str, Any] = {table: list(columns) for table, columns in CATALOG.items()}
    grown["public.users"] = [*grown["public.users"][:-1], Column("second_mail", "text", not_null=False)]
    grown["public.new"] = [Column("iban", "text", not_null=False)]
    del grown["public.flyway_schema_history"]
    second = propose(Facts(grown, KEYS), name="ignored", existing=first.policy)
    assert second.open == []
    assert removals(first.policy, grown) == ["public.users.name", "skip: public.flyway_schema_history"]
    assert "      second_mail: {mask: email" in "\n".join(additions(first.policy, second))
    after = merged(text, first.policy, second)
    assert yaml.safe_load(after) == second.policy
    assert "# decided in May" in after
    third = propose(Facts(grown, KEYS), name="p", existing=second.policy)
    assert third.policy == second.policy


@pytest.mark.parametrize("value", ["yes", "no", "null", "1.5", "a: b", "# x", "", " x", "it's", "ü", "{a}", "$.a[*]", "- a", "*x", "a #b"])
def test_scalars_survive_yaml(value: str) -> None:
    assert yaml.safe_load(f"a: {scalar(value)}") == {"a": value}
