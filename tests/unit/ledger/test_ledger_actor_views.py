# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, duration, settings, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError


@pytest.mark.parametrize(
    ("environ", "variables", "expected"),
    [
        ({"GITHUB_ACTOR": "ci"}, {"awx_user_name": "ada", "awx_job_id": 7}, {"name": "ada", "source": "awx", "job": "7"}),
        ({}, {"tower_user_name": "bob"}, {"name": "bob", "source": "tower"}),
        ({}, {"awx_job_id": 9}, {"name": "awx job 9", "source": "awx", "job": "9"}),
        ({"GITLAB_USER_LOGIN": "eve", "CI_JOB_ID": "4", "CI_JOB_URL": "u"}, {}, {"name": "eve", "source": "gitlab", "job": "4", "url": "u"}),
        (
            {"GITHUB_ACTOR": "g", "GITHUB_RUN_ID": "5", "GITHUB_SERVER_URL": "https://h", "GITHUB_REPOSITORY": "o/r"},
            {},
            {"name": "g", "source": "github", "job": "5", "url": "https://h/o/r/actions/runs/5"},
        ),
        ({"BUILD_USER": "jen"}, {}, {"name": "jen", "source": "jenkins"}),
        ({"SUDO_USER": "ada"}, {}, {"name": "ada", "source": "sudo"}),
        ({}, {}, {"name": "root", "source": "os"}),
    ],
)
def test_the_surest_source_names_the_actor(environ, variables, expected):
    assert actor.detect(environ, variables, os_user="root") == expected


def test_durations():
    assert [duration.seconds(text, option="ttl") for text in (30, "15m", "2h", "1.5s", "7d")] == [30, 900, 7200, 1.5, 604800]
    with pytest.raises(LedgerError, match="ttl is 'soon'"):
        duration.seconds("soon", option="ttl")


def test_where_the_ledger_is(monkeypatch):
    monkeypatch.delenv("EVENKEEL_LEDGER_URL", raising=False)
    monkeypatch.setenv("EVENKEEL_STATE_DIR", "/from/env")
    assert settings.ledger_url({}.get) == "sqlite:////from/env/ledger.sqlite"
    assert settings.ledger_url({"evenkeel_state_dir": "/s"}.get) == "sqlite:////s/ledger.sqlite"
    assert settings.ledger_url({"evenkeel_ledger_url": "postgresql://h/d", "evenkeel_state_dir": "/s"}.get) == "postgresql://h/d"


def entry(number, kind, phase, **fields):
    plain = {"id": f"id{number}", "time": f"2026-01-01T00:00:{number:02}.000000Z", "actor": {"name": "ada"}, "environment": "prod"}
    return {**plain, "kind": kind, "phase": phase, "release": "", "subject": "", "body": {}, **fields}


LOG = [
    entry(1, "deployment", "intent", release="1.0.0"),
    entry(2, "verification", "fact", release="1.0.0", body={"verdict": "passed"}),
    entry(3, "deployment", "outcome", release="1.0.0", body={"intent": "id1", "verdict": "passed", "services": {"shop": "1.0.0", "api": "1.0.0"}}),
    entry(4, "deployment", "intent", release="1.1.0"),
    entry(5, "verification", "fact", release="1.1.0", body={"verdict": "passed"}),
    entry(6, "deployment", "outcome", release="1.1.0", subject="shop", body={"intent": "id4", "verdict": "passed"}),
    entry(7, "deployment", "intent", release="1.2.0"),
    entry(8, "verification", "fact", release="1.1.0", body={"verdict": "failed"}, environment="staging"),
]


def test_views():
    assert [found["id"] for found in views.open_intents(LOG)] == ["id7"]
    assert views.deployed(LOG) == {"prod": {"shop": "1.1.0", "api": "1.0.0"}}
    assert views.deployments(LOG)["prod"]["shop"] == {"release": "1.1.0", "since": LOG[5]["time"], "by": "ada", "entry": "id6"}
    assert views.verified_releases(LOG, "prod") == ["1.0.0", "1.1.0"]
    assert views.last_verified(LOG, "prod") == "1.1.0"
    assert views.last_verified(LOG, "prod", before="1.1.0") == "1.0.0"
    assert views.last_verified(LOG, "prod", before=LOG[4]["time"]) == "1.0.0"
    assert views.last_verified(LOG, "staging") is None
    assert views.verified_in(LOG, "1.1.0") == {"prod": LOG[4]["time"]}
    assert [row["verdict"] for row in views.history(LOG, "prod")] == ["passed", "passed", "passed", "passed", "open"]


def test_a_failed_act_and_a_teardown():
    failed = entry(9, "deployment", "outcome", release="1.2.0", subject="shop", body={"intent": "id7", "verdict": "failed"})
    assert views.deployed([*LOG, failed]) == views.deployed(LOG)
    gone = entry(10, "teardown", "outcome", body={"intent": "x", "verdict": "passed"})
    assert views.deployed([*LOG, gone]) == {}
    back = entry(11, "rollback", "outcome", release="1.1.0", body={"verdict": "passed", "services": [{"service": "shop", "keep_release": "1.0.0"}]})
    assert views.deployed([*LOG, back])["prod"]["shop"] == "1.0.0"
