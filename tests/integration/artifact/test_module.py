# SPDX-License-Identifier: GPL-3.0-or-later
"""The task as a user writes it: sha256sum and the requests that the server saw are the judges."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile

import pytest
import yaml

PATH = "/shop-1.0.0.tar.gz"
POLICY = {"rules": [{"name": "own", "components": ["shop"], "unsigned": "a test", "file_name": r"{component}-{version}(-{arch})?\.tar\.gz"}]}
PASSWORD = "hunter22-not-to-be-seen"


@pytest.fixture
def archive():
    """(bytes, digest) of an artifact that release_artifact can unpack."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo("VERSION")
        member.size = 6
        tar.addfile(member, io.BytesIO(b"1.0.0\n"))
    content = made.getvalue()
    return content, hashlib.sha256(content).hexdigest()


def fetching(source, sha256, **options):
    task = {"component": "shop", "version": "1.0.0", "source": source, "sha256": sha256, "policy": POLICY, **options}
    return {"name": "fetch", "evenkeel.release.artifact": {name: value for name, value in task.items() if value is not None}, "register": "fetched"}


def play(*tasks, hosts="localhost", **more):
    return [{"hosts": hosts, "gather_facts": False, "tasks": list(tasks), **more}]


def fleet(number):
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {"all": {"hosts": {f"web{each}": host for each in range(1, number + 1)}}}


def test_check_once_again(playbook, web, archive):
    content, sha256 = archive
    fetch = fetching(web.put(PATH, content), sha256)
    entries = {"name": "entries", "ansible.builtin.debug": {"msg": "{{ lookup('evenkeel.release.ledger', 'entries', kind='validation') }}"}}
    tasks = [{**fetch, "name": "checked", "check_mode": True}, {**fetch, "name": "first"}, {**fetch, "name": "again"}, entries]
    run = playbook(play(*tasks))
    assert run.rc == 0, run.stdout
    assert [run.result(name)["changed"] for name in ("checked", "first", "again")] == [True, True, False]
    assert len(web.seen) == 1
    assert run.result("checked")["artifact"]["path"] == ""
    made = run.result("first")["artifact"]
    assert subprocess.run(["sha256sum", made["path"]], check=True, capture_output=True, text=True).stdout.split()[0] == sha256
    wanted = {"component": "shop", "version": "1.0.0", "platform": "any", "size": len(content), "cached": False, "rule": "own"}
    assert {name: made[name] for name in wanted} == wanted
    (entry,) = run.result("entries")["msg"]
    assert (entry["subject"], entry["body"]["sha256"]) == ("artifact/shop/1.0.0/any", sha256)


def test_one_download_for_a_fleet(playbook, web, archive, tmp_path):
    """Four hosts at once; each of them gets the bytes, the server is asked once."""
    content, sha256 = archive
    url = web.put(PATH, content, cut=20)
    task = {"root": f"{tmp_path}/srv/{{{{ inventory_hostname }}}}", "version": "1.0.0", "source": url, "sha256": sha256}
    install = {"name": "install", "evenkeel.release.release_artifact": task}
    run = playbook(play(fetching(url, sha256), install, hosts="all"), inventory=fleet(4), args=("--forks", "4"))
    assert run.rc == 0, run.stdout
    assert sorted(each["changed"] for each in run.results("fetch").values()) == [False, False, False, True]
    assert [each.status for each in web.seen] == [200, 206]
    for number in range(1, 5):
        assert (tmp_path / f"srv/web{number}/releases/1.0.0/VERSION").read_text() == "1.0.0\n"


