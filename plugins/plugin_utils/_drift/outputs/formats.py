# SPDX-License-Identifier: GPL-3.0-or-later
"""The outputs by name. A new one is a file beside this and a line here."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document, junit, prometheus, sarif

FORMATS: dict[str, Callable[[document.Document], str]] = {
    "json": document.dump,
    "junit": junit.render,
    "prometheus": prometheus.render,
    "sarif": sarif.render,
}
