# SPDX-License-Identifier: GPL-3.0-or-later
"""The model as one HTML page that loads nothing: style and pictures are inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import data_plot, trend
from ansible_collections.evenkeel.release.plugins.plugin_utils._report.plot import draw
from ansible_collections.evenkeel.release.plugins.plugin_utils._report.samples import buckets, width_of
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

# Whoever may read the ledger may read the report: its group, not everybody.
MODE = 0o640
STYLES = ("report.css", "drift.css", "data.css")
WIDTHS = {"wide": 960, "narrow": 360}
TEMPLATES = Path(__file__).parent / "templates"


def page(model: Mapping[str, Any]) -> str:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    loads = [{**load, "plots": _plots(load, model, number)} for number, load in enumerate(model["loads"])]
    style = Markup("".join((TEMPLATES / name).read_text(encoding="utf-8") for name in STYLES))  # noqa: S704 - our own files, no data in them
    parts = {"loads": loads, "drift": _drift(model["drift"]), "data": _data(model["data"]), "style": style}
    return environment.get_template("report.html.j2").render({**model, **parts})


def _drift(section: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if section is None:
        return None
    places = section["environments"]
    # draw() escapes every text it takes in.
    plots = [Markup(trend.draw(place["scores"], name=place["name"], ident=f"trend-{number}")) for number, place in enumerate(places)]  # noqa: S704
    return {**section, "environments": [{**place, "plot": plot} for place, plot in zip(places, plots)]}


def _data(section: Mapping[str, Any]) -> Mapping[str, Any]:
    def drawn(item: Mapping[str, Any], ident: str) -> dict[str, Any]:
        plots = data_plot.pictures(item["points"], name=item["name"], ident=ident, widths=WIDTHS)
        # draw() escapes every text it takes in.
        return {**item, "plots": {size: Markup(plot) for size, plot in plots.items()}, "modes": data_plot.legend(item["points"])}  # noqa: S704

    places = [
        {**place, "databases": [drawn(item, f"refreshes-{number}-{index}") for index, item in enumerate(place["databases"])]}
        for number, place in enumerate(section["environments"])
    ]
    return {**section, "environments": places}


def _plots(load: Mapping[str, Any], model: Mapping[str, Any], number: int) -> dict[str, Markup]:
    """A wide and a narrow picture: one that only shrinks would be unreadable on a phone."""
    place = load["environment"]
    switches = [switch for switch in model["switches"] if place in ("", switch["environment"])]
    points, step = buckets(load["samples"]), width_of(load["samples"])
    return {
        # draw() escapes every text it takes in.
        size: Markup(  # noqa: S704
            draw(
                points,
                switches,
                versions=model["versions"],
                width=width,
                name=load["name"],
                ident=f"plot-{number}-{size}",
                step=step,
            )
        )
        for size, width in WIDTHS.items()
    }


def differs(path: Path, text: str) -> bool:
    return _files.differs(path, text)


def write(path: Path, text: str, *, mode: int = MODE) -> bool:
    """True when the content is new."""
    if not differs(path, text):
        return False
    _files.write(path, text, mode=mode)
    return True
