# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer as one table for a terminal, and as one page. Pure."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = 10
WHAT, WHO = 58, 20
# Of each suspect the reasons that say more than its row does.
ROW = ("kind",)


def table(found: Mapping[str, Any]) -> list[str]:
    lines = [f"Symptoms of {found['environment']} since {found['onset']['time']} ({found['onset']['text']})", ""]
    suspects = found["suspects"][:SHOWN]
    if suspects:
        rows = [
            ("#", "score", "when", "what", "who"),
            *((str(each["rank"]), f"{each['score']:g}", _when(each), each["what"], each["who"]) for each in suspects),
        ]
        widths = [max(len(_short(row[place], most)) for row in rows) for place, most in enumerate((3, 5, 44, WHAT, WHO))]
        for number, row in enumerate(rows):
            lines.append("  ".join(_short(cell, most).ljust(width) for cell, most, width in zip(row, (3, 5, 44, WHAT, WHO), widths)).rstrip())
            if number:
                lines += [f"       {reason}" for reason in _reasons(suspects[number - 1])]
        more = len(found["suspects"]) - len(suspects)
        lines += [f"and {more} more", ""] if more > 0 else [""]
    lines += [f"After the symptoms began, so not their cause: {each['what']} at {each['when']}" for each in found["after"][:SHOWN]]
    lines += [f"Elsewhere: {each['release']} in {each['text']} ({each['state']})" for each in found["elsewhere"]]
    return [*lines, str(found["text"])]


def page(found: Mapping[str, Any]) -> str:
    """Loads nothing. Every text is escaped."""
    rows = "".join(
        f"<tr><td>{each['rank']}</td><td class=n>{each['score']:g}</td><td>{_e(_when(each))}</td><td><strong>{_e(each['what'])}</strong><ul>"
        + "".join(f"<li>{_e(reason)}</li>" for reason in _reasons(each))
        + f"</ul></td><td>{_e(each['who'])}</td></tr>\n"
        for each in found["suspects"]
    )
    after = "".join(f"<li>{_e(each['when'])} {_e(each['what'])}</li>" for each in found["after"])
    others = "".join(f"<li>{_e(each['release'])} in {_e(each['text'])} ({_e(each['state'])})</li>" for each in found["elsewhere"])
    title = f"Diagnosis of {_e(found['environment'])}"
    return (
        f"<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'><title>{title}</title><style>\n"
        "body{font:16px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}\n"
        "th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #ccc}.n{text-align:right}ul{margin:.2rem 0;padding-left:1.2rem}\n"
        f"</style></head><body><h1>{title}</h1><p><strong>{_e(found['text'])}</strong></p>\n"
        f"<p>Symptoms since {_e(found['onset']['time'])} ({_e(found['onset']['text'])}).</p>\n"
        f"<table><thead><tr><th>#</th><th>Score</th><th>When (UTC)</th><th>What</th><th>Who</th></tr></thead><tbody>\n{rows}</tbody></table>\n"
        + (f"<h2>After the symptoms began</h2><ul>{after}</ul>\n" if after else "")
        + (f"<h2>Other environments</h2><ul>{others}</ul>\n" if others else "")
        + "</body></html>\n"
    )


def _reasons(each: Mapping[str, Any]) -> list[str]:
    """The one that lowers it most first, those that change nothing last; notes at the end."""
    factors: Sequence[Mapping[str, Any]] = sorted((factor for factor in each["factors"] if factor["name"] not in ROW), key=lambda factor: factor["value"])
    return [f"x{factor['value']:.2f}  {factor['text']}" for factor in factors] + [f"       {note}" for note in each["notes"]]


def _when(each: Mapping[str, Any]) -> str:
    return f"{each['when']} to {each['until']}" if each["until"] else str(each["when"])


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _e(text: Any) -> str:
    return html.escape(str(text))
