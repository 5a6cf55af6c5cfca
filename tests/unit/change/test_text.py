# SPDX-License-Identifier: GPL-3.0-or-later
"""What people write ends up in papers. The oracle is a Markdown parser that is not ours, with the extensions that forges turn on."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import text
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

RENDER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render
WORDS = st.text(alphabet=st.sampled_from(list("ab1 .,:;-_*`~[](){}<>|&#!+=\\/\"'@$\n\t")) | st.characters(), max_size=60)


@settings(max_examples=400, deadline=None)
@given(value=WORDS)
@example("<img src=x onerror=alert(1)>")
@example("[x](javascript:alert(1)) ![y](http://e.example)")
@example("| a | b |")
@example("\x1b \x1b \x1b \x1b code")
@example("# heading")
@example("1. one")
@example("*a* __b__ `c` ~~d~~ <e>")
@example("&lt;script&gt;")
def test_nothing_that_people_write_is_markup(value: str) -> None:
    shown = text.md(value)
    assert "\n" not in shown
    # in a list and in a cell of a table, as the papers do
    html = RENDER(f"- label: {shown}\n")
    assert set(re.findall(r"<(/?[a-z0-9]+)", html)) <= {"ul", "/ul", "li", "/li"}, html
    alone = RENDER(f"before\n\n{shown}\n\nafter\n")
    assert set(re.findall(r"<(/?[a-z0-9]+)", alone)) <= {"p", "/p"}, alone
    table = RENDER(f"| a | b |\n|---|---|\n| {shown} | end |\n")
    assert table.count("<td>") == 2, table
    assert "<a" not in html


@settings(max_examples=200, deadline=None)
@given(value=WORDS)
def test_it_shows_as_it_was_written(value: str) -> None:
    html = RENDER(f"- x {text.md(value)} x\n")
    told = re.sub(r"<[^>]+>", "", html).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&").replace("\u200b", "")
    wanted = " ".join(f"x {text_of(value)} x".split())
    assert " ".join(told.split()) == wanted


def text_of(value: str) -> str:
    hidden = re.sub("[\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]", " ", value)
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in hidden)


@pytest.mark.parametrize("value", ["www.example.com", "https://example.com", "ping @everybody", "mailto:a@b.example"])
def test_nothing_links_or_calls_anybody_by_itself(value: str) -> None:
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text.md(value))
    assert "<a" not in html
    assert "\u200b" in html


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x00b", "a\x1b[31mb", "a\u202eb", "a\u2066b", "a\u2028b", "a\ud800b", "", "  ", 7, None, ["a"], "x" * 201])
def test_a_line_is_one_line(value: Any) -> None:
    with pytest.raises(ChangeError) as refused:
        text.line(value, name="reason")
    assert str(refused.value).startswith("reason")
    assert str(refused.value).isprintable()


def test_a_paragraph_has_lines_and_no_more() -> None:
    assert text.paragraph("one\r\ntwo\tthree", name="notes") == "one\ntwo\tthree"
    for bad in ("a\x07", "x" * 4001, "a\n\u202eb"):
        with pytest.raises(ChangeError):
            text.paragraph(bad, name="notes")


def test_data_is_neither_deep_nor_large() -> None:
    deep: Any = "x"
    for _each in range(2000):
        deep = [deep]
    for bad in (deep, {"a": "x" * 70000}, [{"a": [1] * 40000}]):
        with pytest.raises(ChangeError):
            text.bounded(bad, name="review")
    assert text.bounded({"a": [1]}, name="review") == json.loads('{"a": [1]}')
