# SPDX-License-Identifier: GPL-3.0-or-later
"""The library of that name is the oracle: the same answer, or an error where it has one."""

from __future__ import annotations

import json

import jmespath
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._probe.jmespath import JmespathError, search
from hypothesis import given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # text in backticks without quotes

DOCUMENT = {
    "a": {"b": {"c": [1, 2, {"d": "deep"}]}, "": "empty name", "with space": 1},
    "orders": [
        {"id": 1, "state": "paid", "items": [{"sku": "x", "n": 2}, {"sku": "y", "n": 1}], "total": 10.5},
        {"id": 2, "state": "open", "items": [], "total": 0},
        {"id": 3, "state": "paid", "items": [{"sku": "x", "n": 7}], "total": 3, "note": None},
    ],
    "nested": [[1, 2], [3, [4]], 5, None],
    "by_name": {"one": {"n": 1}, "two": {"n": 2}, "three": "text"},
    "true": True,
    "zero": 0,
    "empty": [],
    "text": "hello",
    "numbers": [3, -1, 2.5],
    "words": ["b", "a", "c"],
    "mixed": [1, "a", True],
}
EXPRESSIONS = """
a.b.c | a.b.c[2].d | a."" | a."with space" | missing.deeper | a.b.c[0] | a.b.c[-1] | a.b.c[9] | a.b.c[-9] | text[0] | "a"."b" | "\\u0061"
orders[*].id | orders[].items[].sku | orders[*].items[*].sku | orders[*].items[].n | orders[?state=='paid'].id | orders[?total > `2`].id
orders[?items].id | orders[?!items].id | orders[?state=='paid' && total>`5`] | orders[?state=='none' || id==`2`].id | orders[0:2].id | orders[::-1].id
orders[1:].state | orders[-1:] | orders[:5:2].id | orders[5:1]
orders[*].[id, state] | orders[*].{n: id, s: state} | orders[*].note | orders[?note==null].id
nested[] | nested[][] | nested[*][0] | nested[][0] | by_name.* | by_name.*.n | *.b | *[0]
by_name.*.n.x | @ | @.text | text.@ | [text, zero] | [*] | [0] | [::2]
{t: text, z: zero} | {"quoted key": text} | text.[@, @] | missing.[a]
missing.{a: b} | (a).b | (orders[*].id)[0] | orders[*].id[0] | orders[*].id ^ [0]
true && text | zero && text | empty || text | empty && text | !zero | !empty
!!text | !missing | zero || text | true == `1` | zero == `false` | zero == `0`
text == 'hello' | text != 'hello' | text < 'z' | zero < `1` | zero <= `0` | true < `2`
`[1]` == `[1]` | `{"a": 1}`.a | `foo` | `"foo"` | '' | 'it\\'s'
length(text) | length(orders) | length(a) | length(zero) | keys(a) | values(by_name)
sort(words) | sort(numbers) | sort(mixed) | sort(empty) | max(numbers) | min(words)
max(empty) | max(mixed) | sum(numbers) | sum(empty) | sum(words) | avg(numbers)
avg(empty) | abs(`-3`) | ceil(`1.2`) | floor(`-1.2`) | join(',', words) | join(',', numbers)
contains(text, 'ell') | contains(words, 'a') | contains(mixed, `1`) | contains(zero, 'a')
starts_with(text, 'he') | ends_with(text, 'he') | reverse(text) | reverse(words)
to_string(a) | to_string(text) | to_string(zero) | to_number('12') | to_number('1.5')
to_number('x') | to_number(true) | to_number(numbers) | to_array(text) | to_array(words)
type(text) | type(zero) | type(true) | type(missing) | type(a) | type(words)
not_null(missing, text) | not_null(missing) | not_null() | merge(a, by_name) | merge() | merge(a, text)
sort_by(orders, &total)[*].id | sort_by(orders, &state)[*].id | sort_by(orders, &note)
sort_by(empty, &a) | max_by(orders, &total).id | min_by(orders, &total).id
max_by(orders, &items) | max_by(empty, &a) | map(&id, orders) | map(&note, orders)
map(&@, numbers) | map(id, orders) | orders[?contains(state, 'pa')].id | orders[*].length(items)
orders[].to_string(id) | a.keys(@) | length() | length(a, a) | nosuch(a) | abs(text) | orders[?length(items) > `1`] ^ [0].items[?n > `1`].sku ^ [0]
a. | .a | a..b | a b | [ | ] | a[ | a[b] | a['x'] | a[] | a[*].b[] | orders[?] | orders[?
{a | {a:} | {} | [a,] | (a | a) | a.1 | "a | 'a | `a | a = b | a & b | #
"a"(b) | & | &a | * | *.* | *.*.* | ** | a.* | a.*.* | a[1:2:3:4] | a[1 2] | orders[::0] | !
a || | || a | a ^ ^ b | @@ | a@ | -1 | 1 | `1` | a-b | a[-0] | a . b | a [ 0 ] | nested [ ] [ 0 ]
"""
TABLE = sorted({part.strip().replace("^", "|") for line in EXPRESSIONS.strip().splitlines() for part in line.split(" | ")})


