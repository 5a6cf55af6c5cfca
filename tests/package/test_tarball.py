# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user gets: the built tarball, installed into an empty folder, without this checkout in sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.checkout import REPO

BIN = Path(sys.executable).parent
PLUGIN_KINDS = {"modules": "module", "lookup": "lookup", "filter": "filter", "test": "test", "callback": "callback"}
# nothing of a developer's machine belongs to a release
JUNK = (".git", ".venv", ".cache", ".ansible", "__pycache__", ".pytest_cache", "build", ".pyc", ".sqlite", ".log")


def run(*argv: str | Path, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)


def shipped(folder: Path) -> list[Path]:
    """Plugin and role files of the checkout that must be in the tarball."""
    argv = ["git", "ls-files", "-z", "-co", "--exclude-standard", "--deduplicate", "plugins", "roles", "playbooks", "meta"]
    names = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True).stdout.split("\0")
    return [Path(name) for name in names if name and (folder / name).is_file()]


def plugins() -> dict[str, list[str]]:
    found = {}
    for folder, kind in PLUGIN_KINDS.items():
        files = [*(REPO / "plugins" / folder).glob("[a-z]*.py"), *(REPO / "plugins" / folder).glob("[a-z]*.yml")]
        names = sorted({f"evenkeel.release.{path.stem}" for path in files})
        if names:
            found[kind] = names
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """Only the empty folder in the collections path, a fresh home, nothing inherited from Ansible or Python."""
    home = tmp_path_factory.mktemp("home")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "EVENKEEL_", "PYTHON"))}
    return {
        **kept,
        "PATH": f"{BIN}{os.pathsep}{kept.get('PATH', '')}",
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_COLLECTIONS_PATH": str(home / "collections"),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "EVENKEEL_STATE_DIR": str(home / "state"),
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture(scope="module")
def tarball(tmp_path_factory, environment) -> Path:
    """Built from a copy of the files that git knows: what lies about in a working tree must not matter."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("tarball")
    argv = ["git", "ls-files", "-z", "-co", "--exclude-standard", "--deduplicate"]
    names = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (REPO / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPO / name).read_bytes())
    done = run(BIN / "ansible-galaxy", "collection", "build", "--output-path", str(out), env=environment, cwd=source)
    assert done.returncode == 0, done.stderr
    return next(out.glob("evenkeel-release-*.tar.gz"))


@pytest.fixture(scope="module")
def installed(tarball, environment, tmp_path_factory) -> Path:
    folder = Path(environment["ANSIBLE_COLLECTIONS_PATH"])
    argv = [BIN / "ansible-galaxy", "collection", "install", "--offline", str(tarball), "-p", str(folder)]
    done = run(*argv, env=environment, cwd=tmp_path_factory.mktemp("empty"))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "ansible_collections" / "evenkeel" / "release"


def test_tarball_holds_everything_and_no_junk(tarball):
    with tarfile.open(tarball) as archive:
        names = {member.name for member in archive.getmembers() if member.isfile()}
    assert {str(path) for path in shipped(REPO)} <= names
    assert {"LICENSE", "requirements.txt", "MANIFEST.json"} <= names
    junk = [name for name in names for part in Path(name).parts if part in JUNK or part.endswith((".pyc", ".sqlite", ".log"))]
    assert junk == []


@pytest.mark.parametrize("kind", sorted(plugins()))
def test_every_plugin_is_documented(installed, environment, tmp_path, kind):
    done = run(BIN / "ansible-doc", "-t", kind, "--json", *plugins()[kind], env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    documented = json.loads(done.stdout)
    assert sorted(documented) == plugins()[kind]
    assert all(entry["doc"]["filename"].startswith(str(installed)) for entry in documented.values() if "doc" in entry)


def test_every_role_has_a_manual(installed, environment, tmp_path):
    roles = sorted(path.name for path in (installed / "roles").iterdir())
    listed = run(BIN / "ansible-doc", "-t", "role", "--json", "--list", "evenkeel.release", env=environment, cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert sorted(json.loads(listed.stdout)) == [f"evenkeel.release.{role}" for role in roles]


INVENTORY = """
all:
  children:
    tiny:
      hosts:
        here: {ansible_connection: local}
      vars:
        evenkeel_environment:
          name: tiny
          tier: development
          kind: permanent
          owner: nobody
          stage: 1
          provider: existing
          data_policy: none
        evenkeel_services: {}
"""


@pytest.mark.parametrize(("owner", "code"), [("owner", 0), ("ovner", 2)])
def test_a_playbook_runs_by_its_full_name(installed, environment, tmp_path, owner, code):
    (tmp_path / "hosts.yml").write_text(INVENTORY.replace("owner:", f"{owner}:"))
    argv = [BIN / "ansible-playbook", "-i", str(tmp_path / "hosts.yml"), "evenkeel.release.validate"]
    done = run(*argv, env=environment, cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    if code:
        assert "ovner" in done.stdout + done.stderr
