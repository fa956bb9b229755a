#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles a report's LaTeX parts in three layouts, and looks for warnings about them.

    layouts.py FOLDER                the latex/ folder that assay report --format latex wrote
    layouts.py FOLDER --errors-only  of a run with texts that no table was made for

article with one column, IEEEtran, and two columns of 77 mm as the ACL's style sets them (its file
is not part of TeX Live, so its measures are set here: Times, 11 pt, columns of 77 mm, 6 mm apart).
IEEE sets captions above tables, ACL below. Every warning, overfull or underfull box counts, since
the documents hold nothing but the report's parts.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

LAYOUTS = {
    "article": ("\\documentclass{article}\n", True, "plain"),
    "ieee": ("\\documentclass[journal]{IEEEtran}\n", True, "IEEEtran"),
    "acl": ("\\documentclass[11pt,twocolumn]{article}\n\\usepackage{times}\n"
            "\\usepackage[T1]{fontenc}\n"
            "\\usepackage[a4paper,textwidth=160mm,textheight=247mm,columnsep=6mm]{geometry}\n",
            False, "plain"),
}
TABLES = ("main", "cost", "classes")
BAD = re.compile(r"(Warning|^Overfull|^Underfull|^!|^Missing character)", re.M)
# Of the layout itself, not of its parts.
HARMLESS = re.compile(r"Underfull \\vbox|has changed|Rerun|There were undefined references|"
                      r"There were multiply|No file|Font shape|Some font shapes")


def table(name, above):
    caption = f"\\input{{{name}-caption}}\\input{{{name}-label}}\n"
    body = f"\\input{{{name}-tabular}}\n"
    return ("\\begin{table}[tbp]\n\\centering\n" + (caption + "\\medskip\n" + body if above
            else body + caption) + "\\end{table}\n")


def document(head, above, style):
    return (head + "\\input{preamble}\n\\title{Parts of a report}\\author{}\n\\begin{document}\n"
            "\\maketitle\n\\section{Methods}\n\\input{methods}\n"
            + "".join(table(name, above) for name in TABLES)
            + f"\\bibliographystyle{{{style}}}\n\\bibliography{{references}}\n\\end{{document}}\n")


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def compile_layout(source, name):
    with tempfile.TemporaryDirectory() as folder:
        for file in os.listdir(source):
            if file.endswith((".tex", ".bib")):
                shutil.copy(os.path.join(source, file), folder)
        with open(f"{folder}/paper.tex", "w", encoding="utf-8") as file:
            file.write(document(*LAYOUTS[name]))
        latex = ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"]
        run(latex, folder)
        _, bibtex = run(["bibtex", "paper"], folder)
        run(latex, folder)
        code, _ = run(latex, folder)
        with open(f"{folder}/paper.log", encoding="latin-1") as file:
            log = file.read()
        # Classes set bibliographies loosely on purpose; a line that is too long counts even there.
        front, _, rest = log.partition("(./paper.bbl")
        loose, _, back = rest.partition("\n)")
        loose = "\n".join(x for x in loose.splitlines() if not x.startswith("Underfull"))
        bad = [line for line in "\n".join((front, loose, back)).splitlines()
               if BAD.search(line) and not HARMLESS.search(line)]
        bad += [line for line in bibtex.splitlines() if line.startswith("Warning")]
        if code != 0 or not os.path.exists(f"{folder}/paper.pdf"):
            bad.append(f"pdflatex ended with {code}")
        return bad


def main():
    failed = False
    for name in LAYOUTS:
        bad = compile_layout(sys.argv[1], name)
        if "--errors-only" in sys.argv:
            bad = [x for x in bad if x.startswith(("!", "pdflatex", "Missing"))]
        failed = failed or bool(bad)
        print(f"{name}: {'no warnings' if not bad else ''}")
        for line in bad[:20]:
            print("   ", line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
