# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix as HTML that loads nothing, as Markdown and as CSV. Nothing that a document says is markup."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from html import escape
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.changelog import escape as escape_markdown

SIGNS = {"broken": "✗", "tested": "✓", "declared": "○", "apart": "·", "unknown": "?"}
WORDS = {
    "broken": "broken: a requirement between the two does not hold",
    "tested": "ran together and were verified",
    "declared": "their requirements hold, nobody tried",
    "apart": "neither asks anything of the other",
    "unknown": "nothing is declared",
}
STYLE = (
    "body{font:14px/1.4 system-ui,sans-serif;margin:1.5rem;color:#1b1f24;background:#fff}table{border-collapse:collapse}"
    "th,td{border:1px solid #c5ccd3;padding:.25rem .5rem;text-align:center}"
    "th[scope=row]{text-align:right}.broken{background:#ffd7d5}.tested{background:#d2f4d3}"
    ".declared{background:#e3effb}.unknown{background:#fff1c2}.same{background:#eef0f2}thead th{vertical-align:bottom}"
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def html(matrix: Mapping[str, Any], *, title: str = "What runs with what") -> str:
    cells = _by_pair(matrix)
    names = [" ".join(item) for item in matrix["items"]]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(_row(name, names, cells) for name in names)
    legend = "".join(f"<li>{SIGNS[state]} {escape(text)}</li>" for state, text in WORDS.items())
    broken = "".join(f"<li>{escape(cell['why'])}</li>" for cell in matrix["cells"] if cell["state"] == "broken")
    left_out = f"<p>{matrix['left_out']} more are left out.</p>" if matrix["left_out"] else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><ul>{legend}</ul><table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>{left_out}"
        f"{f'<h2>Broken</h2><ul>{broken}</ul>' if broken else ''}</body></html>\n"
    )


def markdown(matrix: Mapping[str, Any]) -> str:
    cells = _by_pair(matrix)
    names = [" ".join(item) for item in matrix["items"]]
    lines = ["| |" + "".join(f" {escape_markdown(name)} |" for name in names), "|---|" + "---|" * len(names)]
    lines += [f"| {escape_markdown(row)} |" + "".join(f" {_sign(row, column, cells)} |" for column in names) for row in names]
    broken = [f"- {escape_markdown(cell['why'])}" for cell in matrix["cells"] if cell["state"] == "broken"]
    legend = ", ".join(f"{sign} {WORDS[state]}" for state, sign in SIGNS.items())
    return "\n".join([*lines, "", legend, *(["", *broken] if broken else [])]) + "\n"


def as_csv(matrix: Mapping[str, Any]) -> str:
    """A line for each pair (RFC 4180)."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(["component", "version", "other", "other_version", "state", "why", "tested_in"])
    for cell in matrix["cells"]:
        row = [*cell["row"], *cell["column"], cell["state"], cell["why"], " ".join(cell["where"])]
        writer.writerow([f"'{value}" if value.startswith(_FORMULA) else value for value in row])
    return stream.getvalue()


def _row(name: str, names: list[str], cells: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    found = "".join(_cell(name, column, cells) for column in names)
    return f'<tr><th scope="row">{escape(name)}</th>{found}</tr>'


def _cell(row: str, column: str, cells: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    cell = cells.get((row, column))
    if cell is None:
        return '<td class="same"></td>'
    told = cell["why"] or (f"tested in {', '.join(cell['where'])}" if cell["where"] else WORDS[cell["state"]])
    return f'<td class="{cell["state"]}" title="{escape(told)}">{SIGNS[cell["state"]]}</td>'


def _sign(row: str, column: str, cells: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    cell = cells.get((row, column))
    return SIGNS[cell["state"]] if cell else " "


def _by_pair(matrix: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    found = {}
    for cell in matrix["cells"]:
        row, column = " ".join(cell["row"]), " ".join(cell["column"])
        found[row, column] = found[column, row] = cell
    return found
