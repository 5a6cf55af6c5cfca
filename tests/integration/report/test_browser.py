# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a real browser. Skipped where there is none; the container tests install one."""

from __future__ import annotations

import html
import re
import shutil
import subprocess

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
DARK, LIGHT = "0", "1"
# The page stands in a frame as wide as a phone: browser windows themselves can't be that narrow. Column heads are left out:
# on a phone they are clipped to one pixel, there for screen readers.
FRAME = """<!doctype html><iframe id="f" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<script>document.getElementById("f").onload = event => {{
  const inner = event.target.contentDocument, root = inner.documentElement, seen = document.createElement("pre");
  for (const item of inner.querySelectorAll("details")) item.open = true;
  for (const item of inner.querySelectorAll("#{pick}")) item.click();
  const outside = [...inner.querySelectorAll("main *:not(thead, thead *)")].filter(item => item.getBoundingClientRect().right > root.clientWidth + 1);
  const plots = [...inner.querySelectorAll(".plot:not(.trend)")].filter(item => item.getBoundingClientRect().width > 0);
  const findings = [...inner.querySelectorAll(".host .findings > li:not(.more), .tree > .card > .findings > li")];
  const listed = findings.filter(item => item.getBoundingClientRect().height > 0);
  seen.textContent = ["width", root.scrollWidth, root.clientWidth, outside.length, plots.length, listed.length,
    event.target.contentWindow.getComputedStyle(inner.body).backgroundColor].join("|");
  document.body.append(seen);
}};</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium here")


@pytest.fixture
def page(playbook, ledger_url, load, tmp_path):
    dest = tmp_path / "report.html"
    found = {"evenkeel_report_dest": str(dest), "evenkeel_report_load": load, "evenkeel_ledger_url": ledger_url}
    run = playbook("evenkeel.release.report", extra_vars=found)
    assert run.rc == 0, run.stdout
    return dest


@pytest.fixture
def browse(tmp_path):
    def run(path, *flags):
        argv = [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", *flags, path.as_uri()]
        return subprocess.run(argv, capture_output=True, text=True, timeout=90)

    return run


@pytest.fixture
def measure(page, browse, tmp_path):
    def run(width, scheme, pick="least-all"):
        frame = tmp_path / "frame.html"
        frame.write_text(FRAME.format(width=width, pick=pick, page=html.escape(page.read_text())))
        done = browse(frame, "--dump-dom", f"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=3000")
        found = re.search(r"<pre>width\|(\d+)\|(\d+)\|(\d+)\|(\d+)\|(\d+)\|(.*?)</pre>", done.stdout)
        assert found, done.stderr[-2000:]
        scroll, client, outside, plots, listed = map(int, found.groups()[:5])
        return {"scroll": scroll, "client": client, "outside": outside, "plots": plots, "listed": listed, "background": found.group(6)}

    return run


def test_no_message_on_the_console(page, browse, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text("<script>throw new Error('seen')</script>")
    assert "CONSOLE" in browse(broken, "--dump-dom").stderr  # the check itself would notice
    assert "CONSOLE" not in browse(page, "--dump-dom").stderr


@pytest.mark.parametrize("width", [360, 390, 800, 1200])
def test_nothing_sticks_out_to_the_side_and_one_plot_is_shown(measure, width):
    seen = measure(width, LIGHT)
    assert (seen["scroll"], seen["outside"], seen["plots"], seen["listed"]) == (seen["client"], 0, 1, 3)


def test_findings_are_filtered_by_severity_without_a_script(measure):
    assert measure(390, LIGHT, "least-medium")["listed"] == 1


def test_dark_mode_is_dark(measure):
    light, dark = measure(390, LIGHT)["background"], measure(390, DARK)["background"]
    assert sum(map(int, re.findall(r"\d+", light))) > 600
    assert sum(map(int, re.findall(r"\d+", dark))) < 150
