# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads from servers that keep the rules and from servers that break them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.tests.integration.support.checkout import COLLECTIONS

from .conftest import digest

PATH = "/shop-1.0.0.tar.gz"


def test_once_and_then_from_the_cache(web, content, fetching):
    url = web.put(PATH, content)
    first = fetching(url, digest(content))
    again = fetching(url, digest(content))
    assert (first.cached, again.cached, len(web.seen)) == (False, True, 1)
    assert again.path.read_bytes() == content
    assert again.path.stat().st_mode & 0o777 == 0o400
    assert list((fetching.cache.root / "parts").iterdir()) == []


@pytest.mark.parametrize("connections", [1, 2, 6])
def test_a_cut_connection_is_gone_on_with(web, content, fetching, connections):
    """Every connection brings something, so none counts against retries, however many there are."""
    url = web.put(PATH, content, cut=100_000, connections=connections)
    got = fetching(url, digest(content), retries=1)
    assert got.path.read_bytes() == content
    asked = web.requests(PATH)
    assert [each.status for each in asked] == [200] + [206] * connections
    assert [each.headers.get("range") for each in asked][1:] == [f"bytes={100_000 * number}-" for number in range(1, connections + 1)]
    assert got.resumed == 100_000 * connections


def test_the_next_run_goes_on_where_this_one_ended(web, content, fetching):
    url = web.put(PATH, content, cut=300_000, connections=1)
    with pytest.raises(ArtifactError, match=r"ended the connection after 300000 of 700000 bytes.*kept for the next run"):
        fetching(url, digest(content), retries=0)
    got = fetching(url, digest(content))
    assert got.resumed == 300_000
    assert got.path.read_bytes() == content


def test_a_run_that_was_killed(web, content, fetching):
    """No lock is left behind, and what came is not loaded again."""
    url = web.put(PATH, content, stall=30.0, stall_after=400_000)
    script = "import sys; from ansible_collections.evenkeel.release.tests.integration.artifact.conftest import Fetching as F; F(sys.argv[1])(*sys.argv[2:])"
    argv = [sys.executable, "-c", script, str(fetching.cache.root), url, digest(content)]
    part, end = fetching.cache.part(digest(content)), time.monotonic() + 30
    with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(COLLECTIONS)}) as run:
        # What it has in its buffers is lost with it.
        while not (part.exists() and part.stat().st_size >= 300_000) and time.monotonic() < end:
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
    web.put(PATH, content)
    got = fetching(url, digest(content))
    assert got.resumed >= 300_000
    assert got.path.read_bytes() == content


def test_a_server_without_ranges_is_asked_anew(web, content, fetching):
    url = web.put(PATH, content, cut=300_000, connections=2, ranges=False)
    got = fetching(url, digest(content))
    assert [each.status for each in web.requests(PATH)] == [200, 200, 200]
    assert got.path.read_bytes() == content


@pytest.mark.parametrize("how", [{"etag": False}, {"weak": True}])
def test_without_a_strong_etag_nothing_is_gone_on_with(web, content, fetching, how):
    url = web.put(PATH, content, cut=300_000, connections=1, **how)
    assert fetching(url, digest(content)).path.read_bytes() == content
    assert all("range" not in each.headers for each in web.requests(PATH))


def test_a_server_that_always_cuts_ends_the_run(web, content, fetching):
    url = web.put(PATH, content, cut=300_000, connections=99, ranges=False)
    with pytest.raises(ArtifactError, match=r"Given up after 4 connections"):
        fetching(url, digest(content), retries=3)


def test_the_file_changed_on_the_server_meanwhile(web, content, fetching):
    """Its ETag is another one: what is here is not mixed with it."""
    url = web.put(PATH, b"old" + content, cut=300_000, connections=1)
    with pytest.raises(ArtifactError):
        fetching(url, digest(content), retries=0)
    web.put(PATH, content)
    assert fetching(url, digest(content)).path.read_bytes() == content
    assert web.requests(PATH)[-1].status == 200


def test_a_server_that_does_not_look_at_if_range(web, content, fetching):
    """It sends the end of another file, and its ETag tells."""
    url = web.put(PATH, b"old" + content, cut=300_000, connections=1)
    with pytest.raises(ArtifactError):
        fetching(url, digest(content), retries=0)
    web.put(PATH, content, any_tag=True)
    got = fetching(url, digest(content))
    assert (got.resumed, got.path.read_bytes()) == (0, content)
    assert [each.status for each in web.requests(PATH)] == [200, 206, 200]


