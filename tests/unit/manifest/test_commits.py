# SPDX-License-Identifier: GPL-3.0-or-later
"""Changelogs from real git repositories; ids are compared with what git itself says."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import changelog, commits, git
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.commits import Commit
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

from .repository import Repository

ID = "1" * 40


def one(message: str, parents: int = 1) -> dict[str, Any]:
    return commits.changes([Commit(ID, ("2" * 40,) * parents, "Ada", message)])[0]


@pytest.mark.parametrize(
    ("message", "kind", "scope", "subject", "breaking"),
    [
        # The examples of conventionalcommits.org 1.0.0
        (
            "feat: allow provided config object to extend other configs\n\n"
            "BREAKING CHANGE: `extends` key in config file is now used for extending other config files",
            "feat",
            None,
            "allow provided config object to extend other configs",
            ["`extends` key in config file is now used for extending other config files"],
        ),
        (
            "feat!: send an email to the customer when a product is shipped",
            "feat",
            None,
            "send an email to the customer when a product is shipped",
            ["send an email to the customer when a product is shipped"],
        ),
        ("feat(api)!: send an email", "feat", "api", "send an email", ["send an email"]),
        (
            "feat!: drop support for Node 6\n\nBREAKING CHANGE: use JavaScript features not available in Node 6.",
            "feat",
            None,
            "drop support for Node 6",
            ["use JavaScript features not available in Node 6."],
        ),
        ("docs: correct spelling of CHANGELOG", "docs", None, "correct spelling of CHANGELOG", None),
        ("feat(lang): add Polish language", "feat", "lang", "add Polish language", None),
        ("fix: prevent racing of requests\n\nIntroduce a request id.\n\nReviewed-by: Z\nRefs: #123", "fix", None, "prevent racing of requests", None),
        # types are not case-sensitive, the token BREAKING CHANGE is; BREAKING-CHANGE is the same
        ("FIX: x", "fix", None, "x", None),
        ("fix: x\n\nbreaking change: y", "fix", None, "x", None),
        ("chore: x\n\nBREAKING-CHANGE: y\n  goes on\nRefs: #1", "chore", None, "x", ["y goes on"]),
        ("perf: x\n\nbody\n\nBREAKING CHANGE: y\n\nSigned-off-by: Z <z@example.com>", "perf", None, "x", ["y"]),
        # unknown forms stay
        ("Fixed the thing", "other", None, "Fixed the thing", None),
        ("fix:no space", "other", None, "fix:no space", None),
        ("fixup! feat: x", "other", None, "fixup! feat: x", None),
        ("fix(): x", "other", None, "fix(): x", None),
        ("", "other", None, "", None),
    ],
)
def test_the_forms(message: str, kind: str, scope: str | None, subject: str, breaking: list[str] | None) -> None:
    found = one(message)
    assert (found["kind"], found.get("scope"), found["subject"], found.get("breaking")) == (kind, scope, subject, breaking)


def test_authors_and_hidden_characters() -> None:
    found = one("fix: x\u202ey\u200b\x1b[31m\n\nCo-authored-by: Bea <bea@example.com>\nco-authored-by: Ada <ada@example.com>")
    assert found["authors"] == ["Ada", "Bea"]
    assert found["subject"] == "xy[31m"
    assert len(one(f"fix: {'x' * 5000}")["subject"]) == commits.LONGEST


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


def test_a_history_with_everything(repository: Repository) -> None:
    first = repository.commit("feat: begin")
    repository.git("tag", "-a", "v1.0.0", "-m", "v1.0.0")
    feature = repository.commit("feat(cart): gift cards\n\nCo-authored-by: Bea <bea@example.com>")
    bad = repository.commit("feat!: new prices")
    repository.git("revert", "--no-edit", bad)
    revert = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "side", first)
    (repository.path / "other").write_text("x")
    repository.git("add", "other")
    repository.git("commit", "--quiet", "-m", "fix: rounding")
    side = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "side", "-m", "Merge branch 'side'")
    merge = repository.git("rev-parse", "HEAD")
    plain = repository.commit("Whatever")
    found = git.read(str(repository.path), since="v1.0.0", until="HEAD")
    assert (found.since, found.until) == (first, plain)
    assert {commit.id for commit in found.commits} == set(repository.git("rev-list", "v1.0.0..HEAD").split())
    changes = {each["commit"]: each for each in commits.changes(found.commits)}
    assert {key: changes[key]["kind"] for key in (feature, bad, revert, side, merge, plain)} == {
        feature: "feat", bad: "feat", revert: "revert", side: "fix", merge: "merge", plain: "other",
    }  # fmt: skip
    assert changes[feature]["authors"] == ["Ada", "Bea"]
    assert changes[revert]["reverts"] == [bad]
    assert changes[bad]["reverted_by"] == revert
    ordered = list(changes.values())
    assert commits.suggested(ordered) == "minor"  # what broke was taken back
    assert commits.suggested([{**each, "reverted_by": ""} for each in ordered]) == "major"
    texts = commits.texts(ordered)
    assert [text for text in texts if "prices" in text] == [f"revert: feat!: new prices ({revert[:8]})"]
    assert f"other: Whatever ({plain[:8]})" in texts
    page = changelog.markdown("1.1.0", ordered)
    assert "## Merges" in page
    assert "## Breaking changes" not in page
    assert f"taken back by {revert[:8]}" in page


def test_a_revert_of_a_revert_brings_it_back(repository: Repository) -> None:
    repository.commit("chore: begin")
    bad = repository.commit("feat!: new prices")
    repository.git("revert", "--no-edit", bad)
    repository.git("revert", "--no-edit", "HEAD")
    changes = {each["commit"]: each for each in commits.changes(git.read(str(repository.path), since="", until="main").commits)}
    assert "reverted_by" not in changes[bad]
    assert commits.suggested(list(changes.values())) == "major"


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("v9", "HEAD", "no commit 'v9'"),
        ("", "--output=/tmp/x", "no commit '--output=/tmp/x'"),
        ("", "-v", "no commit '-v'"),
        ("", "HEAD; touch x", "is no name of a tag"),
        ("", "", "is no name of a tag"),
        ("main", "side", "not an ancestor"),
        ("", "HEAD:file", "no commit"),
    ],
)
def test_revisions_that_are_none(repository: Repository, since: str, until: str, words: str) -> None:
    repository.commit("feat: begin")
    repository.git("branch", "side")
    repository.commit("feat: go on")
    with pytest.raises(ManifestError, match=words):
        git.read(str(repository.path), since=since, until=until)


def test_a_shallow_clone_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.commit("feat: begin")
    repository.commit("feat: go on")
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.path}", str(tmp_path / "clone"))
    with pytest.raises(ManifestError, match="shallow"):
        git.read(str(tmp_path / "clone"), since="", until="HEAD")


def test_what_is_no_repository_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not a folder"):
        git.read(str(tmp_path / "nowhere"), since="", until="HEAD")
    with pytest.raises(ManifestError, match="no commit 'HEAD'"):
        git.read(str(tmp_path), since="", until="HEAD")


def test_the_users_configuration_changes_nothing(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit("feat: begin")
    repository.git("config", "log.showSignature", "true")
    repository.git("config", "format.pretty", "oneline")
    repository.git("config", "core.fsmonitor", "touch PWNED")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert [commit.message.strip() for commit in git.read(str(repository.path), since="", until="HEAD").commits] == ["feat: begin"]
    assert not (repository.path / "PWNED").exists()


EVIL = "feat(<b>): <script>alert(1)</script> [x](javascript:alert(1)) ![y](http://evil) `a` **b** | c\n\nBREAKING CHANGE: <img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)


def test_nothing_that_a_commit_says_is_markup() -> None:
    """By markdown-it, and by the HTML parser of the standard library for what passes raw HTML through."""
    page = changelog.markdown("1.1.0", [one(EVIL)])
    raw = Tags()
    raw.feed(page)
    assert raw.seen == []
    markdown_it = pytest.importorskip("markdown_it")
    rendered = Tags()
    rendered.feed(markdown_it.MarkdownIt("commonmark").render(page))
    assert set(rendered.seen) <= {"h1", "h2", "ul", "li", "strong"}
    text = markdown_it.MarkdownIt("commonmark").render(page)
    assert "[x](javascript:alert(1))" in text.replace("&amp;", "&")
