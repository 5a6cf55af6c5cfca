# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete


@pytest.mark.parametrize(("password", "verdict", "depth"), [(None, "passed", "startup"), ("right", "passed", "query"), ("wrong", "failed", None)])
def test_a_real_server(pg, password, verdict, depth):
    url = urlsplit(pg.url(pg.create_db()))
    probe = {"name": "db", "type": "postgresql", "host": url.hostname, "port": url.port, "user": url.username, "database": url.path[1:]}
    if password:
        probe["password"] = url.password if password == "right" else "not-it"
    specs, faults = complete([probe])
    assert faults == []
    (result,) = Engine(Plan(deadline=20, concurrency=1)).run(specs)
    assert (result["verdict"], result["metrics"].get("depth")) == (verdict, depth), result
    assert not password or probe["password"] not in str(result)
