# SPDX-License-Identifier: GPL-3.0-or-later
"""Who acts, and how that is known: the surest source first."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from typing import Any

# (source, variable of the user, variables of the job: id, name, url)
_CONTROLLERS = (
    ("awx", "awx_user_name", "awx_job_id", "awx_job_template_name"),
    ("tower", "tower_user_name", "tower_job_id", "tower_job_template_name"),
)
_CI = (
    ("github", "GITHUB_ACTOR", "GITHUB_RUN_ID", ""),
    ("gitlab", "GITLAB_USER_LOGIN", "CI_JOB_ID", "CI_JOB_URL"),
    ("jenkins", "BUILD_USER_ID", "BUILD_TAG", "BUILD_URL"),
    ("jenkins", "BUILD_USER", "BUILD_TAG", "BUILD_URL"),
    ("azure", "BUILD_REQUESTEDFOR", "BUILD_BUILDID", ""),
    ("buildkite", "BUILDKITE_BUILD_CREATOR", "BUILDKITE_JOB_ID", "BUILDKITE_BUILD_URL"),
    ("circleci", "CIRCLE_USERNAME", "CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_BUILD_URL"),
    ("bitbucket", "BITBUCKET_STEP_TRIGGERER_UUID", "BITBUCKET_BUILD_NUMBER", ""),
)


def detect(environ: Mapping[str, str], variables: Mapping[str, Any], *, os_user: str | None = None) -> dict[str, Any]:
    """{name, source} and, where known, job and url. `variables` are those of Ansible.

    AWX tells who pressed the button in variables it sets itself; a CI system in its environment. The OS user is the
    last resort: on a runner it names the runner, not the person.
    """
    for source, user, job, template in _CONTROLLERS:
        if variables.get(user) or variables.get(job):
            known = {"job": variables.get(job), "job_name": variables.get(template)}
            return _actor(str(variables.get(user) or f"{source} job {variables[job]}"), source, known)
    for source, user, job, url in _CI:
        if environ.get(user):
            return _actor(environ[user], source, {"job": environ.get(job), "url": environ.get(url) or _github_url(source, environ)})
    user_name = os_user or _os_user()
    if user_name == "root" and environ.get("SUDO_USER"):
        return _actor(environ["SUDO_USER"], "sudo", {})
    return _actor(user_name, "os", {})


def _actor(name: str, source: str, known: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": str.__str__(name), "source": source, **{key: str(value) for key, value in known.items() if value}}


def _github_url(source: str, environ: Mapping[str, str]) -> str:
    parts = [environ.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    if source != "github" or not all(parts):
        return ""
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}"


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a uid without a name
        return f"uid {os.getuid()}"
