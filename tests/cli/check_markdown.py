#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_markdown.py REPORT.md [TEXT...]: a Markdown report as GitHub's own parser (cmark-gfm) reads it, raw HTML let
through: nothing but the elements that a report has comes out, no link, and every TEXT is there as text, whole (control
characters as "?", what no page may hold as U+FFFD)."""
import html.parser
import re
import subprocess
import sys

TAGS = set("h1 h2 p ul li table thead tbody tr th td code strong em hr details summary mark".split())
problems = []


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.texts = []

    def handle_starttag(self, tag, attributes):
        if tag not in TAGS:
            problems.append(f"element {tag} {attributes}")
        self.texts.append("\0")
        for name, value in attributes:
            if (name, tag) not in (("align", "th"), ("align", "td")):
                problems.append(f"attribute {name}={value} of {tag}")

    def handle_endtag(self, tag):
        self.texts.append("\0")

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        problems.append(f"comment {data[:40]!r}")


def shown(text):
    text = re.sub("[\n\r\t]", " ", text)
    text = re.sub("[\x00-\x1f\x7f]", "?", text)
    text = re.sub("[\x80-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", "\ufffd", text)
    return " ".join(text.split())


path, wanted = sys.argv[1], sys.argv[2:]
read = subprocess.run(["cmark-gfm", "--unsafe", "-e", "table", "-e", "strikethrough", path], check=True,
                      capture_output=True, text=True).stdout
page = Page()
page.feed(read)
page.close()
text = "".join(" ".join(part.split()) if part != "\0" else part for part in page.texts)
text = re.sub("\0+", "\0", text)
for one in wanted:
    if shown(one) not in text:
        problems.append(f"not there as text: {one!r}")
print("\n".join(problems) if problems else f"{len(read)} bytes: fine")
sys.exit(bool(problems))
