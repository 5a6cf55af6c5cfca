# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import settings


def same(value: Any) -> Any:
    return value


def test_nothing_is_declared_where_nothing_is_said() -> None:
    assert settings.of({}, same) == settings.Settings()
    assert settings.of({"evenkeel_calendars_dir": "", "evenkeel_teams": None}, same) == settings.Settings()


def test_variables_are_templated_once_and_only_those() -> None:
    seen: list[Any] = []

    def template(value: Any) -> Any:
        seen.append(value)
        return f"/srv/{value}"

    found = settings.of({"evenkeel_calendars_dir": "calendars", "evenkeel_state_dir": "state"}, template)
    assert (found.calendars_dir, seen) == ("/srv/calendars", ["calendars"])
    assert found.places("calendars") == ["/srv/calendars"]
    assert found.places("reservations") == []


def test_declarations_of_several_teams_are_a_list_of_folders() -> None:
    assert settings.of({"evenkeel_compatibility_dir": ["a", "b"]}, same).places("compatibility") == ["a", "b"]
    assert settings.of({"evenkeel_compatibility_dir": "a"}, same).places("compatibility") == ["a"]


def test_an_empty_list_of_incidents_is_not_the_same_as_nobody_told() -> None:
    assert settings.of({"evenkeel_incidents": []}, same).incidents == []
    assert settings.of({}, same).incidents is None


@pytest.mark.parametrize(("name", "value", "allowed"), [("teams", ["ann"], "a mapping"), ("incidents", "none", "a list"), ("calendars_dir", ["x"], "text")])
def test_another_kind_is_refused(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(DeploymentError, match=f"evenkeel_{name} is .*; allowed is {allowed}"):
        settings.of({f"evenkeel_{name}": value}, same)
