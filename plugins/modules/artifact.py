#!/usr/bin/python
# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: artifact
short_description: Fetch, check, publish and keep artifacts on the controller
version_added: 0.1.0
author:
  - Evenkeel contributors (@evenkeel)
description:
  - Fetches an artifact once into the cache of the controller, C(artifacts) below C(evenkeel_state_dir). M(evenkeel.release.release_artifact)
    sends it from there to the hosts.
  - Nothing is in the cache before its SHA-256, its size, its name and its signatures are what the manifest and the policy say. All of it is
    checked again each time, so that a key that was revoked since ends the trust in what is cached.
  - A component that no rule of the policy names is refused.
  - A version never changes. What was seen under a component, version and platform first is kept in the cache and in the ledger; other
    bytes under the same name are an error that names both digests.
  - A download that was cut goes on where it ended, if the server can prove with its ETag that the file is still the same.
  - Credentials go to the host of O(source) alone, in headers, never along with a redirect to another host, never without TLS except on
    the loopback, and never into a message.
  - Runs on the controller. Hosts of one play that need the same artifact wait for one download.
requirements:
  - cryptography >= 42, jsonschema >= 4.21, orjson >= 3.10, rfc8785 >= 0.1.4 and SQLAlchemy >= 2.0.30 on the controller
  - gpg on the controller for signatures of kind V(gpg)
attributes:
  check_mode:
    support: full
    description: Says what would be fetched, published or removed. Signatures are checked only when the artifact is in the cache already.
  diff_mode:
    support: full
    description: Shows the name and the digest.
