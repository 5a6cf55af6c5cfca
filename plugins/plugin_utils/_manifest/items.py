# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration items of a release as rows for the import set of a CMDB, as JSON or CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = ("u_release", "u_component", "u_component_version", "u_sha256", "u_ci", "u_ci_class", "u_relation", "u_owner", "u_change", "u_correlation_id")
# Spreadsheets take a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """One for each item of each component. u_correlation_id is the same each time, so that an import updates instead of adding."""
    found = []
    for name, component in sorted(manifest["components"].items()):
        for item in component.get("configuration_items", []):
            found.append(
                {
                    "u_release": manifest["version"],
                    "u_component": name,
                    "u_component_version": component["version"],
                    "u_sha256": component.get("sha256", ""),
                    "u_ci": item["id"],
                    "u_ci_class": item["class"],
                    "u_relation": item["relation"],
                    "u_owner": manifest["owner"],
                    "u_change": manifest.get("change", ""),
                    "u_correlation_id": f"{manifest['version']}/{name}/{item['class']}/{item['id']}",
                }
            )
    return found


def as_json(found: Sequence[Mapping[str, str]]) -> str:
    return json.dumps({"records": list(found)}, indent=2, ensure_ascii=False) + "\n"


def as_csv(found: Sequence[Mapping[str, str]]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: f"'{value}" if value.startswith(_FORMULA) else value for key, value in row.items()} for row in found)
    return stream.getvalue()
