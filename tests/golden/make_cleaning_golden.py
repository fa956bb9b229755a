#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes cleaning.json: what Python's unicodedata, re, html and str, and scikit-learn's rules for
newsgroup quotes, make of own texts, ordinary and hostile, by the definitions of
framework/data/cleaning/steps.def; the list of scikit-learn's stop words; and, per step, the SHA-256
of every assigned character alone and after an "a". Needs scikit-learn; run in this folder:
python3 make_cleaning_golden.py

Python's str.lower() is Unicode's full mapping (final sigma, U+0130 as two characters); `lower` is
the simple one, taken here character by character."""

import hashlib
import html
import json
import random
import re
import unicodedata as ud

from sklearn.datasets._twenty_newsgroups import strip_newsgroup_quoting
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

TEXTS = [
    "", " ", "a", "\n", "plain ascii text, nothing else.",
    "  leading, trailing \t and\n\n double   blanks \u00a0\u2003\u3000",
    "control \x01\x08 \x1b[31mred\x1b[0m \x7f\x80\x9f \x1c\x1d\x1e\x1f bell\x07 \u0085next",
    "soft\u00adhyphen zero\u200bwidth\u200cnon\u200djoiner \ufeffBOM \u2060word joiner \u202ertl",
    "ABC xyz \u00c4\u00d6\u00dc \u0391\u03a9\u03a3 \u0416 \u023a \u0130 \u1e9e \u01c5 \ufb01 \U00010400",
    "Stra\u00dfe STRASSE \u017f \u212a \u03a3\u03c3\u03c2 \u0390 \u1fb3 \uab70 \u13a0",
    "cafe\u0301 caf\u00e9 A\u030a \u212b \u01ed o\u0328\u0304 o\u0304\u0328 \u1e0b\u0323 d\u0323\u0307",
    "q\u0307\u0323 q\u0323\u0307 \u0344 \u0958 \u2adc \ufb1d \u0340\u0341 \u1100\u1161\u11a8 \uac00\u11a8 \uac01",
    "\ufdfa \ufb03 \u2460 \u00bd \u00b2 \uff21\uff22\uff11 \u3392 \ufe4d \u2026 \u2122 \u210c \U0001d400",
    "\u0301starts with a mark \u0301\u0302", "a" + "\u0301\u0323" * 40 + "b" + "\u0323\u0301\u0345" * 9,
    "\u4e2d\u6587\uff0c\u5b57\u3002 \u65e5\u672c\u8a9e \u306f\u3099 \u304c \ud55c\uad6d\uc5b4",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u05e9\u05b8\u05dc\u05d5\u05b9\u05dd \u0645\u064e\u0631",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \u2764\ufe0f \U0001f1e9\U0001f1ea \U0001f600!",
    "\ue000private \U000f0000 \ufffe \uffff \U0010ffff noncharacters \u0378 unassigned",
    "<b>bold</b> 1 < 2 > 1 <br /><br/>x <a href='http://a.b/c>d'>e</a> <!-- c --> <?p?> <3 a<b <",
    "a <b unclosed", "<<b>> <>< </> <//> <\u00e9> <b\n>line</b>", "x<b", "x<", "<!doctype html><p>p",
    "&amp; &lt;b&gt; &quot;q&quot; &apos; &nbsp;| &amp;lt; &AMP; &amp &unknown; &; & &&amp;&",
    "&#65;&#x41;&#X41; &#0; &#128; &#x9f; &#x81; &#55296; &#1114112; &#99999999999999999999;",
    "&#1;|&#31;|&#9;|&#13;|&#12;|&#x7f;|&#64976;|&#65534;|&#x1FFFF;|&#; &#x; &#xg; &#12 &#8217;s",
    "Visit our website at https://example.com for more info! <b>Special Offer!!!</b>",
    "see http://a.b/c?d=e&f=g#h, (https://x.org/y_(z)). www.q.de; FTP://f.g/ HTTP://X www. http:// .",
    "xhttp://no _www.no 9ftp://no -www.yes \u00e9http://yes \"http://q\"http://r <http://s> 'www.t'",
    "www.www.www http://http://x https:/no httpx://no www..., http://... http://(a) http://a)b",
    "\u4e2dhttp://\u4e2d\u6587.cn/\u8def\u5f84\u3002 http://a\u00a0b http://a\u2028b http://\u017f",
    "mail a@b.co, first.last+tag@sub.domain.org! <x_y%z@a-b.de> a@b a@b.c @b.com a@.com a@@b.com",
    "a@b.com@c.com a@b.co.uk-1 a@b..com a@b.c1om a@-.aa a@b.com. \u00e9a@b.com\u00e9 a@b.comX1 -@-.aa",
    "a@b@c@d@e.fr ....@....aa .@.aa x@y.z.ab.c",
    "> quoted\n>> twice\n| bar\nnot > quoted\nIn article <1@x> a writes:\nJohn wrote:\nhe says: no\n"
    "she said: yes\nQuoted from x\nfoo writes in bar\nIn Article\nend",
    ">all\n>of\n|it", "a\n>b", ">b\na", "\n\n>x\n\n", "a\r\n> b\r\n", ">",
    "don't stop-words; can't... it's (really) \"quoted\" \u2018curly\u2019 \u201cdouble\u201d \u2014 \u00bfque? \u00a7 5 + 3 = 8 $9 ^_^ ~a|b`",
    "digits 0123456789 \u0660\u0661 \u0967 \uff11 \u00b2 \u00bd \u2167 3.14 1e5 a1b2",
    "The quick brown fox is not what you'd think it was, and I am the one who did it to them",
    "i me my we our you're the THE The a an of to computer something system",
    "a bb ccc dddd eeeee \u00e9\u00e9 \u4e2d\u6587\u5b57 \U0001f600\U0001f600 e\u0301e\u0301",
    "aaa aab aba baa abab a1a2a3 foo.bar foo-bar foo_bar FOO", "12a", "xx", "aXbXc\nXd",
    "word\tword\nword\rword\x0bword\x0cword\x85word\u2028word\u2029word\u1680word\u202fword\u205fword",
]

HEX = "[0-9a-fA-F]"
NAMED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&nbsp;": "\u00a0"}
URL = re.compile(r"(?<![A-Za-z0-9_])(?:[hH][tT][tT][pP][sS]?://|[fF][tT][pP]://|[wW]{3}\.)"
                 r"[^\s<>\"]*[^\s<>\".,;:!?'()\[\]{}]")
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
TAG = re.compile(r"<[A-Za-z/!?][^>]*>")
REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]+|#[xX]" + HEX + "+);")
# NLTK's stopwords/english as nltk_data held it from 2017 to 2024.
NLTK = set("""
i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself
yourselves he him his himself she she's her hers herself it it's its itself they them their
theirs themselves what which who whom this that that'll these those am is are was were be been
being have has had having do does did doing a an the and but if or because as until while of at
by for with about against between into through during before after above below to from up down
in out on off over under again further then once here there when where why how all any both each
few more most other some such no nor not only own same so than too very s t can will just don
don't should should've now d ll m o re ve y ain aren aren't couldn couldn't didn didn't doesn
doesn't hadn hadn't hasn hasn't haven haven't isn isn't ma mightn mightn't mustn mustn't needn
needn't shan shan't shouldn shouldn't wasn wasn't weren weren't won won't wouldn wouldn't
""".split())
assert len(NLTK) == 179 and len(ENGLISH_STOP_WORDS) == 318


def lower(text):
    return "".join("i" if c == "\u0130" else c.lower() for c in text)


def replaced(text, goes, replace):
    return "".join(replace if goes(c) else c for c in text)


def space(c):
    return c.isspace()


def category(c):
    return ud.category(c)


def accents(text):
    return ud.normalize("NFC", "".join(c for c in ud.normalize("NFD", text) if category(c) != "Mn"))


def keep(text, classes, extra="", replace=" "):
    rules = {
        "letters": lambda c: category(c)[0] == "L", "marks": lambda c: category(c)[0] == "M",
        "digits": lambda c: category(c) == "Nd", "numbers": lambda c: category(c)[0] == "N",
        "punctuation": lambda c: category(c)[0] == "P", "symbols": lambda c: category(c)[0] == "S",
        "spaces": space, "ascii_letters": lambda c: c.isascii() and c.isalpha(),
        "ascii_digits": lambda c: c.isascii() and c.isdigit(),
    }
    return replaced(text, lambda c: c not in extra and not any(rules[k](c) for k in classes), replace)


def control(c):
    return category(c) in ("Cc", "Cf") and not space(c)


def tokens(text, stays):
    return " ".join(t for t in text.split() if stays(t))


def step(name, **fields):
    return {"step": name, **fields} if fields else name


def keeps(classes, **more):
    return step("keep", characters=classes, **more), lambda t: keep(t, classes, **more)


def regex(pattern, replace="", python=None, flags=0, **fields):
    fields = {"pattern": pattern, **({"replace": replace} if replace else {}), **fields}
    return (step("regex", **fields),
            lambda t: re.sub(pattern, replace if python is None else python, t, flags=flags))


def study_d(text):
    text = EMAIL.sub(" ", URL.sub(" ", TAG.sub(" ", lower(text))))
    text = " ".join(keep(text, ["letters", "spaces"]).split())
    return tokens(text, lambda t: t not in NLTK and len(t) >= 3)


STUDY_D = ["lower", "strip_html", "strip_urls", "strip_emails",
           step("keep", characters=["letters", "spaces"]), "collapse_space",
           step("remove_stopwords", list="nltk_english"), step("min_token_length", length=3)]

PUNCTUATION = set("$+<=>^`|~")


def punctuation(c):
    return category(c)[0] == "P" or c in PUNCTUATION


SIMPLE = [
    ("lower", lower),
    ("casefold", str.casefold),
    ("unicode_nfc", lambda t: ud.normalize("NFC", t)),
    ("unicode_nfkc", lambda t: ud.normalize("NFKC", t)),
    ("strip_accents", accents),
    ("strip_punctuation", lambda t: replaced(t, punctuation, " ")),
    ("strip_digits", lambda t: replaced(t, lambda c: category(c) == "Nd", " ")),
    ("strip_control", lambda t: replaced(t, control, "")),
    ("collapse_space", lambda t: " ".join(t.split())),
]


def steps():
    yield from SIMPLE
    yield "strip_html", lambda t: TAG.sub(" ", t)
    yield "unescape_html", lambda t: REFERENCE.sub(
        lambda m: NAMED[m[0]] if m[0] in NAMED else html.unescape(m[0]), t)
    yield "strip_urls", lambda t: URL.sub(" ", t)
    yield "strip_emails", lambda t: EMAIL.sub(" ", t)
    yield "strip_quotes", strip_newsgroup_quoting
    yield (step("strip_quotes", attributions=False),
           lambda t: "\n".join(l for l in t.split("\n") if not l.startswith((">", "|"))))
    yield (step("strip_punctuation", replace=""), lambda t: replaced(t, punctuation, ""))
    yield (step("strip_digits", replace="<n>"),
           lambda t: replaced(t, lambda c: category(c) == "Nd", "<n>"))
    yield keeps(["letters"])
    yield keeps(["letters", "marks", "digits", "spaces"], extra="'-\u2019", replace="")
    yield keeps(["ascii_letters", "ascii_digits", "spaces"])
    yield keeps(["numbers", "symbols", "punctuation"], replace="\u00b7")
    yield keeps([], extra="ab")
    yield step("min_token_length", length=3), lambda t: tokens(t, lambda x: len(x) >= 3)
    yield step("max_token_length", length=4), lambda t: tokens(t, lambda x: len(x) <= 4)
    yield (step("remove_stopwords", list="sklearn_english"),
           lambda t: tokens(t, lambda x: x not in ENGLISH_STOP_WORDS))
    yield (step("remove_stopwords", list="nltk_english", words=["computer", "\u00e9\u00e9"]),
           lambda t: tokens(t, lambda x: x not in NLTK | {"computer", "\u00e9\u00e9"}))
    yield regex(r"[0-9]+", "0")
    yield regex(r"[ \t\n]+", " ")
    yield regex(r"x*", "-")
    yield regex(r"(?=a)", "|")
    # no \w or \b: since PCRE2 10.43 marks are \w (as in Perl 5.18), for Python they are not
    yield regex(r"([a-z0-9_])([a-z0-9_])?", r"$2$1", r"\2\1")
    yield regex(r"(?P<first>[A-Za-z])[A-Za-z]*", r"${first}.", r"\g<first>.")
    yield regex(r"foo|the", "<>", flags=re.IGNORECASE, case_insensitive=True)
    yield regex(r"(?<![a-z])[a-z]{1,2}(?![a-z])", "")
    yield regex(r"(?m)^(.)", r"$1$1", r"\1\1")
    yield STUDY_D, study_d


def hostile_texts():
    rng = random.Random(7)
    marks = [chr(c) for c in (*range(0x300, 0x370), 0x345, 0x483, 0x591, 0x5b0, 0x64b, 0x93c, 0x94d,
                              0xe38, 0x1dc0, 0x20d0, 0x302a, 0x3099, 0xfe20)]
    others = list("aeoAEO<>@./:&#;\n\t '\"") + [chr(c) for c in (
        0xc4, 0xe9, 0x1ea4, 0x391, 0x3b1, 0x1100, 0x1161, 0x11a8, 0xac00, 0x304b, 0xfb01, 0x1f600)]
    for n in (5, 30, 200):
        for share in (0.3, 0.9):
            yield "".join(rng.choice(marks if rng.random() < share else others) for _ in range(n))
    pieces = ["http://", "www.", "@", ".co", "<b", ">", "&#", "65;", "&amp;", "a", "Z", "1", " ", "\n",
              ">", "wrote:", "\u00e9", ".", ")", "\u3000", "-"]
    for n in (10, 50, 300):
        yield "".join(rng.choice(pieces) for _ in range(n))


def assigned():
    """[first, last] of every run of characters that this Python's Unicode has, but for U+1171E,
    whose category later became Mc."""
    runs = []
    for c in range(1, 0x110000):
        if category(chr(c)) in ("Cn", "Cs", "Co") or c == 0x1171E:
            continue
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return runs


def digests(runs):
    """Of the outputs for "CHARACTER aCHARACTER", one a line, every assigned character."""
    for name, apply in SIMPLE:
        digest = hashlib.sha256()
        for first, last in runs:
            for c in range(first, last + 1):
                digest.update((apply(chr(c) + " a" + chr(c)) + "\n").encode())
        yield {"step": name, "sha256": digest.hexdigest()}


def main():
    texts = TEXTS + list(hostile_texts())
    runs = assigned()
    result = {
        "unicode": ud.unidata_version,
        "texts": texts,
        "cases": [{"steps": name if isinstance(name, list) else [name],
                   "outputs": [apply(t) for t in texts]} for name, apply in steps()],
        "assigned": runs,
        "digests": list(digests(runs)),
        "sklearn_english": sorted(ENGLISH_STOP_WORDS),
        "nltk_english": sorted(NLTK),
    }
    with open("cleaning.json", "w", encoding="ascii") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
