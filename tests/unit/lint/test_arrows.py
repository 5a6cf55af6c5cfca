# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.tests.lint import arrows, headers

OURS = "ansible_collections.evenkeel.release.plugins"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("plugins/modules/a.py", "import json"),
        ("plugins/modules/a.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("plugins/modules/a.py", f"from {OURS}.module_utils._x import y"),
        ("plugins/plugin_utils/_x/a.py", "import sqlalchemy"),
        ("plugins/plugin_utils/_x/a.py", f"from {OURS}.module_utils import _x"),
        ("plugins/plugin_utils/_ansible.py", "from ansible.errors import AnsibleError"),
        ("plugins/action/a.py", "from ansible.plugins.action import ActionBase"),
    ],
)
def test_right_imports_pass(path, source):
    assert [arrows.fault(path, name) for _, name in arrows.imported(source)] == [None]


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        ("plugins/modules/a.py", "import yaml", "standard library"),
        ("plugins/module_utils/a.py", "def f():\n    import psycopg", "standard library"),
        ("plugins/module_utils/a.py", f"from {OURS}.plugin_utils._x import y", "standard library"),
        ("plugins/plugin_utils/_x/a.py", "from ansible.errors import AnsibleError", "no Ansible"),
        ("plugins/plugin_utils/_x/a.py", f"from {OURS}.action.gate import x", "never a plugin"),
        ("plugins/action/a.py", "from ..plugin_utils import x", "absolute"),
    ],
)
def test_wrong_imports_are_named(path, source, reason):
    assert [reason in (arrows.fault(path, name) or "") for _, name in arrows.imported(source)] == [True]


def test_a_whole_tree_is_reported_with_lines(tmp_path):
    folder = tmp_path / "plugins" / "modules"
    folder.mkdir(parents=True)
    (folder / "a.py").write_text("import json\nimport requests\n")
    assert [line.split(": ")[0] for line in arrows.faults(tmp_path)] == ["plugins/modules/a.py:2"]


def test_a_file_without_licence_is_named(tmp_path):
    good, bad, data = tmp_path / "good.py", tmp_path / "bad.py", tmp_path / "data.json"
    good.write_text(f"# {headers.MARK} GPL-3.0-or-later\n")
    bad.write_text("x = 1\n")
    data.write_text("{}\n")
    found = headers.without_licence(tmp_path, [good, bad, data])
    assert [line.split(":")[0] for line in found] == ["bad.py"]