options:
  state:
    description:
      - V(present) has the artifact in the cache.
      - V(published) puts the file O(source) and its signatures into the repository O(dest), once.
      - V(cleaned) removes from the cache what no rollback needs.
    type: str
    choices: [present, published, cleaned]
    default: present
  component:
    description: Component of the release; required unless O(state=cleaned).
    type: str
  version:
    description: Version of the component; required unless O(state=cleaned).
    type: str
  source:
    description:
      - Where the artifact is. A path, relative to the playbook, or an address of type C(http), C(https), C(file), C(s3://bucket/key) or
        C(oci://host/repository[:tag][@sha256:digest][#title]).
      - An OCI tag is resolved to a digest, an index to the manifest of the platform; C(#title) picks a file of an ORAS artifact by its
        title. C(oci+http) speaks to a registry without TLS.
    type: str
    aliases: [artifact]
  sha256:
    description: Digest that the release manifest pins, 64 hexadecimal digits. Without one nothing is fetched.
    type: str
  size:
    description: Exact number of bytes.
    type: int
  signatures:
    description: Signatures of the artifact, each in a file of its own.
    type: list
    elements: dict
    default: []
    suboptions: &signature
      kind:
        description:
          - V(ssh) is what C(ssh-keygen -Y sign -n evenkeel-artifact) writes.
          - V(minisign) is what C(minisign -S) writes.
          - V(ed25519) is what C(openssl pkeyutl -sign -rawin) writes, or its base64.
          - V(cosign) is what C(cosign sign-blob --key) writes, base64 or a bundle; the transparency log is not asked.
          - V(gpg) is a detached OpenPGP signature.
        type: str
        choices: [ssh, minisign, ed25519, cosign, gpg]
        required: true
      source:
        description: Where it is, as in O(source).
        type: str
        required: true
  repository:
    description: Builds the address from the layout of a repository, instead of O(source).
    type: dict
    suboptions:
      layout:
        description: V(nexus) puts C(repository/) before the name, V(artifactory) and V(plain) do not.
        type: str
        choices: [nexus, artifactory, plain]
        required: true
      url:
        description: Address of the server, for Artifactory with its context path.
        type: str
        required: true
      name:
        description: Name of the repository.
        type: str
        default: ""
      path:
        description: Path of the file in it; this or C(maven).
        type: str
      maven:
        description: Maven coordinates C(group:artifact:version[:classifier][@extension]).
        type: str
  variants:
    description:
      - The artifact of each platform, instead of O(source). The one that fits the facts of the host, or O(platform), is taken.
      - A part that is left out or V(any) fits every host; a variant that names more is preferred.
    type: list
    elements: dict
    default: []
    suboptions:
      os:
        description: Operating system, such as V(linux).
        type: str
        default: ""
      arch:
        description: Architecture, such as V(amd64) or V(x86_64).
        type: str
        default: ""
      variant:
        description: Variant of the architecture, such as V(v7).
        type: str
        default: ""
      source:
        description: As O(source).
        type: str
        aliases: [artifact]
      sha256:
        description: As O(sha256).
        type: str
      size:
        description: As O(size).
        type: int
      signatures:
        description: As O(signatures).
        type: list
        elements: dict
        default: []
        suboptions: *signature
  platform:
    description: Platform to choose for, instead of the facts of the host.
    type: dict
    suboptions:
      os:
        description: Operating system.
        type: str
        default: ""
      arch:
        description: Architecture.
        type: str
        default: ""
      variant:
        description: Variant of the architecture.
        type: str
        default: ""
  policy:
    description: The artifact policy, as data. Required unless O(state=cleaned).
    type: dict
  dest:
    description: Folder, or http(s) address that takes PUT, for O(state=published).
    type: str
  credentials:
    description: What gives access to the host of O(source), or of O(dest). One of C(username), C(token) and C(access_key).
    type: dict
    default: {}
    suboptions:
      username:
        description: User for Basic authentication; a registry's token is asked for with it.
        type: str
        default: ""
      password:
        description: Its password.
        type: str
        default: ""
      token:
        description: Bearer token.
        type: str
        default: ""
      access_key:
        description: Access key of S3.
        type: str
        default: ""
      secret_key:
        description: Secret key of S3.
        type: str
        default: ""
      session_token:
        description: Session token of S3.
        type: str
        default: ""
      headers:
        description: Headers, such as C(X-JFrog-Art-Api) or C(PRIVATE-TOKEN).
        type: dict
        default: {}
      realms:
        description: Hosts beside the registry's own that may get C(username) and C(password) in return for a token.
        type: list
        elements: str
        default: []
  endpoint:
    description: Address of a server that speaks S3, by default AWS.
    type: str
    default: ""
  region:
    description: Region of S3.
    type: str
    default: us-east-1
  checksum_file:
    description: Reads C(<address>.sha256) first, as Nexus and Maven repositories keep it. Another digest there ends the task before the download.
    type: bool
    default: false
  max_size:
    description: Most bytes; the policy may allow less.
    type: int
    default: 2147483648
  timeout:
    description: Seconds to wait for the server each time.
    type: float
    default: 30
  deadline:
    description: Seconds for the whole download, and for another run that holds its lock.
    type: float
    default: 1800
  retries:
    description: How many connections in a row may fail without a new byte.
    type: int
    default: 3
  ca_path:
    description: File of certificates to trust instead of the system's.
    type: path
    default: ""
  keep:
    description: How many deployed and how many verified releases of each environment O(state=cleaned) keeps the artifacts of.
    type: int
    default: 5
  min_age:
    description: Seconds that an artifact must not have been used for before O(state=cleaned) removes it.
    type: float
    default: 86400
  releases_dir:
    description: Folder of all release manifests; required with O(state=cleaned).
    type: path
  record:
    description: Whether what was seen is compared with the ledger and recorded there.
    type: bool
    default: true
  ledger_url:
    description: The ledger; by default the one of C(evenkeel_ledger_url) or C(evenkeel_state_dir).
    type: str
"""

EXAMPLES = r"""
- name: Fetch a release that an SSH key has signed
  evenkeel.release.artifact:
    component: shop
    version: 1.1.0
    source: https://artifacts.example.com/shop-1.1.0.tar.gz
    sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    signatures:
      - {kind: ssh, source: https://artifacts.example.com/shop-1.1.0.tar.gz.sig}
    policy:
      keys:
        build: {kind: ssh, key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFlJ3Zrk6lE6jdyDGrjzv8gqcqZRdAn9hdUIhAoTdeAt}
      rules:
        - name: own-services
          components: [shop]
          file_name: '{component}-{version}\.tar\.gz'
          signatures: [{keys: [build]}]
  register: fetched

- name: Install it on the hosts
  evenkeel.release.release_artifact:
    root: /srv/shop
    version: 1.1.0
    source: "{{ fetched.artifact.path }}"
    sha256: "{{ fetched.artifact.sha256 }}"

- name: Take the file of an OCI artifact
  evenkeel.release.artifact:
    component: shop
    version: 1.1.0
    source: oci://registry.example.com/shop:1.1.0#shop-1.1.0.tar.gz
    sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    credentials: {username: deploy, password: "{{ registry_password }}"}
    policy: "{{ evenkeel_artifact_policy }}"

- name: Make room, without touching what a rollback needs
  evenkeel.release.artifact:
    state: cleaned
    releases_dir: "{{ inventory_dir }}/releases"
    keep: 5
"""

RETURN = r"""
artifact:
  description: The artifact in the cache.
  type: dict
  returned: with O(state=present)
  contains:
    path:
      description: The file on the controller; empty in check mode when it is not there yet.
      type: str
    sha256:
      description: Its digest.
      type: str
    size:
      description: Its bytes.
      type: int
    component:
      description: The component.
      type: str
    version:
      description: Its version.
      type: str
    platform:
      description: Platform of the variant, V(any) without variants.
      type: str
    source:
      description: Where it came from, without what gives access; of an OCI tag with the digest of the manifest.
      type: str
    cached:
      description: Whether it was in the cache already.
      type: bool
    resumed:
      description: Bytes that an earlier connection had brought.
      type: int
    rule:
      description: Rule of the policy that let it in.
      type: str
    signatures:
      description: Each signature.
      type: list
      elements: dict
      contains:
        kind:
          description: Its kind.
          type: str
        key:
          description: Name of the key in the policy, empty when none fits.
          type: str
        key_id:
          description: Fingerprint or number of the key, as its tool prints it.
          type: str
        verdict:
          description: V(passed) or V(failed).
          type: str
        reason:
          description: Why it does not count.
          type: str
published:
  description: What is published where.
  type: dict
  returned: with O(state=published)
removed:
  description: Digests that were removed from the cache.
  type: list
  elements: str
  returned: with O(state=cleaned)
removed_parts:
  description: Downloads that nobody went on with, by digest.
  type: list
  elements: str
  returned: with O(state=cleaned)
freed:
  description: Bytes of what was removed.
  type: int
  returned: with O(state=cleaned)
kept:
  description: How many artifacts are still there.
  type: int
  returned: with O(state=cleaned)
releases:
  description: The releases by environment that a rollback may need.
  type: dict
  returned: with O(state=cleaned)
"""
