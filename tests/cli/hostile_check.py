#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks for hostile texts (hostile_run.py) that came out unescaped: hostile_check.py FOLDER|FILE..."""
import csv
import html.parser
import json
import os
import re
import sys


def fail(file, text):
    print(f"FAILED: {file}: {text}")
    sys.exit(1)


def check_control(file, text):
    """No format needs control characters; terminals obey them."""
    found = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    if found:
        fail(file, f"control character {found.group()!r} at {found.start()}")


def check_csv(file, text):
    """No field that a spreadsheet would compute, but numbers."""
    rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    if len({len(row) for row in rows}) != 1:
        fail(file, "rows of different lengths")
    for row in rows:
        for field in row:
            if field and field[0] in "=+-@\t\r" and not re.fullmatch(r"-?[0-9.]+(e[-+]?\d+)?", field):
                fail(file, f"a formula: {field[:40]!r}")


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)


def check_markdown(file, text):
    """What lies in code spans is text; elsewhere only the report's own HTML may stand."""
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    tags = Tags()
    tags.feed(outside)
    if tags.tags - {"details", "summary", "br", "mark"}:
        fail(file, f"HTML: {tags.tags}")
    # A line that begins with a tag is HTML up to the next blank line (CommonMark, section 4.6).
    prose = re.sub(r"<summary>.*?</summary>", "", outside)
    for pattern in (r"(?<!\\)\]\(javascript", r"(?<![\w\\#;&])@team"):
        found = re.search(pattern, prose)
        if found:
            fail(file, f"{pattern}: {prose[max(0, found.start() - 40):found.end() + 20]!r}")
    widths = None
    for line in outside.splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        # Rows may be shorter than their heading, never longer (GitHub's tables).
        if bars is not None and widths is not None and bars > widths:
            fail(file, f"a table's row has {bars} bars, its heading {widths}: {line[:80]!r}")
        widths = bars if bars is None or widths is None else widths


def check_tex(file, text):
    """Signs of LaTeX's only where the report put them: foreign commands never begin with one."""
    for command in (r"\\input\{/", r"\\write18", r"\\undefined", r"\\end\{tabular\}\\"):
        if re.search(command, text):
            fail(file, command)
    depth = 0
    for sign in re.sub(r"\\[\\{}]", "", text):
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            fail(file, "a brace too many")
    if depth:
        fail(file, f"{depth} braces are not closed")


def check(file):
    if file.endswith((".pdf", ".png")):  # pictures: tests/cli/report_html.sh
        return
    with open(file, encoding="utf-8", newline="") as stream:
        text = stream.read()
    check_control(file, text)
    if file.endswith(".csv"):
        check_csv(file, text)
    elif file.endswith(".json"):
        json.loads(text)
    elif file.endswith(".md"):
        check_markdown(file, text)
    elif file.endswith(".tex"):
        check_tex(file, text)


def main():
    for path in sys.argv[1:]:
        if os.path.isdir(path):
            for folder, _, names in os.walk(path):
                for name in sorted(names):
                    check(os.path.join(folder, name))
        else:
            check(path)


if __name__ == "__main__":
    main()
