# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines that may be shown: their secrets are not."""

from __future__ import annotations

import re

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import REDACTED, redact_line

LONGEST = 400
# How tools take a password that no name announces: curl -u a:b, mysql -pX, sshpass -p X, a password piped into chpasswd or passwd.
_FORMS = (
    re.compile(r"(\bcurl\b.*?\s(?:-u|--user)[ =]?\s*[^\s:]+:)\S+"),
    re.compile(r"(\b(?:mysql|mysqldump|mysqladmin|mariadb)\b.*?\s-p)\S+"),
    re.compile(r"(\b(?:sshpass|ldapsearch|ldapmodify|redis-cli|smbclient|htpasswd)\b.*?\s-[pwaUb]\s*)\S+"),
    re.compile(r"(\b(?:echo|printf)\s+).*?(?=\|\s*(?:\S*/)?(?:sudo\s+)?(?:chpasswd|passwd|cryptsetup|openssl)\b)"),
    re.compile(r"(\busermod\b.*?\s(?:-p|--password)[ =]\s*)\S+"),
    re.compile(r"(\buseradd\b.*?\s(?:-p|--password)[ =]\s*)\S+"),
    re.compile(r"(?i)(\b[\w.-]*(?:pass|pwd|secret|token|key)[\w.-]*=)\S+"),
    re.compile(r"(\bopenssl\b.*?\bpass:)\S+"),
)


def redacted(command: str) -> str:
    """One line without control characters, secrets, and what is too long to read."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", command)
    for form in _FORMS:
        text = form.sub(rf"\1{REDACTED}", text)
    text = redact_line(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
