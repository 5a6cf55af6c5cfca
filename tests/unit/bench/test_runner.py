# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import json

import pytest
from ansible_collections.evenkeel.release.tests.bench import __main__ as command
from ansible_collections.evenkeel.release.tests.bench._plot import svg
from ansible_collections.evenkeel.release.tests.bench._runner import Bench, Row


@pytest.fixture
def bench(tmp_path):
    ticks = itertools.count()
    return Bench(tmp_path, section="s", say=lambda line: None, clock=lambda: float(next(ticks)))


@pytest.mark.parametrize(
    ("ours", "reference", "bar", "better", "ok"),
    [
        (1, 2, 0.5, "lower", True),
        (1.1, 2, 0.5, "lower", False),
        (30, 2, 15, "higher", True),
        (29, 2, 15, "higher", False),
        (1, 0, 9, "lower", False),
    ],
)
def test_a_bar_is_met_or_short(ours, reference, bar, better, ok):
    row = Row("s", "n", ours, reference, bar, better)
    assert row.ok is ok
    assert str(row).endswith("ok" if ok else "SHORT")


def test_callables_are_interleaved_and_the_median_counts(bench):
    seen = []
    ours, reference = iter([5.0, 1.0, 3.0]), iter([10.0, 20.0, 30.0])
    row = bench.row(
        "n",
        ours=lambda: seen.append("o") or next(ours),
        reference=lambda: seen.append("r") or next(reference),
        bar=1,
    )
    assert (row.ours, row.reference) == (3.0, 20.0)
    assert seen == ["o", "r"] * 3


def test_work_without_a_number_is_timed(bench):
    assert bench.row("n", ours=lambda: None, reference=2.0, bar=1).ours == 1.0


def test_a_missing_tool_is_named_once_and_gives_none(bench):
    assert bench.need("no-such-tool-at-all") is None
    assert bench.missing == ["no-such-tool-at-all"]
    assert bench.need("sh")


def test_plot_is_escaped_and_shows_both_sides():
    text = svg([Row("s", "<a>", 1, 10, 1), Row("s", "b", 10, 1, 1)])
    assert "&lt;a&gt;" in text
    assert "#2e7d32" in text
    assert "#c62828" in text


@pytest.mark.parametrize(("ours", "code"), [(1.0, 0), (3.0, 1)])
def test_command_exits_1_when_short(tmp_path, monkeypatch, ours, code):
    section = type("Section", (), {"run": staticmethod(lambda bench: bench.row("n", ours=ours, reference=2.0, bar=1))})
    monkeypatch.setattr(command, "sections", lambda: ["only"])
    monkeypatch.setattr(command.importlib, "import_module", lambda name: section)
    assert command.main(["--section", "only", "--out", str(tmp_path)]) == code
    assert json.loads((tmp_path / "bench.json").read_text())["rows"][0]["ok"] is (code == 0)


def test_command_exits_1_when_a_section_breaks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "sections", lambda: ["only"])
    monkeypatch.setattr(command.importlib, "import_module", lambda name: object())
    assert command.main(["--out", str(tmp_path)]) == 1
    assert "only: broken" in capsys.readouterr().out


def test_command_refuses_an_unknown_section(capsys):
    with pytest.raises(SystemExit):
        command.main(["--section", "nonsense"])
    assert "unknown section nonsense" in capsys.readouterr().err
