# SPDX-License-Identifier: GPL-3.0-or-later
"""From a list of reports to evidence documents: all faults at once, and each file bound to the right artifact."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import document, request
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.request import Context
from ansible_collections.evenkeel.release.tests.unit.quality.quality_helper import NOW, SAMPLES, SHOP, WEB, manifest

TWO = manifest(
    shop={"version": "1.0.0", "artifact": "shop.tgz", "sha256": SHOP},
    web={"version": "2.0.0", "artifact": "web.tgz", "sha256": WEB},
)


def plan(*reports: dict[str, Any], release: dict[str, Any] | None = TWO, base: Path = SAMPLES) -> tuple[list[request.Planned], list[str]]:
    full = [{"name": "n", "made_at": "2027-01-15T08:00:00Z", **report} for report in reports]
    planned, faults = request.plan(full, Context(NOW, str(base), release))
    return planned, [str(fault) for fault in faults]


def only(report: dict[str, Any], **more: Any) -> request.Planned:
    planned, faults = plan(report, **more)
    assert faults == []
    assert len(planned) == 1
    return planned[0]


def test_a_document_says_what_from_which_file_when_and_about_what() -> None:
    found = only({"src": "gotestsum.xml", "component": "shop", "name": "unit"})
    assert found.artifact == document.Artifact(SHOP, "shop", "1.0.0", "shop")
    body = found.body
    assert (body["format"], body["kind"], body["name"], body["component"], body["version"], body["verdict"]) == (1, "tests", "unit", "shop", "1.0.0", "failed")
    assert body["made_at"] == "2027-01-14T09:00:00+00:00"  # of the file, and not of the caller
    (only_file,) = body["files"]
    assert (only_file["name"], only_file["format"], only_file["bytes"]) == ("gotestsum.xml", "junit", os.path.getsize(SAMPLES / "gotestsum.xml"))
    assert len(only_file["sha256"]) == 64
    assert body["tool"] == {"name": "go test", "version": "go1.24.1 linux/amd64"}


def test_the_caller_says_what_the_file_does_not() -> None:
    found = only({"src": "coverage.info", "component": "shop", "tool": {"name": "lcov", "version": "2.0"}})
    assert (found.body["made_at"], found.body["tool"]) == ("2027-01-15T08:00:00+00:00", {"name": "lcov", "version": "2.0"})


def test_what_it_is_about() -> None:
    assert only({"src": "pytest-passed.xml", "artifact": WEB}).artifact.component == "web"
    assert only({"src": "pytest-passed.xml"}).artifact.sha256 == document.digest_of(TWO)
    alone = only({"src": "pytest-passed.xml", "artifact": "c" * 64, "component": "batch"}, release=None)
    assert alone.artifact == document.Artifact("c" * 64, "batch", "", "batch")


def test_shards_are_one_piece_of_evidence() -> None:
    found = only({"src": ["pytest-passed.xml", "gotestsum.xml"], "component": "shop"})
    assert (found.body["numbers"]["tests"], found.body["numbers"]["failed"], found.body["verdict"], len(found.body["files"])) == (5, 1, "failed", 2)
    assert found.body["made_at"] == "2026-11-22T17:29:37+00:00"  # the oldest


def test_a_pattern(tmp_path: Path) -> None:
    for name in ("TEST-a.xml", "deep/TEST-b.xml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(SAMPLES / "pytest-passed.xml", tmp_path / name)
    assert len(only({"src": ["**/TEST-*.xml"], "component": "shop"}, base=tmp_path).body["files"]) == 2
    assert [one["name"] for one in only({"src": ["deep/*.xml"], "component": "shop"}, base=tmp_path).body["files"]] == ["deep/TEST-b.xml"]


def test_a_file_of_several_kinds() -> None:
    planned, faults = plan({"src": "trivy.json", "component": "shop"})
    assert faults == []
    assert sorted(one.body["kind"] for one in planned) == ["dependencies", "infrastructure", "static_analysis"]
    assert only({"src": "trivy.json", "component": "shop", "kind": "dependencies"}).body["kind"] == "dependencies"


def test_sarif_is_what_the_caller_says_it_is() -> None:
    assert only({"src": "bandit.sarif.json", "component": "shop"}).body["kind"] == "static_analysis"
    assert only({"src": "bandit.sarif.json", "component": "shop", "kind": "dynamic_analysis"}).body["kind"] == "dynamic_analysis"


def test_vex() -> None:
    found = only({"src": "grype.json", "component": "shop", "vex": ["openvex.json"]})
    assert (found.body["numbers"]["medium"], found.body["numbers"]["suppressed"], found.body["numbers"]["vex_used"]) == (0, 2, 1)
    (note,) = found.body["vex"]
    assert (note["name"], note["statements"], len(note["sha256"])) == ("openvex.json", 3, 64)


# report, words of the only fault
BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "absent": ({"src": "never.xml"}, ["never.xml", "found nothing", "a readable file"]),
    "no match": ({"src": "never-*.xml"}, ["never-*.xml", "no file below", "one file or more"]),
    "folder": ({"src": "."}, ["Is a directory"]),
    "component": ({"src": "pytest-passed.xml", "component": "shp"}, ["shp", f"shop {SHOP}", f"web {WEB}"]),
    "artifact": ({"src": "pytest-passed.xml", "artifact": "d" * 64}, ["an artifact dddd", "what release 1.0.0 pins"]),
    "artifact of another": ({"src": "pytest-passed.xml", "artifact": WEB, "component": "shop"}, ["shop bbbb"]),
    "digest": ({"src": "pytest-passed.xml", "artifact": "ABC"}, ["reports[0].artifact", "'ABC'", "64 lower-case"]),
    "name": ({"src": "pytest-passed.xml", "name": "../../etc"}, ["reports[0].name", "../../etc"]),
    "time": ({"src": "coverage.info", "made_at": "2027-01-15 8 am"}, ["reports[0].made_at", "RFC 3339"]),
    "time without zone": ({"src": "coverage.info", "made_at": "2027-01-15T08:00:00"}, ["reports[0].made_at", "its zone"]),
    "no time": ({"src": "coverage.info", "made_at": ""}, ["no time at which it was made", "pass made_at"]),
    "future": ({"src": "coverage.info", "made_at": "2027-01-15T12:02:00Z"}, ["in the future", "a time that has passed"]),
    "zone": ({"src": "jest.xml", "timezone": "Mars/Olympus"}, ["reports[0].timezone", "Mars/Olympus"]),
    "kind": ({"src": "pytest-passed.xml", "kind": "uat"}, ["reports[0].kind", "found uat; allowed: tests"]),
    "kind of sarif": ({"src": "bandit.sarif.json", "kind": "tests"}, ["allowed: static_analysis, dynamic_analysis, infrastructure"]),
    "place": ({"src": "locust.json", "component": "shop"}, ["reports[0].environment", "where it was measured"]),
    "another artifact": ({"src": "sbom.spdx", "component": "web"}, [f"about the artifact with sha256 {SHOP}", f"sha256 {WEB}"]),
    "bad vex": ({"src": "grype.json", "vex": ["grype.json"]}, ["grype.json", "no VEX"]),
    "absent vex": ({"src": "grype.json", "vex": ["never.json"]}, ["never.json", "found nothing"]),
    "unsigned": ({"src": "pytest-passed.xml", "format": "statement"}, ["reports[0].signature"]),
}


@pytest.mark.parametrize("name", BAD)
def test_faults(name: str) -> None:
    report, words = BAD[name]
    planned, faults = plan(report)
    assert (planned, len(faults)) == ([], 1)
    assert [word for word in words if word not in faults[0]] == [], faults[0]


def test_all_faults_of_all_reports_at_once() -> None:
    planned, faults = plan({"src": "never.xml"}, {"src": "pytest-passed.xml", "component": "shop"}, {"src": "README.md"}, {"src": "jest.xml", "component": "x"})
    assert len(planned) == 1
    assert len(faults) == 3


def test_a_name_is_given_once() -> None:
    planned, faults = plan({"src": "pytest-passed.xml", "component": "shop"}, {"src": "jest.xml", "component": "shop"})
    assert len(faults) == 1
    assert "the name n of reports[0] again for tests" in faults[0]
    assert plan({"src": "pytest-passed.xml", "component": "shop"}, {"src": "cobertura.xml", "component": "shop"})[1] == []
    assert len(planned) == 1


def test_a_component_of_several_platforms_needs_the_digest() -> None:
    variants = [{"os": "linux", "arch": arch, "artifact": f"{arch}.tgz", "sha256": sha256} for arch, sha256 in (("amd64", SHOP), ("arm64", WEB))]
    release = manifest(shop={"version": "1.0.0", "variants": variants})
    _planned, faults = plan({"src": "pytest-passed.xml", "component": "shop"}, release=release)
    assert "of which there are 2 artifacts" in faults[0]
    assert only({"src": "pytest-passed.xml", "component": "shop", "artifact": WEB}, release=release).artifact.label == "shop (linux/arm64)"


def test_a_clock_that_is_a_little_ahead_is_let_pass() -> None:
    assert only({"src": "coverage.info", "made_at": (NOW + timedelta(seconds=50)).isoformat()}).body["made_at"] == NOW.isoformat()


def test_times_without_a_zone() -> None:
    assert only({"src": "jest.xml", "timezone": "Asia/Tokyo"}).body["made_at"] == "2026-11-22T08:31:50+00:00"
    assert only({"src": "jest.xml"}).body["made_at"] == "2026-11-22T17:31:50+00:00"


def test_a_pipe_does_not_make_us_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    _planned, faults = plan({"src": "pipe.xml"}, base=tmp_path)
    assert "no regular file" in faults[0]


def test_the_digest_of_a_manifest_is_of_what_it_says() -> None:
    assert document.digest_of(TWO) == document.digest_of(dict(reversed(list(TWO.items()))))
    assert document.digest_of(TWO) != document.digest_of(manifest())


def test_many_files_are_listed_in_part_and_counted_as_a_whole(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"TEST-{number}.xml").write_text(f'<testsuite name="s{number}" tests="1" timestamp="2027-01-15T01:00:00"><testcase name="t"/></testsuite>')
    report = {"src": ["TEST-*.xml"], "component": "shop"}
    first = only(report, base=tmp_path).body
    assert (first["numbers"]["tests"], len(first["files"]), first["files_total"]) == (150, 100, 150)
    last = first["files"][-1]["name"]
    other = next(path for path in tmp_path.iterdir() if path.name > last)  # one that is not listed
    other.write_text(other.read_text().replace('"t"', '"u"'))
    second = only(report, base=tmp_path).body
    assert first["files"] == second["files"]
    assert document.identity(first) != document.identity(second)


def test_a_report_does_not_steer_the_terminal(tmp_path: Path) -> None:
    escape = "\x1b]0;owned\x07\u202e"
    (tmp_path / "bad.json").write_text('{"summary": {"deployable": false, "reason": "a' + json.dumps(escape)[1:-1] + 'b"}, "matrix": []}')
    assert only({"src": "bad.json", "component": "shop"}, base=tmp_path).body["reason"] == "the broker says: a?]0;owned??b"
    (tmp_path / "bad.info").write_text("SF:a\nDA:" + escape + "\nend_of_record\n")
    _planned, faults = plan({"src": "bad.info", "component": "shop"}, base=tmp_path)
    assert faults[0].isprintable()
    assert "owned" in faults[0]