def reference(expression: str, document: object) -> object:
    """What the library says; JMESPathError stands for any refusal. It lets a reference (&a) through as a value, which is none."""
    try:
        found = jmespath.search(expression, document)
    except (JMESPathError, ValueError):
        return JmespathError
    return JmespathError if type(found).__name__ == "_Expression" else found


def ours(expression: str, document: object) -> object:
    try:
        return search(expression, document)
    except JmespathError:
        return JmespathError


def same(left: object, right: object) -> bool:
    if left is JmespathError or right is JmespathError:
        return left is right
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@pytest.mark.parametrize("expression", TABLE)
def test_the_library_says_the_same(expression: str) -> None:
    assert same(ours(expression, DOCUMENT), reference(expression, DOCUMENT)), (ours(expression, DOCUMENT), reference(expression, DOCUMENT))


NAMES = st.sampled_from(["a", "b", "c", '"a b"', "orders", "id"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c", "a b", "id"]), inner, max_size=4),
    max_leaves=12,
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    sign = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    single = st.sampled_from(
        ["length", "keys", "values", "sort", "max", "min", "sum", "avg", "to_array", "to_number", "to_string", "type", "reverse", "not_null", "abs"]
    )
    by = st.sampled_from(["sort_by", "max_by", "min_by"])
    return st.one_of(
        st.builds("{}.{}".format, inner, inner),
        st.builds("{}[{}]".format, inner, st.sampled_from(["0", "-1", "1:", "::-1", ":2", "*"])),
        st.builds("{}[]".format, inner),
        st.builds("{}[?{}]".format, inner, inner),
        st.builds("{} | {}".format, inner, inner),
        st.builds("({}) || {}".format, inner, inner),
        st.builds("{} && {}".format, inner, inner),
        st.builds("{} {} {}".format, inner, sign, inner),
        st.builds("!{}".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{x: {}, y: {}}}".format, inner, inner),
        st.builds("{}.*".format, inner),
        st.builds("{}({})".format, single, inner),
        st.builds("{}({}, &{})".format, by, inner, inner),
        st.builds("map(&{}, {})".format, inner, inner),
        st.builds("contains({}, {})".format, inner, inner),
        st.builds("({})".format, inner),
    )


LEAVES = NAMES | st.sampled_from(["@", "*", "`1`", "`0`", "`true`", "`[]`", "''", "'a'", "`null`", "[]", "[*]", "[0]"])


@given(st.recursive(LEAVES, grown, max_leaves=6), VALUES)
def test_any_expression_on_any_document(expression: str, document: object) -> None:
    try:
        expected = reference(expression, document)
    except TypeError:  # the library itself breaks where a text is ordered against a number
        return
    assert same(ours(expression, document), expected)


@given(st.text("ab[]*.?&|!(){}:,'`\"@<=> 01-", max_size=12))
def test_any_text_is_an_expression_for_both_or_for_none(expression: str) -> None:
    try:
        expected = reference(expression, {"a": [1, {"b": 2}], "b": "x"})
    except TypeError:
        return
    assert same(ours(expression, {"a": [1, {"b": 2}], "b": "x"}), expected)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("a[", "the expression ends at character 3"),
        ("a b", "'b' stands at character 3 where end is due"),
        ("nosuch(a)", "there is no function nosuch; allowed: abs, avg"),
        ("length(zero)", "length() got number as its argument 1; allowed: string or array or object"),
        ("a # b", "character 3 ('#')"),
        ("[&a]", "'&' stands at character 2"),
        ("(" * 9000, "nested too deeply"),
        ("a" * 10001, "10001 characters"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(expression: str, words: str) -> None:
    with pytest.raises(JmespathError) as caught:
        search(expression, DOCUMENT)
    assert words in str(caught.value)
