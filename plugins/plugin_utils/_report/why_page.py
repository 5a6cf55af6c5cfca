# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a release can't go, as one HTML page that loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.words import literal
from ansible_collections.evenkeel.release.plugins.plugin_utils._report.render import MODE, TEMPLATES
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

__all__ = ["MODE", "page"]
LONGEST = 400


def page(answer: Mapping[str, Any], *, at: str) -> str:
    """answer: what _gate.why gives; at: the time for which it was asked."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = Markup("".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "why.css")))  # noqa: S704 - our own files
    rows = [{**row, "found": [(name, _shown(value)) for name, value in row["found"].items()]} for row in answer["rows"]]
    refusing = sum(row["state"] in ("refused", "could not tell") for row in rows)
    return environment.get_template("why.html.j2").render({**answer, "rows": rows, "refusing": refusing, "at": at, "style": style})


def _shown(value: Any) -> str:
    text = "nothing" if value is None else literal(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
