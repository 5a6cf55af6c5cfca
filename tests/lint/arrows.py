# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports go one way: plugins -> plugin_utils -> module_utils; the core knows no Ansible, managed nodes no third party.

import-linter can't load a collection (ansible_collections.evenkeel.release is a namespace without packages), so this
reads the imports of every file itself. tests/unit/lint proves that it finds each kind of fault.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

COLLECTION = "ansible_collections.evenkeel.release"
CORE = f"{COLLECTION}.plugins.plugin_utils"
NODE = f"{COLLECTION}.plugins.module_utils"
# what Ansible itself offers to code on a managed node
NODE_ANSIBLE = "ansible.module_utils"
# one file each holds a guarded import, and says in one line what can't be done without it
GUARDED = {
    ("plugins/module_utils/_sync/postgresql/driver.py", "psycopg"),
    ("plugins/module_utils/_sync/mysql/driver.py", "pymysql"),
    ("plugins/module_utils/_ledger/verifier.py", "cryptography"),
    ("plugins/module_utils/_snapshot/formats/yaml.py", "yaml"),
    ("plugins/modules/mask_discover.py", "yaml"),
}
ADAPTER = "plugins/plugin_utils/_ansible.py"


def imported(source: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, also inside functions and `if TYPE_CHECKING`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{prefix}.{alias.name}".replace("..", ".")) for alias in node.names)


def _inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _node_fault(name: str) -> str | None:
    """Code for managed nodes: the standard library, Ansible's module_utils and ours."""
    top = name.split(".")[0]
    if top in sys.stdlib_module_names or _inside(name, NODE_ANSIBLE) or _inside(name, NODE):
        return None
    return "managed nodes have the standard library and module_utils only"


def _core_fault(name: str) -> str | None:
    if _inside(name, "ansible"):
        return f"the core knows no Ansible; {ADAPTER} is the one file that does"
    if _inside(name, COLLECTION) and not (_inside(name, CORE) or _inside(name, NODE)):
        return "plugin_utils may import plugin_utils and module_utils, never a plugin"
    return None


def fault(path: str, name: str) -> str | None:
    """Why the file at `path` (relative to the collection) must not import `name`, or None."""
    if name.startswith("."):
        return "imports are absolute"
    if path.startswith(("plugins/module_utils/", "plugins/modules/")):
        return None if (path, name.split(".")[0]) in GUARDED else _node_fault(name)
    if path.startswith("plugins/plugin_utils/") and path != ADAPTER:
        return _core_fault(name)
    return None


def faults(root: Path) -> list[str]:
    found = []
    for file in sorted((root / "plugins").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        for line, name in imported(file.read_text(encoding="utf-8")):
            reason = fault(path, name)
            if reason:
                found.append(f"{path}:{line}: imports {name}: {reason}")
    return found


if __name__ == "__main__":
    report = faults(Path(__file__).resolve().parents[2])
    print("\n".join(report) or "import arrows: ok")
    sys.exit(bool(report))
