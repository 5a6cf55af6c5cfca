# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-runner gives the verdict that ansible-playbook gives: directly, and streamed to a worker as a job system does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import ansible_runner
import pytest
from ansible_collections.evenkeel.release.tests.integration.support.checkout import COLLECTIONS

PLAYBOOK = "evenkeel.release.validate"


def settings(folder: Path) -> dict[str, object]:
    return {
        "playbook": PLAYBOOK,
        "quiet": True,
        "envvars": {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "EVENKEEL_STATE_DIR": str(folder / "state"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
        },
    }


def test_a_good_environment_succeeds(project):
    job = ansible_runner.run(private_data_dir=str(project), **settings(project))
    assert (job.status, job.rc) == ("successful", 0), job.stdout.read()


def test_a_broken_environment_fails_with_the_reason(broken_project):
    job = ansible_runner.run(private_data_dir=str(broken_project), **settings(broken_project))
    assert (job.status, job.rc) == ("failed", 2)
    assert "moon" in job.stdout.read()


@pytest.mark.parametrize(("layout", "status"), [("project", "successful"), ("broken_project", "failed")])
def test_the_verdict_survives_streaming(layout, status, request, tmp_path_factory):
    project = request.getfixturevalue(layout)
    folder = tmp_path_factory.mktemp("stream")
    with (folder / "there").open("wb") as out:
        ansible_runner.run(streamer="transmit", _output=out, private_data_dir=str(project), **settings(project))
    with (folder / "there").open("rb") as read, (folder / "back").open("wb") as out:
        ansible_runner.run(streamer="worker", _input=read, _output=out, private_data_dir=str(folder / "worker"), quiet=True)
    with (folder / "back").open("rb") as read:
        job = ansible_runner.run(streamer="process", _input=read, private_data_dir=str(folder / "result"), quiet=True)
    assert job.status == status
