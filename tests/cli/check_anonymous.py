#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_anonymous.py FOLDER NAME...: no file below FOLDER holds a NAME or an absolute path of two parts or more."""
import html.parser
import json
import pathlib
import re
import sys

folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
absolute = re.compile(r"(?:^|[\s\"'`=(,;:\[{<>|@])(/[^\s/\"'`,;:<>{}\\]+/[^\s\"'`,;:<>{}\\]+)")
problems = []


class Texts(html.parser.HTMLParser):
    """What a reader of a page can get to see; not its own style and script."""
    def __init__(self):
        super().__init__()
        self.texts, self.skip = [], False

    def handle_starttag(self, tag, attributes):
        self.skip = tag in ("style", "script")
        self.texts += [value or "" for name, value in attributes if name != "d"]

    def handle_endtag(self, tag):
        self.skip = False

    def handle_data(self, data):
        if not self.skip:
            self.texts.append(data)


def strings(value):
    if isinstance(value, dict):
        return [text for key, one in value.items() if key != "pointer" for text in [key] + strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def texts_of(path):
    if path.suffix in (".pdf", ".png"):  # the same words as the SVG's
        return []
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return strings(json.loads(text))
    if path.suffix in (".html", ".svg"):
        reader = Texts()
        reader.feed(text)
        return reader.texts
    return [text]


n = 0
for path in sorted(p for p in folder.rglob("*") if p.is_file()):
    n += 1
    raw = path.read_bytes().lower()
    problems += [f"{path}: {name}" for name in names if name.lower().encode() in raw]
    for text in texts_of(path):
        problems += [f"{path}: {found}" for found in absolute.findall(text)]
print("\n".join(problems) if problems else f"{n} files: fine")
sys.exit(bool(problems) or n == 0)
