# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

INVENTORY = """
all:
  children:
    tiny:
      hosts:
        here: {{ansible_connection: local}}
      vars:
        evenkeel_environment:
          name: tiny
          tier: {tier}
          kind: permanent
          owner: nobody
          stage: 1
          provider: existing
          data_policy: none
        evenkeel_services: {{}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A private data folder as ansible-runner and job systems lay it out."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "inventory" / "hosts.yml").write_text(INVENTORY.format(tier="development"))
    return tmp_path


@pytest.fixture
def broken_project(project: Path) -> Path:
    (project / "inventory" / "hosts.yml").write_text(INVENTORY.format(tier="moon"))
    return project
