# SPDX-License-Identifier: GPL-3.0-or-later
"""check.py EDITS FOLDER: every edit was found and attributed, nothing else was found, and AIDE saw the same files."""

from __future__ import annotations

import fnmatch
import json
import sys
from pathlib import Path

import yaml


def main(edits_file: str, folder: Path) -> int:
    edits = yaml.safe_load(Path(edits_file).read_text(encoding="utf-8"))["lab_edits"]
    found = {}
    for subject in json.loads((folder / "found.json").read_text(encoding="utf-8"))["subjects"]:
        found.setdefault(subject["host"], []).extend({**finding, "service": subject["service"]} for finding in subject["findings"])
    faults = [*missing(edits, found), *unexpected(edits, found), *unlike_aide(folder, found)]
    print("\n".join(faults) or f"{len(edits)} edits: each found and attributed, nothing else, as AIDE says")
    return 1 if faults else 0


def missing(edits, found):
    for edit in edits:
        for pattern in edit["finds"]:
            hits = [finding for finding in found.get(edit["host"], []) if fnmatch.fnmatchcase(finding["path"], pattern)]
            if not hits:
                yield f"{edit['name']}: nothing on {edit['host']} is like {pattern}"
        hits = [finding for finding in found.get(edit["host"], []) if any(fnmatch.fnmatchcase(finding["path"], pattern) for pattern in edit["finds"])]
        if hits and not any("alice" in str(hint.get("who")) for finding in hits for hint in finding.get("attribution", [])):
            yield f"{edit['name']}: nobody says that it was alice: {[finding.get('attribution') for finding in hits]}"


def unexpected(edits, found):
    for host, findings in sorted(found.items()):
        known = [pattern for edit in edits if edit["host"] == host for pattern in (*edit["finds"], *edit["also"])]
        for finding in findings:
            if not any(fnmatch.fnmatchcase(finding["path"], pattern) for pattern in known):
                yield f"{host}: {finding['path']} was found and nobody touched it: {finding}"


def unlike_aide(folder, found):
    for report in sorted(folder.glob("aide-*.json")):
        host = report.stem.removeprefix("aide-")
        told = json.loads(report.read_text(encoding="utf-8"))
        theirs = {path for part in ("added", "removed", "changed") for path in told.get(part, {})}
        ours = {
            path.removeprefix("file:")
            for finding in found.get(host, [])
            if finding["service"] == "system"
            for path in (finding["path"], finding.get("from") or "")
            if path.startswith("file:")
        }
        if theirs != ours:
            yield f"{host}: AIDE alone {sorted(theirs - ours)}, we alone {sorted(ours - theirs)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
