# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from html import escape

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop {version}</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #8884; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
<h1>Recent orders</h1>
<p>{banner}</p>
<table>
<thead><tr>
<th scope="col">Order</th><th scope="col">Ship to</th><th scope="col">Status</th><th scope="col">Amount</th>
</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p><small>Shop {version}</small></p>
</body>
</html>
"""
ROW = '<tr><td>{id}</td><td>{ship_name}, {ship_city}</td><td>{status}</td><td class="number">{amount} {currency}</td></tr>'


def orders_page(orders: list, *, version: str, banner: str) -> str:
    rows = "\n".join(ROW.format(**{key: escape(str(value)) for key, value in order.items()}) for order in orders)
    return PAGE.format(version=escape(version), banner=escape(banner), rows=rows)
