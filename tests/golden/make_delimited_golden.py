#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes delimited.json: CSV files of seeded random fields (quotes, commas, line breaks, blanks, tabs)
as Python's csv module writes them, and TSV files without quoting, with the rows that went in: label
and two texts. Needs Python alone; run in this folder: python3 make_delimited_golden.py"""

import csv
import io
import json
import random

PIECES = ["a", "b c", "\"", "\"\"", ",", ";", " ", "\t", "\n", "\r\n", "\r", "'", "\\", "é", "中", "\u2028", "#"]
TSV_PIECES = [p for p in PIECES if "\n" not in p and "\r" not in p and p != "\t"]


def field(rng, pieces):
    return "".join(rng.choice(pieces) for _ in range(rng.randint(0, 6)))


def rows_of(rng, pieces):
    rows = [[str(i % 2), field(rng, pieces), field(rng, pieces)] for i in range(rng.randint(2, 8))]
    if pieces is TSV_PIECES:  # a line of blanks is no empty row, since the label is not empty
        assert all("\t" not in cell for row in rows for cell in row)
    return rows


def csv_file(rng):
    rows, text = rows_of(rng, PIECES), io.StringIO()
    writer = csv.writer(text, lineterminator=rng.choice(["\n", "\r\n"]),
                        quoting=rng.choice([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    writer.writerow(["label", "one", "two"])
    writer.writerows(rows)
    content = text.getvalue()
    assert list(csv.reader(io.StringIO(content, newline=""), strict=True))[1:] == rows
    return {"format": "csv", "text": content, "rows": rows}


def plain_csv_file(rng):
    """Only what needs quotes has them."""
    rows, text = rows_of(rng, [p for p in PIECES if p != "\r"]), io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["label", "one", "two"])
    writer.writerows(rows)
    return {"format": "csv", "text": text.getvalue().removesuffix("\r\n"), "rows": rows}


def tsv_file(rng):
    rows = rows_of(rng, TSV_PIECES)
    return {"format": "tsv", "rows": rows,
            "text": "".join("\t".join(row) + "\n" for row in [["label", "one", "two"]] + rows)}


if __name__ == "__main__":
    seeded = random.Random(4180)
    files = [make(seeded) for make in (csv_file, plain_csv_file, tsv_file) for _ in range(15)]
    with open("delimited.json", "w", encoding="utf-8") as file:
        json.dump(files, file, indent=None, separators=(",", ":"))
        file.write("\n")
