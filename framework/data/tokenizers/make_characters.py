#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes characters.def: the classes of characters.h as ranges, from the Unicode Character Database.

    make_characters.py [FOLDER]     (default /usr/share/unicode: Debian's package unicode-data)

Debian 12 has Unicode 15.0.0, the version the file states; another one is refused, since the words a
text is cut into must not depend on the machine that made the table.
"""
import pathlib
import re
import sys

VERSION = "15.0.0"
# In the order of enum as_word_break.
WORD_BREAK = ("Other CR LF Newline Extend ZWJ Format WSegSpace Regional_Indicator Katakana Hebrew_Letter "
              "ALetter Single_Quote Double_Quote MidNumLet MidLetter MidNum Numeric ExtendNumLet").split()
LETTER_OR_NUMBER, MARK, PICTOGRAPHIC = 0x20, 0x40, 0x80


def properties(path):
    """(first, last, value) of a file of the database's usual form; the version is checked."""
    text = path.read_text(encoding="utf-8")
    if f"-{VERSION}.txt" not in text.splitlines()[0] and f"Emoji Version {VERSION[:4]}" not in text[:600]:
        sys.exit(f"{path}: is not of Unicode {VERSION}")
    for line in text.splitlines():
        match = re.match(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)", line)
        if match:
            yield int(match[1], 16), int(match[2] or match[1], 16), match[3]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")
    classes = bytearray(0x110000)
    for first, last, value in properties(folder / "auxiliary/WordBreakProperty.txt"):
        for point in range(first, last + 1):
            classes[point] |= WORD_BREAK.index(value)
    for first, last, value in properties(folder / "extracted/DerivedGeneralCategory.txt"):
        flag = {"L": LETTER_OR_NUMBER, "N": LETTER_OR_NUMBER, "M": MARK}.get(value[0], 0)
        for point in range(first, last + 1):
            classes[point] |= flag
    for first, last, value in properties(folder / "emoji/emoji-data.txt"):
        for point in range(first, last + 1):
            classes[point] |= PICTOGRAPHIC if value == "Extended_Pictographic" else 0
    rows, first = [], 0x80
    for point in range(0x81, 0x110001):
        if point == 0x110000 or classes[point] != classes[first]:
            if classes[first]:
                rows.append(f"R(0x{first:X}, 0x{point - 1:X}, 0x{classes[first]:02X})")
            first = point
    out = ["/* SPDX-License-Identifier: MIT AND Unicode-DFS-2016 */",
           f"/* Made by make_characters.py from Unicode {VERSION}: WordBreakProperty.txt,",
           " * DerivedGeneralCategory.txt, emoji-data.txt. The classes of ASCII, then R(first,",
           " * last, class), ascending, class 0 left out. */", "/* clang-format off */",
           "#ifdef AS_ASCII_CLASSES"]
    for begin in range(0, 0x80, 16):
        out.append(", ".join(f"0x{c:02X}" for c in classes[begin:begin + 16]) + ",")
    out.append("#else")
    line = ""
    for row in rows:
        if len(line) + len(row) > 98:
            out.append(line)
            line = ""
        line += row
    out += [line, "#endif"]
    (pathlib.Path(__file__).parent / "characters.def").write_text("\n".join(out) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
