# SPDX-License-Identifier: GPL-3.0-or-later
"""Which code runs, with a real git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import gather, revision
from ansible_collections.evenkeel.release.tests.unit.approval.kit import run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "approvals").mkdir(parents=True)
    (root / "site.yml").write_text("- hosts: all\n")
    (root / ".gitignore").write_text("cache/\n")
    run("git", "init", "-q", root)
    commit(root)
    return root


def commit(root: Path) -> None:
    run("git", "-C", root, "add", "-A")
    run("git", "-C", root, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m", "x")


def now(root: Path) -> str:
    return revision.project(str(root), without=[str(root / "approvals")])["files"]


def test_the_commit_that_brings_an_approval_changes_nothing(project):
    before = now(project)
    (project / "approvals" / "ann.yml").write_text("x")
    assert now(project) == before
    commit(project)
    (project / "cache").mkdir()
    (project / "cache" / "x").write_text("x")
    assert now(project) == before


def edit(root: Path) -> None:
    (root / "site.yml").write_text("- hosts: localhost\n")


def assume(root: Path) -> None:
    """git status shows nothing of it."""
    run("git", "-C", root, "update-index", "--assume-unchanged", "site.yml")
    edit(root)


def excluded(root: Path) -> None:
    (root / ".git" / "info" / "exclude").write_text("evil.yml\n")
    (root / "evil.yml").write_text("x")


def linked(root: Path) -> None:
    (root / "site.yml").unlink()
    (root / "site.yml").symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    "change",
    [
        edit,
        assume,
        excluded,
        linked,
        lambda root: (root / "new.yml").write_text("x"),
        lambda root: (root / "site.yml").unlink(),
        lambda root: (root / "site.yml").chmod(0o755),
        lambda root: (root / "approvals-2").symlink_to(root / "site.yml"),
    ],
)
def test_any_other_change_is_seen(project, change):
    before = now(project)
    change(project)
    assert now(project) != before


def test_a_project_runs_no_program_of_its_own(project):
    mark = project.parent / "ran"
    for key in ("core.fsmonitor", "core.pager", "diff.external"):
        run("git", "-C", project, "config", key, f"touch {mark}; false")
    now(project)
    assert not mark.exists()


def test_a_variable_of_the_environment_leads_nowhere_else(project, monkeypatch, tmp_path):
    before = now(project)
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", os.devnull)
    assert now(project) == before


def test_no_work_tree(tmp_path):
    assert revision.project(str(tmp_path)) == {}


def test_the_collection(tmp_path):
    for name in ("plugins/a.py", "roles/r/tasks/main.yml", "docs/x.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    before = revision.collection(tmp_path)
    (tmp_path / "docs" / "x.md").write_text("y")
    (tmp_path / "plugins" / "__pycache__").mkdir()
    (tmp_path / "plugins" / "__pycache__" / "a.pyc").write_text("y")
    assert revision.collection(tmp_path) == before
    (tmp_path / "plugins" / "a.py").write_text("y")
    assert revision.collection(tmp_path) != before
    assert gather.code("")["version"]
