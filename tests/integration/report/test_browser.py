# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a real browser. Skipped where there is none; the container tests install one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import pytest
from ansible_collections.evenkeel.release.tests.integration.report.conftest import a_ledger, a_load
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
DARK, LIGHT = "0", "1"
WIDTHS = (360, 375, 390, 800, 1200, 1280)
# The page stands in a frame as wide as a phone: browser windows themselves can't be that narrow. Column heads are left out:
# on a phone they are clipped to one pixel, there for screen readers.
FRAME = """<iframe style="width:{width}px;height:900px;border:0" srcdoc="{page}" onload="measure(event.target, '{pick}')"></iframe>"""
SCRIPT = """<!doctype html><script>
const parts = color => color.match(/[\\d.]+/g).map(Number);
const light = color => {
  const [r, g, b] = parts(color).slice(0, 3).map(part => part / 255).map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const measure = (frame, pick) => {
  const inner = frame.contentDocument, root = inner.documentElement, style = item => frame.contentWindow.getComputedStyle(item);
  const seen = document.createElement("pre"), all = (path, base = inner) => [...base.querySelectorAll(path)];
  const box = item => item.getBoundingClientRect(), shown = items => items.filter(item => box(item).height > 0 && box(item).width > 0);
  for (const item of all("details")) item.open = true;
  for (const item of all("#" + pick)) item.click();
  const clear = item => (parts(style(item).backgroundColor)[3] ?? 1) == 0;
  const behind = item => item && clear(item) ? behind(item.parentElement) : style(item || inner.body).backgroundColor;
  const told = shown(all(".data *").filter(item => [...item.childNodes].some(node => node.nodeType == 3 && node.data.trim())));
  const contrast = item => {
    const pair = [item.ownerSVGElement ? style(item).fill : style(item).color, behind(item)].map(light).sort((one, other) => one - other);
    return (pair[1] + .05) / (pair[0] + .05);
  };
  const charts = shown(all(".plot.refreshes")), within = (one, other) => one.left >= other.left - 1 && one.right <= other.right + 1;
  seen.textContent = JSON.stringify({
    width: frame.clientWidth, scroll: root.scrollWidth, client: root.clientWidth,
    outside: all("main *:not(thead, thead *)").filter(item => box(item).right > root.clientWidth + 1).length,
    plots: shown(all(".plot:not(.trend, .refreshes)")).length,
    listed: shown(all(".host .findings > li:not(.more), .tree > .card > .findings > li")).length,
    background: style(inner.body).backgroundColor,
    charts: charts.map(chart => shown(all("text.unit", chart)).filter(unit => within(box(unit), box(chart))).map(unit => unit.textContent)),
    letters: Math.min(...charts.flatMap(chart => all("text", chart)).map(item => box(item).height)),
    overview: all(".overview tbody tr").map(row => row.innerText.replace(/\\s+/g, " ").trim()), names: all(".overview tbody th").map(item => box(item).height),
    texts: told.length, faint: told.filter(item => contrast(item) < 4.5).map(item => item.textContent),
  });
  document.body.append(seen);
};
</script><body>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium here")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    dest = folder / "report.html"
    found = {"evenkeel_report_dest": str(dest), "evenkeel_report_load": a_load(folder), "evenkeel_ledger_url": a_ledger(folder)}
    run = PlaybookRunner(folder / "ansible")("evenkeel.release.report", extra_vars=found)
    assert run.rc == 0, run.stdout
    return dest


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    profile = tmp_path_factory.mktemp("profile")

    def run(path, *flags):
        argv = [BROWSER, *QUIET, f"--user-data-dir={profile}", "--enable-logging=stderr", *flags, path.as_uri()]
        return subprocess.run(argv, capture_output=True, text=True, timeout=90)

    return run


@pytest.fixture(scope="module")
def measure(page, browse, tmp_path_factory):
    def run(*widths, scheme=LIGHT, pick="least-all"):
        frames = tmp_path_factory.mktemp("frames") / "frames.html"
        frames.write_text(SCRIPT + "".join(FRAME.format(width=width, pick=pick, page=html.escape(page.read_text())) for width in widths))
        done = browse(frames, "--dump-dom", f"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=3000")
        found = [json.loads(html.unescape(text)) for text in re.findall(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)]
        assert len(found) == len(widths), done.stderr[-2000:]
        return {one["width"]: one for one in found}

    return run


@pytest.fixture(scope="module")
def light(measure):
    return measure(*WIDTHS)


@pytest.fixture(scope="module")
def dark(measure):
    return measure(375, 1280, scheme=DARK)


def test_no_message_on_the_console(page, browse, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text("<script>throw new Error('seen')</script>")
    assert "CONSOLE" in browse(broken, "--dump-dom").stderr  # the check itself would notice
    assert "CONSOLE" not in browse(page, "--dump-dom").stderr


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out_to_the_side_and_one_plot_is_shown(light, width):
    seen = light[width]
    assert (seen["scroll"], seen["outside"], seen["plots"], seen["listed"]) == (seen["client"], 0, 1, 3)


def test_findings_are_filtered_by_severity_without_a_script(measure):
    assert measure(390, pick="least-medium")[390]["listed"] == 1


def test_dark_mode_is_dark(light, dark):
    assert sum(map(int, re.findall(r"\d+", light[375]["background"]))) > 600
    assert sum(map(int, re.findall(r"\d+", dark[375]["background"]))) < 150


@pytest.mark.parametrize("width", [375, 1280])
def test_the_data_can_be_read_in_light_and_dark(light, dark, width):
    for seen in (light[width], dark[width]):
        assert seen["texts"] > 100
        assert seen["faint"] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_plots_of_refreshes_have_axes_that_can_be_read(light, width):
    assert light[width]["charts"] == [["seconds", "rows moved"]]
    assert light[width]["letters"] >= 10


@pytest.mark.parametrize("width", [375, 1280])
def test_when_it_was_refreshed_whether_proved_and_what_failed_stand_in_one_line_each(light, width):
    rows = {row.split()[0]: row for row in light[width]["overview"]}
    assert list(rows) == ["development", "staging", "test"]
    assert "from production proof passed" in rows["staging"]
    assert "refresh ended well" in rows["staging"]
    assert "proof switched off refresh failed" in rows["test"]
    assert max(light[width]["names"]) < 80
