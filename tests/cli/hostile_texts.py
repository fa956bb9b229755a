# SPDX-License-Identifier: MIT
"""Texts that try to be more than texts, in some format that a report is written in."""
HOSTILE = [
    "<script>alert(1)</script>", "</title><img src=x onerror=alert(1)>", "\" onmouseover=\"alert(1)",
    "it's `touch pwned` \"quoted\"", "'; set output 'pwned'; system('touch pwned'); '", "%d%s%n %f",
    "@team #1 [l](javascript:alert(1))", "a\nb\tc\rd", "\x1b[31mred\x07\x01file\x1ffield\x02", "{/Bold x}^2_3 \\n \\\\",
    "]]>&amp;&lt;!--", "\u202egnp.exe\u2066", "$(id) ; exit # c", "\u0085\u009b\ufffe\U0001f600 caf\u00e9", "=1+1|cmd",
]
