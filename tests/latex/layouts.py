#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles a report's LaTeX parts in three layouts, and looks for warnings about them.

    layouts.py FOLDER                the latex/ folder that assay report --format latex wrote
    layouts.py FOLDER --errors-only  of a run with texts that no table was made for
    layouts.py FOLDER --keep OUT     leaves the three PDFs in OUT

article with one column, IEEEtran, and two columns of 77 mm as the ACL's style sets them (its file
is not part of TeX Live, so its measures are set here: Times, 11 pt, columns of 77 mm, 6 mm apart).
IEEE sets captions above tables, ACL below. Every warning, overfull or underfull box counts, since
the documents hold nothing but the report's parts.
"""
import argparse
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
BAD = re.compile(r"([Ww]arning|^Overfull|^Underfull|^!|^Missing character)", re.M)
# Of the layout itself, not of its parts.
HARMLESS = re.compile(r"Underfull \\vbox|has changed|Rerun|There were undefined references|"
                      r"There were multiply|No file|Font shape|Some font shapes|infwarerr")


def tables(folder):
    """Names of the tables there, and whether each says that it is a wide one."""
    for file in sorted(os.listdir(folder)):
        if file.endswith("-tabular.tex"):
            with open(os.path.join(folder, file), encoding="utf-8") as stream:
                yield file[:-len("-tabular.tex")], stream.readline().startswith("% wide")


def table(name, wide, above):
    """One as a float."""
    star = "*" if wide else ""
    caption, body = f"\\input{{{name}-caption}}\n", f"\\input{{{name}-tabular}}\n"
    return (f"\\begin{{table{star}}}[tbp]\n\\centering\n"
            + (caption + "\\medskip\n" + body if above else body + caption) + f"\\end{{table{star}}}\n\\clearpage\n")


def document(folder, head, above, style):
    """A paper of all parts."""
    return (head + "\\input{preamble}\n\\title{Parts of a report}\\author{}\n\\begin{document}\n"
            "\\maketitle\n\\section{Methods}\n\\input{methods}\n\\clearpage\n"
            + "".join(table(name, wide, above) for name, wide in tables(folder))
            + "\\IfFileExists{figures.tex}{\\input{figures}}{}\n\\clearpage\n"
            + f"\\bibliographystyle{{{style}}}\n\\bibliography{{references}}\n\\end{{document}}\n")


def run(command, folder):
    """Exit status and output."""
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False,
                          env={**os.environ, "max_print_line": "1000"})
    return done.returncode, done.stdout.decode("utf-8", "replace")


def complaints(log, bibtex):
    """Lines that a paper's author would have to look at."""
    # Classes set bibliographies loosely on purpose; a line that is too long counts even there.
    front, _, rest = log.partition("(./paper.bbl")
    loose, _, back = rest.partition("\n)")
    loose = "\n".join(x for x in loose.splitlines() if not x.startswith("Underfull"))
    bad, at = [], ""
    for line in "\n".join((front, loose, back)).splitlines():
        at = (re.findall(r"\(\./([\w.-]+)", line) or [at])[-1]
        if BAD.search(line) and not HARMLESS.search(line):
            bad.append(f"{line} [near {at}]")
    return bad + [line for line in bibtex.splitlines() if line.startswith("Warning")]


def compile_layout(source, name, keep):
    """Its complaints."""
    with tempfile.TemporaryDirectory() as folder:
        for file in os.listdir(source):
            if file.endswith((".tex", ".bib")):
                shutil.copy(os.path.join(source, file), folder)
        if os.path.isdir(f"{source}/figures"):
            shutil.copytree(f"{source}/figures", f"{folder}/figures")
        with open(f"{folder}/paper.tex", "w", encoding="utf-8") as file:
            file.write(document(source, *LAYOUTS[name]))
        latex = ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "paper.tex"]
        run(latex, folder)
        _, bibtex = run(["bibtex", "paper"], folder)
        run(latex, folder)
        code, _ = run(latex, folder)
        with open(f"{folder}/paper.log", encoding="latin-1") as file:
            bad = complaints(file.read(), bibtex)
        if code != 0 or not os.path.exists(f"{folder}/paper.pdf"):
            bad.append(f"pdflatex ended with {code}")
        elif keep:
            os.makedirs(keep, exist_ok=True)
            shutil.copy(f"{folder}/paper.pdf", f"{keep}/{name}.pdf")
        return bad


def main():
    """Exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--errors-only", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("--layouts", default=",".join(LAYOUTS))
    args = parser.parse_args()
    failed = False
    for name in args.layouts.split(","):
        bad = compile_layout(args.folder, name, args.keep)
        if args.errors_only:
            bad = [x for x in bad if x.startswith(("!", "pdflatex", "Missing"))]
        failed = failed or bool(bad)
        print(f"{name}: {'no warnings' if not bad else ''}")
        for line in bad[:20]:
            print("   ", line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
