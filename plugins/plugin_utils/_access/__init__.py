# SPDX-License-Identifier: GPL-3.0-or-later
"""Access: who may do what where, by which rule, until when. All pure; grant_book.py asks the ledger and proves what is signed."""
