# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals, separation of duties: who may say yes, to exactly what, and until when.

What decides is pure. folder.py and trust.py read files, proof.py runs ssh-keygen, revision.py reads the code that runs, book.py the ledger;
ask.py calls them all.
"""