def test_a_part_file_of_other_bytes_is_thrown_away(web, content, fetching):
    """The server still has the same file, the part file is not its beginning any more."""
    url = web.put(PATH, content, cut=300_000, connections=1)
    with pytest.raises(ArtifactError):
        fetching(url, digest(content), retries=0)
    part = fetching.cache.part(digest(content))
    part.write_bytes(b"x" * part.stat().st_size)
    got = fetching(url, digest(content))
    assert got.path.read_bytes() == content
    assert [each.status for each in web.requests(PATH)] == [200, 206, 200]


def test_a_part_file_that_is_too_long_is_thrown_away(web, content, fetching):
    url = web.put(PATH, content, cut=300_000, connections=1)
    with pytest.raises(ArtifactError):
        fetching(url, digest(content), retries=0)
    fetching.cache.part(digest(content)).write_bytes(content + b"more")
    assert fetching(url, digest(content)).path.read_bytes() == content
    assert [each.status for each in web.requests(PATH)] == [200, 416, 200]


def test_a_part_file_that_is_complete_is_asked_about_once_more(web, content, fetching):
    """A run that was killed between the last byte and the check."""
    url = web.put(PATH, content, cut=300_000, connections=1)
    with pytest.raises(ArtifactError):
        fetching(url, digest(content), retries=0)
    fetching.cache.part(digest(content)).write_bytes(content)
    assert fetching(url, digest(content)).path.read_bytes() == content
    assert [each.status for each in web.requests(PATH)] == [200, 416]


def test_another_part_than_was_asked_for(web, content, fetching):
    url = web.put(PATH, content, cut=300_000, connections=1, wrong_range=True)
    assert fetching(url, digest(content)).path.read_bytes() == content
    assert [each.status for each in web.requests(PATH)] == [200, 206, 200]


def test_wrong_bytes_name_both_digests_and_leave_nothing(web, content, fetching):
    url = web.put(PATH, content)
    wanted = digest(b"what was tested")
    with pytest.raises(ClashError, match=f"has SHA-256 {digest(content)}.*pins {wanted}"):
        fetching(url, wanted)
    assert [path for path in fetching.cache.root.rglob("*") if path.is_file() and path.parent.name != "locks"] == []
    assert len(web.seen) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_busy_server_is_asked_again(web, content, fetching, status):
    url = web.put(PATH, content, statuses=[status, status])
    assert fetching(url, digest(content)).size == len(content)


@pytest.mark.parametrize(("status", "told"), [(403, "answered 403 Forbidden. Give credentials"), (410, "answered 410 Gone")])
def test_a_refusal_is_not_repeated(web, content, fetching, status, told):
    url = web.put(PATH, content, statuses=[status, status])
    with pytest.raises(ArtifactError, match=told):
        fetching(url, digest(content))
    assert len(web.seen) == 1


def test_chunks_have_no_length(web, content, fetching):
    assert fetching(web.put(PATH, content, chunked=True), digest(content)).size == len(content)


@pytest.mark.parametrize("options", [{"most": 500_000}, {"most": 500_000, "size": None}])
def test_too_large_is_not_loaded(web, content, fetching, options):
    with pytest.raises(ArtifactError, match=r"has 700000 bytes, allowed: 500000. Nothing was loaded"):
        fetching(web.put(PATH, content), digest(content), **options)


def test_a_body_without_end_is_ended(web, content, fetching):
    with pytest.raises(ArtifactError, match=r"sent more than 500000 bytes. What came was thrown away"):
        fetching(web.put(PATH, content, endless=True), digest(content), most=500_000)
    assert not fetching.cache.part(digest(content)).exists()


def test_another_size_than_the_manifest_s(web, content, fetching):
    with pytest.raises(ArtifactError, match="has 700000 bytes, the release manifest pins 1000"):
        fetching(web.put(PATH, content), digest(content), size=1000)


def test_a_server_that_says_nothing_more(web, content, fetching):
    url = web.put(PATH, content, stall=30.0)
    with pytest.raises(ArtifactError, match="did not answer in time"):
        fetching(url, digest(content), timeout=0.3, retries=1)


def test_a_deadline_for_the_whole(web, content, fetching):
    url = web.put(PATH, content, endless=True)
    with pytest.raises(ArtifactError, match=r"was not loaded within 0.5 s"):
        fetching(url, digest(content), deadline=0.5, most=10**12)


def test_nobody_listens(fetching, free_port):
    with pytest.raises(ArtifactError, match="could not be reached"):
        fetching(f"http://127.0.0.1:{free_port()}/x", digest(b""), retries=1)