def test_an_address_that_hosts_can_not_read_comes_from_the_cache(playbook, web, tmp_path, archive):
    content, sha256 = archive
    task = {"root": str(tmp_path / "srv"), "version": "1.0.0", "source": "s3://releases/shop.tar.gz?secret=1", "sha256": sha256}
    install = {"evenkeel.release.release_artifact": task}
    before, after = {"name": "before", "ignore_errors": True, **install}, {"name": "after", **install}
    run = playbook(play(before, fetching(web.put(PATH, content), sha256), after))
    assert "The artifact s3://releases/shop.tar.gz is not in the cache of the controller" in run.result("before")["msg"]
    assert run.result("after")["changed"] is True
    assert (tmp_path / "srv/releases/1.0.0/VERSION").read_text() == "1.0.0\n"


def test_facts_choose_the_variant(playbook, web, archive):
    content, sha256 = archive
    variants = [{"os": "linux", "arch": arch, "source": web.put(f"/shop-1.0.0-{arch}.tar.gz", content), "sha256": sha256} for arch in ("amd64", "s390x")]
    facts = {"name": "facts", "ansible.builtin.set_fact": {"ansible_system": "Linux", "ansible_architecture": "s390x"}}
    fetch = fetching(None, None, variants=variants)
    run = playbook(play({**fetch, "name": "without", "ignore_errors": True}, facts, fetch))
    assert run.rc == 0, run.stdout
    assert [each.path for each in web.seen] == ["/shop-1.0.0-s390x.tar.gz"]
    assert run.result("fetch")["artifact"]["platform"] == "linux/s390x"
    assert "Which variant the host needs is not known" in run.result("without")["msg"]


def test_the_ledger_knows_what_another_controller_saw(playbook, web, archive, tmp_path):
    """Another cache, the same ledger."""
    content, sha256 = archive
    other = hashlib.sha256(b"other").hexdigest()
    one = {**fetching(web.put(PATH, content), sha256), "name": "one", "vars": {"evenkeel_state_dir": str(tmp_path / "one")}}
    two = {**fetching(web.put("/other/shop-1.0.0.tar.gz", b"other"), other), "vars": {"evenkeel_state_dir": str(tmp_path / "two")}}
    run = playbook(play(one, {**two, "name": "two"}), extra_vars={"evenkeel_ledger_url": f"sqlite:///{tmp_path}/shared.sqlite"})
    assert run.rc != 0
    assert f"has SHA-256 {sha256}, recorded in the ledger at" in run.result("two")["msg"]
    assert other in run.result("two")["msg"]
    assert len(web.seen) == 1


def test_a_run_that_ended_before_its_record_is_made_good(playbook, web, archive, tmp_path):
    """The cache has it, the ledger doesn't."""
    content, sha256 = archive
    fetch = fetching(web.put(PATH, content), sha256)
    unrecorded = {**fetch, "name": "unrecorded", "evenkeel.release.artifact": {**fetch["evenkeel.release.artifact"], "record": False}}
    entries = {"name": "entries", "ansible.builtin.debug": {"msg": "{{ lookup('evenkeel.release.ledger', 'entries', kind='validation') }}"}}
    run = playbook(play(unrecorded, {**fetch, "name": "recorded"}, {**fetch, "name": "again"}, entries))
    assert run.rc == 0, run.stdout
    assert [run.result(name)["changed"] for name in ("unrecorded", "recorded", "again")] == [True, False, False]
    assert [entry["body"]["sha256"] for entry in run.result("entries")["msg"]] == [sha256]
    assert len(web.seen) == 1


def test_secrets_stay_secret_however_much_is_told(playbook, web, archive):
    content, sha256 = archive
    given = {"username": "ada", "password": PASSWORD, "headers": {"X-JFrog-Art-Api": PASSWORD}}
    fetch = fetching(f"{web.put(PATH, content, statuses=[403])}?X-Amz-Signature={PASSWORD}", sha256, credentials=given)
    run = playbook(play({**fetch, "name": "refused", "ignore_errors": True}, fetch), args=("-vvv",))
    assert run.rc == 0, run.stdout
    assert PASSWORD not in run.stdout + run.stderr + json.dumps(run.json)
    assert web.seen[0].headers["x-jfrog-art-api"] == PASSWORD
    assert not any(PASSWORD.encode() in path.read_bytes() for path in run.state_dir.rglob("*") if path.is_file())


