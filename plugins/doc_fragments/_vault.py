# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # How to reach the secrets server and who we are there.
    DOCUMENTATION = r"""
options:
  url:
    description: Address of the OpenBao or Vault server.
    type: str
    env:
      - name: VAULT_ADDR
      - name: BAO_ADDR
    ini:
      - {section: evenkeel_vault, key: url}
    vars:
      - name: evenkeel_vault_url
  auth_method:
    description: How to log in.
    type: str
    choices: [token, approle]
    default: token
    env:
      - name: EVENKEEL_VAULT_AUTH_METHOD
    ini:
      - {section: evenkeel_vault, key: auth_method}
    vars:
      - name: evenkeel_vault_auth_method
  token:
    description: Token for O(auth_method=token). It is yours, so it may be renewed but is never revoked.
    type: str
    env:
      - name: VAULT_TOKEN
      - name: BAO_TOKEN
    vars:
      - name: evenkeel_vault_token
  token_file:
    description: File with the token, read when O(token) is not set.
    type: str
    default: ~/.vault-token
    env:
      - name: EVENKEEL_VAULT_TOKEN_FILE
    ini:
      - {section: evenkeel_vault, key: token_file}
    vars:
      - name: evenkeel_vault_token_file
  role_id:
    description: Role for O(auth_method=approle).
    type: str
    env:
      - name: VAULT_ROLE_ID
      - name: BAO_ROLE_ID
    ini:
      - {section: evenkeel_vault, key: role_id}
    vars:
      - name: evenkeel_vault_role_id
  secret_id:
    description: Secret of the role for O(auth_method=approle).
    type: str
    env:
      - name: VAULT_SECRET_ID
      - name: BAO_SECRET_ID
    vars:
      - name: evenkeel_vault_secret_id
  secret_id_file:
    description: File with the secret of the role, read when O(secret_id) is not set.
    type: str
    env:
      - name: EVENKEEL_VAULT_SECRET_ID_FILE
    ini:
      - {section: evenkeel_vault, key: secret_id_file}
    vars:
      - name: evenkeel_vault_secret_id_file
  auth_mount:
    description: Where the auth method is mounted, when not at its usual place.
    type: str
    env:
      - name: EVENKEEL_VAULT_AUTH_MOUNT
    ini:
      - {section: evenkeel_vault, key: auth_mount}
    vars:
      - name: evenkeel_vault_auth_mount
  mount:
    description: Where the key/value engine (version 2) is mounted.
    type: str
    default: secret
    env:
      - name: EVENKEEL_VAULT_MOUNT
    ini:
      - {section: evenkeel_vault, key: mount}
    vars:
      - name: evenkeel_vault_mount
  namespace:
    description: Namespace on the server.
    type: str
    env:
      - name: VAULT_NAMESPACE
      - name: BAO_NAMESPACE
    ini:
      - {section: evenkeel_vault, key: namespace}
    vars:
      - name: evenkeel_vault_namespace
  ca_cert:
    description: File or folder with the authorities that the server's certificate is checked against.
    type: str
    env:
      - name: VAULT_CACERT
      - name: BAO_CACERT
    ini:
      - {section: evenkeel_vault, key: ca_cert}
    vars:
      - name: evenkeel_vault_ca_cert
  validate_certs:
    description: Check the server's certificate. Turn it off on a throw-away machine only.
    type: bool
    default: true
    env:
      - name: EVENKEEL_VAULT_VALIDATE_CERTS
    ini:
      - {section: evenkeel_vault, key: validate_certs}
    vars:
      - name: evenkeel_vault_validate_certs
  timeout:
    description: Seconds to wait for a connection, and for each answer.
    type: float
    default: 10
    env:
      - name: EVENKEEL_VAULT_TIMEOUT
    ini:
      - {section: evenkeel_vault, key: timeout}
    vars:
      - name: evenkeel_vault_timeout
  retries:
    description:
      - How often a request that met a lost connection or the answers 412, 429, 500, 502 or 504 is repeated.
      - A login that has reached the server is not repeated.
    type: int
    default: 2
    env:
      - name: EVENKEEL_VAULT_RETRIES
    ini:
      - {section: evenkeel_vault, key: retries}
    vars:
      - name: evenkeel_vault_retries
  concurrency:
    description: Secrets that are read at the same time.
    type: int
    default: 8
    env:
      - name: EVENKEEL_VAULT_CONCURRENCY
    ini:
      - {section: evenkeel_vault, key: concurrency}
    vars:
      - name: evenkeel_vault_concurrency
"""