def test_many_at_once_load_once(web, content, fetching):
    """Hosts of one play run in processes of their own; the lock is one of files."""
    url = web.put(PATH, content, cut=600_000, connections=1)
    found, failed = [], []

    def one():
        try:
            found.append(fetching(url, digest(content)))
        except Exception as exc:
            failed.append(exc)

    threads = [threading.Thread(target=one) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failed == []
    assert sorted(each.cached for each in found) == [False] + [True] * 7
    assert [each.status for each in web.requests(PATH)] == [200, 206]


def test_what_was_changed_in_the_cache_is_loaded_anew(web, content, fetching):
    url = web.put(PATH, content)
    path = fetching(url, digest(content)).path
    path.chmod(0o600)
    path.write_bytes(content[:-1] + b"!")
    again = fetching(url, digest(content))
    assert (again.cached, again.path.read_bytes()) == (False, content)


def test_check_mode_loads_nothing(web, content, fetching):
    url = web.put(PATH, content)
    assert fetching(url, digest(content), check=True).path is None
    assert (web.seen, fetching.cache.root.exists()) == ([], False)
    fetching(url, digest(content))
    assert fetching(url, digest(content), check=True).cached is True


# What repositories say of a file before it is loaded


def test_the_header_of_artifactory_ends_it_before_the_body(web, content, fetching):
    other = digest(b"other")
    url = web.put(PATH, content, headers={"X-Checksum-Sha256": other})
    with pytest.raises(ClashError, match=f"has SHA-256 {other} according to its header X-Checksum-Sha256.*pins {digest(content)}.*Nothing was loaded"):
        fetching(url, digest(content))


@pytest.mark.parametrize("known", [True, False])
def test_the_checksum_file_of_nexus(web, content, fetching, known):
    url = web.put(PATH, content)
    if known:
        web.put(f"{PATH}.sha256", f"{digest(content)}  shop-1.0.0.tar.gz\n".encode())
    assert fetching(url, digest(content), access={"checksum_file": True}).size == len(content)
    assert len(web.requests(f"{PATH}.sha256")) == 1


def test_another_digest_in_the_checksum_file(web, content, fetching):
    url = web.put(PATH, content)
    other = digest(b"other")
    web.put(f"{PATH}.sha256", other.encode())
    with pytest.raises(ClashError, match=f"{other} according to .*tar.gz.sha256, the release manifest pins {digest(content)}"):
        fetching(url, digest(content), access={"checksum_file": True})
    assert web.requests(PATH) == []


# Names


def test_a_version_never_changes(web, content, fetching):
    fetching(web.put(PATH, content), digest(content))
    web.put("/new.tar.gz", b"new")
    with pytest.raises(ClashError, match=f"shop 1.0.0 .* has SHA-256 {digest(content)}, seen from {re.escape(web.url)}.*now pins {digest(b'new')}"):
        fetching(f"{web.url}/new.tar.gz", digest(b"new"))
    assert fetching(f"{web.url}/new.tar.gz", digest(b"new"), version="1.0.1").size == 3


def test_a_name_against_the_rule_is_not_asked_for(web, content, fetching):
    document = {"rules": [{"name": "all", "components": ["*"], "unsigned": "a test", "file_name": r"{component}-{version}\.tar\.gz"}]}
    web.put("/evil.tar.gz", content)
    with pytest.raises(ArtifactError, match=r"named 'evil.tar.gz', the rule all"):
        fetching(f"{web.url}/evil.tar.gz", digest(content), document=document)
    assert web.seen == []
    assert fetching(web.put(PATH, content), digest(content), document=document).size == len(content)


def test_a_component_that_no_rule_names_is_not_asked_for(web, content, fetching):
    with pytest.raises(ArtifactError, match="no rule for the component 'bank'"):
        fetching(web.put(PATH, content), digest(content), component="bank")
    assert web.seen == []


@pytest.mark.parametrize("name", [{"component": "../../shop"}, {"version": "../1"}, {"version": "1/../../x"}])
def test_names_do_not_climb(web, content, fetching, name, tmp_path):
    with pytest.raises(ArtifactError, match="The artifact was refused"):
        fetching(web.put(PATH, content), digest(content), **name)
    assert list(tmp_path.iterdir()) == []


# Files of the controller


def test_a_file(tmp_path, content, fetching):
    path = tmp_path / "shop.tar.gz"
    path.write_bytes(content)
    for source in (path, f"file://{path}"):
        assert fetching(source, digest(content)).path.read_bytes() == content
    with pytest.raises(ClashError, match=digest(content)):
        fetching(path, digest(b"x"), version="2")
    with pytest.raises(ArtifactError, match="No such file"):
        fetching(tmp_path / "nowhere", digest(b"x"), version="3")
