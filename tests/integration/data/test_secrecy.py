# SPDX-License-Identifier: GPL-3.0-or-later
"""Neither the key, nor what is made of it, nor a password stands where others can read it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import pads, subkey
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY, ROWS, SCHEMA
from ansible_collections.evenkeel.release.tests.integration.data.test_playbook import run
from ansible_collections.evenkeel.release.tests.integration.data.test_sync import params
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL

TALKATIVE = {"log_statement": "all", "log_min_duration_statement": "0", "log_parameter_max_length": "0"}


@pytest.fixture(scope="module")
def talkative() -> Iterator[PostgreSQL]:
    server = PostgreSQL(settings=TALKATIVE)
    yield server
    server.stop()


def test_a_log_of_all_statements_holds_no_secret(talkative: PostgreSQL) -> None:
    source, target = talkative.create_db(), talkative.create_db()
    talkative.psql(source, SCHEMA + ROWS.format(n=50))
    talkative.psql(target, SCHEMA)
    synchronize(params(talkative, (source, target)), check_mode=False)
    talkative.psql(target, "alter table orders add constraint small check (amount < 2) not valid")
    talkative.psql(source, "update orders set amount = 3")
    with pytest.raises(SyncError):
        synchronize(params(talkative, (source, target)), check_mode=False)
    log = (talkative.folder / "server.log").read_text(errors="replace")
    assert 'copy (select "s"."id"' in log
    assert "set_config" in log
    secrets = [KEY, talkative.password]
    for domain in ("person", "email", "phone", "date_shift"):
        digest = subkey(KEY, domain)
        secrets += [digest.hex(), *(pad.hex() for pad in pads(digest))]
    assert [secret for secret in secrets if secret in log] == []


class Watch(threading.Thread):
    """Reads the command lines of all processes over and over, as any user of the machine may."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_text(errors="replace"))
                except OSError:  # it ended meanwhile
                    continue


def test_no_command_line_and_no_ledger_holds_a_secret(pg: Any, shops: tuple[str, str], playbook: Any, tmp_path: Path) -> None:
    watch = Watch()
    watch.start()
    try:
        done = run(pg, shops, playbook, tmp_path)
    finally:
        watch.done.set()
        watch.join()
    assert done.rc == 0, done.stdout
    assert any("ansible-playbook" in line for line in watch.seen)
    ledgers = [path for path in tmp_path.rglob("ledger.sqlite*") if path.is_file()]
    assert ledgers
    for secret in (KEY, pg.password, "Person 1"):
        assert not any(secret in line for line in watch.seen)
        assert not any(secret.encode() in path.read_bytes() for path in ledgers)