ARGUMENTS = {
    "digest": ({"sha256": None}, "has no sha256"),
    "short": ({"sha256": "12"}, "64 hexadecimal digits"),
    "source": ({"source": None}, "has no source"),
    "policy": ({"policy": None}, "state is present but all of the following are missing: policy"),
    "climbs": ({"component": "../shop"}, "component is '../shop'"),
    "limits": ({"max_size": 0, "retries": -1}, "max_size is 0, allowed: more than 0; retries is -1, allowed: 0 or more"),
    "both": ({"repository": {"layout": "nexus", "url": "https://n.example", "path": "x"}}, "mutually exclusive"),
    "unknown": ({"credentials": {"passwort": PASSWORD}}, "passwort"),
}


def test_arguments(playbook, web, archive):
    content, sha256 = archive
    good = {"source": web.put(PATH, content), "sha256": sha256}
    tasks = [{**fetching(**{**good, **options}), "name": name, "ignore_errors": True} for name, (options, _told) in ARGUMENTS.items()]
    run = playbook(play(*tasks))
    for name, (_options, told) in ARGUMENTS.items():
        assert told in run.result(name)["msg"]
    assert PASSWORD not in run.stdout
    assert web.seen == []


# Making room

MANIFEST = {"type": "minor", "owner": "team-shop", "summary": "x", "changelog": ["x"], "rollback": {"criteria": ["x"], "max_minutes": 1, "migration": "none"}}


def test_cleaning_keeps_what_a_rollback_needs(playbook, tmp_path):
    releases, digests, tasks = tmp_path / "releases", {}, []
    releases.mkdir()
    (tmp_path / "empty").mkdir()
    for number in range(1, 4):
        version = f"1.{number}.0"
        path = tmp_path / f"shop-{version}.tar.gz"
        path.write_bytes(version.encode())
        digests[version] = hashlib.sha256(version.encode()).hexdigest()
        component = {"version": version, "artifact": str(path), "sha256": digests[version]}
        (releases / f"{version}.yml").write_text(yaml.safe_dump({"version": version, **MANIFEST, "components": {"shop": component}}))
        about = {"kind": "deployment", "environment": "prod", "release": version, "subject": "shop"}
        outcome = {**about, "phase": "outcome", "intent": "{{ intent.entry.id }}", "verdict": "passed"}
        tasks += [
            {**fetching(str(path), digests[version], version=version), "name": f"fetch {version}"},
            {"name": "intent", "evenkeel.release.record": {**about, "phase": "intent"}, "register": "intent"},
            {"name": "outcome", "evenkeel.release.record": outcome},
        ]
    clean = {"evenkeel.release.artifact": {"state": "cleaned", "releases_dir": str(releases), "keep": 2, "min_age": 0}}
    blind = {"evenkeel.release.artifact": {**clean["evenkeel.release.artifact"], "releases_dir": str(tmp_path / "empty")}}
    first = {"name": "no ledger", "ignore_errors": True, **clean}
    last = [{"name": "blind", "ignore_errors": True, **blind}, {"name": "checked", "check_mode": True, **clean}, {"name": "clean", **clean}]
    run = playbook(play(first, *tasks, *last))
    assert run.rc == 0, run.stdout
    assert "there is no ledger" in run.result("no ledger")["msg"]
    assert "there is no manifest of 1.2.0, 1.3.0, which prod may have to go back to" in run.result("blind")["msg"]
    done = run.result("clean")
    assert run.result("checked")["removed"] == done["removed"] == [digests["1.1.0"]]
    assert done["releases"] == {"prod": ["1.2.0", "1.3.0"]}
    held = {path.name for path in (run.state_dir / "artifacts/objects").rglob("*") if path.is_file()}
    assert held == {digests["1.2.0"], digests["1.3.0"]}
