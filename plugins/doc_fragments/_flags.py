# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # Where flags are, and how an Unleash server is spoken to.
    DOCUMENTATION = r"""
options:
  provider:
    description: Where the flags are.
    type: str
    choices: [flagd, unleash]
    default: flagd
  path:
    description: JSON file of flagd. Must exist, unless the module is told to make it.
    type: path
  url:
    description: Address of the Unleash server, without C(/api).
    type: str
  token:
    description: Its admin or personal token.
    type: str
  project:
    description: Project on the Unleash server.
    type: str
    default: default
  environment:
    description: Environment on the Unleash server.
    type: str
  validate_certs:
    description: Whether certificates must be valid and trusted.
    type: bool
    default: true
  ca_path:
    description: File with the certificates to trust instead of the system's.
    type: path
  timeout:
    description: Seconds that one request may take.
    type: float
    default: 10
"""
