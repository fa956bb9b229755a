#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_html.py REPORT.html [TEXT...]: an HTML report, read by a real parser: elements and attributes of a fixed list,
nothing from the network, ids once each, headings and tables as accessibility asks, every drawing well-formed XML,
the policy's digests those of style and script, colours with enough contrast in light and dark; and every TEXT is there
as text, character for character (what no page may hold replaced by U+FFFD)."""
import base64
import hashlib
import html.parser
import re
import sys
import xml.etree.ElementTree

TAGS = set("""html head meta title style body a nav ul li main h1 h2 p code strong b div table caption thead tbody tr
th td button details summary figure figcaption span script svg desc g rect circle path polygon polyline line text use
defs""".split())
VOID = {"meta", "rect", "circle", "path", "polygon", "polyline", "line", "use"}
ATTRIBUTES = set("""lang charset http-equiv content name class href id aria-label aria-labelledby role tabindex scope type
colspan data-v data-t data-s hidden viewbox fill stroke color stroke-width stroke-dasharray d x y width height cx cy r points
transform text-anchor font-size fill-opacity""".split())
problems = []


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stack, self.ids, self.texts, self.links = [], set(), [], []
        self.first, self.raw, self.tables, self.open_raw = [], {}, [], None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in TAGS:
            problems.append(f"element {tag} at {self.getpos()}")
        for name, value in attributes.items():
            if name not in ATTRIBUTES:
                problems.append(f"attribute {name} of {tag} at {self.getpos()}")
            if name == "href" and not (value or "").startswith("#"):
                problems.append(f"link to {value}")
            if name == "href":
                self.links.append(value[1:])
            if name == "id":
                if value in self.ids:
                    problems.append(f"id {value} twice")
                self.ids.add(value)
            if name in ("data-t", "data-s"):
                self.texts.append(value)
        if tag == "th" and "scope" not in attributes:
            problems.append(f"th without scope at {self.getpos()}")
        if tag == "table":
            self.tables.append(False)
        if tag == "caption":
            self.tables[-1] = True
        if tag == "html" and attributes.get("lang") != "en":
            problems.append("html without lang")
        if tag in ("style", "script"):
            self.raw[tag] = ""
            self.open_raw = tag
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy":
            self.raw["policy"] = attributes["content"]
        self.stack.append(tag)
        if tag in VOID:
            self.stack.pop()
        self.texts.append("\0")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.stack or self.stack.pop() != tag:
            problems.append(f"end of {tag} at {self.getpos()}")
        self.open_raw = None
        self.texts.append("\0")

    def handle_data(self, data):
        if self.open_raw:
            self.raw[self.open_raw] += data
        else:
            self.texts.append(data)

    def handle_comment(self, data):
        problems.append(f"comment at {self.getpos()}")


def shown(text):
    """The text as a page may hold it."""
    text = re.sub("[\n\r\t]", " ", text)
    return re.sub("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", "\ufffd", text)


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a, b):
    a, b = sorted((luminance(a), luminance(b)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def check_contrast(style):
    variables = [dict(re.findall(r"--(\w+):(#\w{6})", block)) for block in re.findall(r":root\{([^}]*)\}", style)]
    if len(variables) != 3:
        problems.append(f"{len(variables)} sets of colours; light, dark and print are wanted")
    for colours in variables:
        if contrast(colours["text"], colours["heat"]) < 4.5:
            problems.append(f"text {colours['text']} on {colours['heat']}, the strongest shade")
        for front in ("text", "soft", "link", "bad"):
            for ground in ("ground", "raised", "best"):
                if contrast(colours[front], colours[ground]) < 4.5:
                    problems.append(f"{front} {colours[front]} on {ground} {colours[ground]}: "
                                    f"{contrast(colours[front], colours[ground]):.2f}")
    shades = re.findall(r"\.q\d+\{background:(#\w{6});color:(#\w{6})\}", style)
    if len(shades) != 22:  # light and dark
        problems.append(f"{len(shades)} shades")
    for ground, front in shades:
        if contrast(ground, front) < 4.5:
            problems.append(f"shade {ground} with {front}")
    twins = re.findall(r"\.plot \[stroke='(#\w{6})'\]\{stroke:(#\w{6})\}", style)
    if len(twins) < 15:
        problems.append(f"{len(twins)} colours of figures")
    for light, dark in twins:
        if light in ("#ffffff", "#c9d1d9"):  # the ground, and lines that only guide the eye
            continue
        if contrast(light, "#ffffff") < 3 or contrast(dark, "#15171a") < 3:
            problems.append(f"figures: {light} on white or {dark} on dark")


path, wanted = sys.argv[1], sys.argv[2:]
source = open(path, encoding="utf-8", newline="").read()
page = Page()
page.feed(source)
page.close()
if page.stack:
    problems.append(f"left open: {page.stack}")
if not all(page.tables) or not page.tables:
    problems.append("tables without caption, or none")
problems += [f"link to missing #{link}" for link in page.links if link not in page.ids]
policy = page.raw.get("policy", "")
if not policy.startswith("default-src 'none'") or "unsafe" in policy or "http" in policy:
    problems.append(f"policy: {policy}")
for part in ("style", "script"):
    if digest(page.raw.get(part, "")) not in policy:
        problems.append(f"the policy lacks the digest of the {part}")
if re.search(r"https?:|url\(|@import|\bfetch\b|XMLHttp|innerHTML|eval", page.raw.get("script", "") + page.raw.get("style", "")):
    problems.append("style or script reach for the network or make markup")
check_contrast(page.raw.get("style", ""))
drawings = re.findall(r"<svg.*?</svg>", source, re.S)
for drawing in drawings:
    root = xml.etree.ElementTree.fromstring(drawing)
    if [child.tag for child in root][:2] != ["title", "desc"]:
        problems.append("a drawing without title and desc")
if re.search("[\x00-\x08\x0b-\x1f\x7f]", source):
    problems.append("control characters")
text = "".join(page.texts)
for one in wanted:
    if shown(one) not in text:
        problems.append(f"not there as text: {one!r}")
print("\n".join(problems) if problems else f"{len(page.tables)} tables, {len(drawings)} drawings, {len(source)} bytes: fine")
sys.exit(bool(problems))
