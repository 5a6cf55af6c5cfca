# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for get-pip.py, which ansible-test would fetch from a host that is no package index.

ansible-test calls it with `pip==VERSION` and pip's own options; pip's wheel inside ensurepip installs that version.
"""

from __future__ import annotations

import ensurepip
import glob
import os
import runpy
import sys

FOLDERS = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), "/usr/share/python-wheels"]
WHEELS = [wheel for folder in FOLDERS for wheel in sorted(glob.glob(os.path.join(folder, "pip-*.whl")))]

sys.path.insert(0, WHEELS[0])
sys.argv = ["pip", "install", *[word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
