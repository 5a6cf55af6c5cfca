# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`scenario`: HTTP requests one after the other, as a user would send them, and what takes their traces away again."""

from __future__ import annotations

import http.cookiejar
import json
import re
import time
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from ansible_collections.evenkeel.release.plugins.module_utils._probe.http import Answer, fetch
from ansible_collections.evenkeel.release.plugins.module_utils._probe.jmespath import JmespathError, search
from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import broken_expectations
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, answered, classify
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, milliseconds
from ansible_collections.evenkeel.release.plugins.module_utils._probe.variables import Unset, censor, fill, fill_path, names_in, secrets_in, telling, written

EXPECT: list[dict[str, Any]] = []
METRICS: tuple[str, ...] = ()
PORTS = {"http": 80, "https": 443}
PASSED, FAILED, ERRORED, SKIPPED = "passed", "failed", "errored", "skipped"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Page(NamedTuple):
    """The answer of a step, after its redirects."""

    answer: Answer
    times: Mapping[str, Any]
    text: str
    url: str


class Missing(Exception):
    """The answer has not what was to be extracted."""


class Run:
    """One way through the steps: variables, cookies and what must not be shown."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.values: dict[str, Any] = {**(spec.get("variables") or {}), **(spec.get("secrets") or {})}
        self.secrets = {written(value) for value in (spec.get("secrets") or {}).values()}
        self.secrets |= {str(value) for value in (spec.get("headers") or {}).values()}
        self.jar = http.cookiejar.CookieJar()
        self.reports: list[dict[str, Any]] = []
        self._start = time.perf_counter()

    def step(self, step: Mapping[str, Any], phase: str, deadline: Deadline) -> dict[str, Any]:
        """Take the step as often as it says; the last time counts."""
        began = time.perf_counter()
        self.secrets |= {*(str(value) for value in step["headers"].values()), *secrets_in(step.get("form")), *secrets_in(step.get("body"))}
        report: dict[str, Any] = {"name": step["name"], "phase": phase, "method": step["method"], "target": _shown_target(step)}
        report["after_ms"] = milliseconds(self._start, began)
        for attempt in range(1, step["attempts"] + 1):
            found = self._attempt(step, phase, deadline)
            # An attempt that the end of the time cut off tells less than the one before.
            if attempt == 1 or "status" in found or deadline.remaining() > 0:
                report = {**report, **found}
            report["attempts"] = attempt
            if report["state"] in (PASSED, SKIPPED) or attempt == step["attempts"] or not _time_for(step["interval"], deadline):
                break
        report["ms"] = milliseconds(began, time.perf_counter())
        report["reason"] = censor(report["reason"], self.secrets)
        self.reports.append(report)
        return report

    def _attempt(self, step: Mapping[str, Any], phase: str, deadline: Deadline) -> dict[str, Any]:
        limit = 0.0
        try:
            limit = min(deadline.left(), step.get("timeout") or deadline.left())
            return self._judged(step, self._request(step, Deadline(limit)))
        except Unset as exc:
            # Nothing to take away: what would have set it was never made.
            return {"state": SKIPPED if phase == "cleanup" else FAILED, "reason": f"$({exc}) was never set"}
        except Exception as exc:  # whatever happens is an outcome of the step: the clean-up comes after it
            sample = classify(exc, round(limit, 3))
            return {"state": ERRORED if sample["state"] == "unknown" else FAILED, "reason": sample["reason"]}

    def _judged(self, step: Mapping[str, Any], page: Page) -> dict[str, Any]:
        seen = {"status": page.answer.status, "bytes": len(page.answer.body), **page.times}
        # First what it made, then whether it was right: the clean-up needs the one without the other.
        lacking = self._extract(step, page)
        broken = self._broken(step, page, seen)
        reason = "; ".join([*broken, *lacking])
        return {**{key: value for key, value in seen.items() if key != "certificate_days_left"}, "state": FAILED if reason else PASSED, "reason": reason}

    def _request(self, step: Mapping[str, Any], deadline: Deadline) -> Page:
        method, body, headers = step["method"], *self._content(step)
        url = self._url(step)
        for hop in range(step["redirects"] + 1):
            times, answer = self._send(method, url, body, headers, deadline)
            location = answer.headers.get("Location")
            if hop == step["redirects"] or location is None or answer.status not in (301, 302, 303, 307, 308):
                break
            before, url = url, urljoin(url, location)
            if answer.status in (301, 302, 303) and method not in ("GET", "HEAD"):
                method, body = "GET", None
                headers = {name: value for name, value in headers.items() if name.lower() not in ("content-type", "content-length")}
            if _origin(urlsplit(url)) != _origin(urlsplit(before)):
                if body is not None:
                    raise Unavailable("it redirects the request's body to another host, which was not followed")
                headers = {}  # they were meant for the other one
        return Page(answer, times, answer.body.decode("utf-8", "replace"), url)

    def _content(self, step: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
        headers = {str(name): written(value) for name, value in fill(step["headers"], self.values).items()}
        if "form" in step:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            return urlencode({key: _each(value) for key, value in fill(step["form"], self.values).items()}, doseq=True), headers
        return fill(step.get("body"), self.values), headers

    def _url(self, step: Mapping[str, Any]) -> str:
        base = f"{self.spec['scheme']}://{_bracketed(self.spec['host'])}:{self.spec['port']}"
        if "url" in step:
            return str(fill_path(step["url"], self.values))
        path = fill_path(step["path"], self.values)
        return path if "://" in path.split("?")[0] else f"{base}{self.spec['base']}{path}" if path.startswith("/") else f"{base}/{path}"

    def _send(self, method: str, text: str, body: Any, headers: Mapping[str, str], deadline: Deadline) -> tuple[Mapping[str, Any], Answer]:
        url = _checked(text)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        place = {"host": url.hostname, "port": url.port or PORTS[url.scheme], "path": path, "method": method, "body": body}
        request = urllib.request.Request(text, method=method)  # noqa: S310 - only carries what the cookie jar asks for, nothing opens it
        self.jar.add_cookie_header(request)
        own = dict(headers)
        if request.has_header("Cookie"):
            own["Cookie"] = "; ".join(part for part in (own.get("Cookie"), request.get_header("Cookie")) if part)
        at_base = _origin(url) == (self.spec["scheme"], self.spec["host"].lower(), self.spec["port"])
        if at_base:
            own = {**self._shared_headers(), **own}
            place.update({key: self.spec[key] for key in ("address", "server_name") if self.spec.get(key)})
        if any(_CONTROL.search(name + value) for name, value in own.items()):
            raise Unavailable("a variable would put a line break or control character into a header")
        trust = {key: self.spec[key] for key in ("validate_certs", "ca_path") if key in self.spec}
        times, answer = fetch({**place, **trust, "headers": own}, deadline, secure=url.scheme == "https")
        self.jar.extract_cookies(_Reply(answer), request)  # type: ignore[arg-type]  # all that it asks for is info()
        self.secrets |= {cookie.value for cookie in self.jar if cookie.value}
        return times, answer

    def _shared_headers(self) -> dict[str, str]:
        """Those of the scenario; one that waits for a variable, such as a token, goes along as soon as that is set."""
        ready = {str(key): value for key, value in (self.spec.get("headers") or {}).items() if names_in(value) <= set(self.values)}
        return {key: written(value) for key, value in fill(ready, self.values).items()}

    def _extract(self, step: Mapping[str, Any], page: Page) -> list[str]:
        lacking = []
        for name, how in step["extract"].items():
            try:
                value = self._found(how, page)
            except Missing as exc:
                if how.get("default") is None:
                    lacking.append(f"nothing to extract for {name}: {exc}")
                    continue
                value = how["default"]
            self.values[name] = value
            hidden = how.get("secret")
            if telling(name) or how.get("cookie") or telling(str(how.get("header") or "")) if hidden is None else hidden:
                self.secrets.add(written(value))
        return lacking

    def _found(self, how: Mapping[str, Any], page: Page) -> Any:
        if how.get("header"):
            return _present(page.answer.headers.get(how["header"]), f"there is no header {how['header']}")
        if how.get("cookie"):
            return _present(self._cookies().get(how["cookie"]), f"there is no cookie {how['cookie']}")
        if how.get("regex"):
            found = re.search(how["regex"], page.text)
            if found is None:
                raise Missing("its regular expression does not match the body")
            return found.group(1 if found.re.groups else 0)
        document = _document(page)
        if how.get("json") is not None:
            return _present(pointed(how["json"], document), f"the pointer {how['json']} leads to nothing")
        try:
            return _present(search(how["jmespath"], document), f"{how['jmespath']} gives null")
        except JmespathError as exc:
            raise Missing(str(exc)) from exc

    def _broken(self, step: Mapping[str, Any], page: Page, seen: Mapping[str, Any]) -> list[str]:
        sample: Sample = {"state": "answered", **seen, "body": page.text}
        sample.update({f"header.{name.lower()}": value for name, value in page.answer.headers.items()})
        sample.update({f"cookie.{name}": value for name, value in self._cookies().items()})
        try:
            expect = [{**condition, "value": fill(condition["value"], self.values)} for condition in step["expect"]]
        except Unset as exc:
            return [f"$({exc}) was never set"]
        return broken_expectations({"expect": expect}, sample)

    def _cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.jar}


class _Reply:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def info(self) -> Any:
        return self._answer.headers


def sample(spec: Spec) -> Sample:
    """All steps until one does not pass, then every step of the clean-up, whatever happened before."""
    run = Run(spec)
    start = time.perf_counter()
    bad: Optional[dict[str, Any]] = None
    deadline = Deadline(spec["timeout"])
    for step in spec["steps"]:
        report = run.step(step, "step", deadline)
        if report["state"] != PASSED:
            bad = report
            break
    total = milliseconds(start, time.perf_counter())
    deadline = Deadline(spec["cleanup_timeout"])
    for step in spec["cleanup"]:
        report = run.step(step, "cleanup", deadline)
        bad = bad or (report if report["state"] in (FAILED, ERRORED) else None)
    times = {f"step.{report['name']}.ms": report["ms"] for report in run.reports}
    if bad is None:
        return {**answered({"total_ms": total, **times}), "steps": run.reports}
    where = "the clean-up" if bad["phase"] == "cleanup" else "step"
    reason = f"{where} {bad['name']} ({bad['method']} {bad['target']}): {bad['reason']}"
    return {"state": "unknown" if bad["state"] == ERRORED else "unavailable", "reason": reason, "steps": run.reports}


def pointed(pointer: str, document: Any) -> Any:
    """RFC 6901; None where it leads to nothing."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and re.fullmatch(r"0|[1-9][0-9]*", key) and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def _document(page: Page) -> Any:
    try:
        return json.loads(page.text)
    except (ValueError, RecursionError) as exc:
        raise Missing("the body is not JSON") from exc


def _present(value: Any, why: str) -> Any:
    if value is None:
        raise Missing(why)
    return value


def _checked(text: str) -> SplitResult:
    """Values come from answers: none of them may become a second request or another place than a web server."""
    try:
        url = urlsplit(text)
        fine = url.scheme in PORTS and url.hostname and (url.port or 1) > 0 and not (url.username or url.password)
    except ValueError:
        fine = False
    if not fine or _CONTROL.search(text) or " " in text:
        raise Unavailable("its variables or a redirect make no http or https URL")
    return url


def _origin(url: SplitResult) -> tuple[str, Optional[str], int]:
    return url.scheme, url.hostname, url.port or PORTS.get(url.scheme, 0)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _each(value: Any) -> Any:
    return [written(one) for one in value] if isinstance(value, list) else written(value)


def _time_for(seconds: float, deadline: Deadline) -> bool:
    """Wait until the next attempt, when there is time for both."""
    if deadline.remaining() <= seconds:
        return False
    time.sleep(seconds)
    return True


def _shown_target(step: Mapping[str, Any]) -> str:
    """As it was written: what is put into it later may be a secret."""
    return str(step.get("url") or step["path"]).split("?", maxsplit=1)[0]
