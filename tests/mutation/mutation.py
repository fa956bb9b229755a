#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutation test: breaks the gradient table and the reference kernels one line at a time and demands that
a test notices.

    mutation.py [--onednn] SOURCE_ROOT CC...

mutants.list holds the mutants; its head describes the format. --onednn: the same for mixed precision
in the onednn backend (mutants_onednn.list; tests bf16, models and contract of tests/ops), skipped on
a processor without bf16. Results are TAP: that the tests pass on the code as it is, that every
function listed in COVERED has a mutant, then one line a mutant. A mutant whose original text is not
found exactly once, or that doesn't compile, fails: the list is stale. The programs link the static
twin of `reference` (and, with --onednn, of onednn and two models) without the host's loader, so a
mutant costs one compilation and one link.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

BASE = ["framework/base/arena.c", "framework/base/error.c", "framework/base/random.c"]
GRAPH = ["builder.c", "checkpointing.c", "dump.c", "first_tokens.c", "flops.c", "frozen.c",
         "gradient.c", "graph.c", "shapes.c"]
REFERENCE = ["backend.c", "kernels_f32.c", "kernels_f64.c", "plan.c", "profile.c"]
REFERENCE_FOLDER = "plugins/backends/reference"
SDK = "framework/include"
SOURCES = (BASE + ["framework/graph/" + f for f in GRAPH] +
           [REFERENCE_FOLDER + "/" + f for f in REFERENCE] +
           ["framework/plugin/options.c", "framework/train/init.c"] +
           ["tests/ops/harness.c", "tests/ops/cases.c", "tests/mutation/load_static.c"])
# Quickest first; a mutant is found by the first that fails.
TESTS = {
    "golden": ("tests/ops/golden.c", ["tests/golden/ops.json"]),
    "closed_forms": ("tests/ops/closed_forms.c", []),
    "gradients": ("tests/gradients/gradients.c", []),
    "contract": ("tests/ops/contract.c", ["reference", "f64"]),
    "closing": ("tests/gradients/closing.c", ["reference", "f64"]),
    "init": ("tests/unit/train/test_init.c", []),
    "first_tokens": ("tests/unit/graph/test_first_tokens.c", []),
}
# File and the functions in it that need a mutant.
COVERED = {
    "framework/graph/gradient.c": r"gradient_\w+|recurrent|give",
    "framework/graph/frozen.c": r"(?!allocate|check_rows_value)\w+",
    "framework/graph/checkpointing.c": r"(?!allocate|thin_out)\w+",
    "framework/graph/first_tokens.c": r"\w+",
    "framework/train/init.c": r"\w+",
    REFERENCE_FOLDER + "/kernels.inc": r"\w+",
    REFERENCE_FOLDER + "/kernels_attention.inc": r"\w+",
    REFERENCE_FOLDER + "/kernels_linear.inc": r"\w+",
    REFERENCE_FOLDER + "/kernels_pointwise.inc": r"\w+",
    REFERENCE_FOLDER + "/kernels_recurrent.inc": r"\w+",
    REFERENCE_FOLDER + "/kernels_rows.inc": r"\w+",
    REFERENCE_FOLDER + "/update.inc": r"\w+",
    SDK + "/assay/checks.h": r"assay_(bounds_of|check_(indices|rows|presence|batch|update|zero))",
}
LIST = "tests/mutation/mutants.list"
INC_UNIT = REFERENCE_FOLDER + "/kernels_f64.c"  # what an .inc file is compiled as part of
# And the SDK's checks.h.
HEADER_UNITS = [REFERENCE_FOLDER + "/plan.c", REFERENCE_FOLDER + "/backend.c"]
INCLUDES = ["framework/include", "framework", "tests", "plugins/backends/rewrite"]
BACKENDS, MODELS = ["reference"], []
LIBRARIES = ["-lcriterion", "-ljansson", "-lm"]
TIMEOUT = 120  # seconds; a test that hangs has noticed too


def choose_onednn():
    """Sources, tests and mutants of the onednn backend instead."""
    global SOURCES, TESTS, COVERED, LIST, INC_UNIT, BACKENDS, MODELS, LIBRARIES
    folder = "plugins/backends/onednn/"
    units = ["attention", "bf16", "columns", "fusion", "gemm", "kernels_generic", "kernels_x86_64_v3",
             "kernels_x86_64_v4", "kernels_x86_64_v4_bf16", "linear", "memory", "onednn", "packing",
             "peak", "plan", "pointwise", "profile", "recurrent", "rowwise", "threads", "update"]
    BACKENDS, MODELS = ["reference", "onednn"], ["bert", "distilbert"]
    LIBRARIES = ["-ljansson", "-ldnnl", "-lm"]
    SOURCES = (SOURCES + [folder + u + ".c" for u in units] +
               [f"plugins/backends/rewrite/{u}.c" for u in ("linears", "nodes", "rows")] +
               [f"plugins/models/{m}.c" for m in MODELS])
    TESTS = {"bf16": ("tests/ops/bf16.c", ["--without-models", "onednn"]),
             "bf16_predict": ("tests/ops/bf16_predict.c", ["onednn"]),
             "models": ("tests/ops/models.c", ["onednn", "bf16"]),
             "ops": ("tests/ops/ops.c", ["onednn", "bf16"]),
             "contract": ("tests/ops/contract.c", ["onednn", "bf16"])}
    # Not packs_f32, is_written_by, nor which products columns.c takes over: that changes speed only.
    COVERED = {folder + "packing.c": r"is_like|onednn_packing_(is_stale|fill)",
               folder + "bf16.c": r"(?!onednn_prepare|packs_f32|is_written_by)\w+",
               folder + "kernels_gelu_bf16.inc": r"gelu_\w+",
               folder + "columns.c": r"panels_of|words_of|onednn_columns_scratch|pack_part|add_block|"
                                     r"onednn_add_column_products",
               folder + "kernels_columns_bf16.inc": r"column_vector|pack_columns|columns_(tile|edge)|add_columns",
               folder + "kernels_attention_bf16.inc": (
                   r"copy_rows|interleave_copies|transpose_words|multiply_pairs|deliver_row|exp_scores|exp_pair|"
                   r"log_sums|attention|dot_words|gradient_(vector|rows)|rounded_pair|attention_grad")}
    LIST = "tests/mutation/mutants_onednn.list"
    INC_UNIT = folder + "kernels_x86_64_v4_bf16.c"


class Mutant:
    def __init__(self, name, path):
        self.name, self.path, self.original, self.replacement = name, path, "", ""


def read_mutants(path):
    mutants = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            kind, text = line[:1], line[2:]
            if not line.strip() or kind == "#":
                continue
            if kind == "=":
                mutants.append(Mutant(*text.split()))
            elif kind == "-" and mutants:
                mutants[-1].original += text
            elif kind == "+" and mutants:
                mutants[-1].replacement += text
            else:
                sys.exit(f"Bail out! {path}:{number}: expected a line that starts with = - + or #")
    return mutants


def without_spaces(text):
    """The text without white space, and where each kept character stood."""
    kept = [(c, i) for i, c in enumerate(text) if not c.isspace()]
    return "".join(c for c, _ in kept), [i for _, i in kept]


def find(text, original):
    """(begin, end) of the only place that reads so, however it is wrapped; else None."""
    dense, places = without_spaces(text)
    wanted, _ = without_spaces(original)
    if not wanted or dense.count(wanted) != 1:
        return None
    begin = dense.index(wanted)
    return places[begin], places[begin + len(wanted) - 1] + 1


def functions(text):
    """(name, begin, end) of every function definition."""
    found = []
    for match in re.finditer(r"^(?:static )?[a-z][\w ]*[ *](\w+)\([^;{}]*\) \{$", text, re.M):
        found.append((match.group(1), match.start(), text.index("\n}", match.start())))
    return found


class Builder:
    def __init__(self, root, compiler, folder):
        self.root, self.folder = root, folder
        self.compile = compiler + [
            "-std=c11", "-O0", "-w", "-D_GNU_SOURCE", "-ffp-contract=off",
            "-fno-math-errno"] + [
            "-I" + os.path.join(root, i) for i in INCLUDES]
        self.link = compiler

    def source(self, path):
        return os.path.join(self.root, path)

    def object(self, path, folder=None):
        return os.path.join(folder or self.folder, path.replace("/", "_") + ".o")

    def run(self, command):
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)

    def compile_unit(self, path, source, result, first=()):
        """Compiles the source that stands for path; headers are looked for in `first` first."""
        kind, identity = os.path.split(path.removesuffix(".c"))
        if kind != "plugins/models":
            identity = os.path.basename(kind)
        flags = ["-DASSAY_STATIC_ID=" + identity] if path.startswith("plugins/") else []
        if path.endswith("load_static.c"):
            flags = ["-DSTATIC_BACKENDS=" + " ".join(f"X({b})" for b in BACKENDS),
                     "-DSTATIC_MODELS=" + " ".join(f"X({m})" for m in MODELS)]
        return self.run(self.link + ["-I" + f for f in first] + self.compile[len(self.link):] +
                        flags + ["-c", source, "-o", result])

    def build_object(self, path):
        return self.compile_unit(path, self.source(path), self.object(path))

    def mutate(self, mutant, text, folder):
        """Compiles the mutated file in a copy of its folder; returns {path: object}, output."""
        copy = os.path.join(folder, "copy", os.path.basename(os.path.dirname(mutant.path)))
        shutil.copytree(os.path.dirname(self.source(mutant.path)), copy)
        begin, end = find(text, mutant.original)
        with open(os.path.join(copy, os.path.basename(mutant.path)), "w", encoding="utf-8") as f:
            f.write(text[:begin] + mutant.replacement + text[end:])
        units, first = [mutant.path], []
        if mutant.path.startswith(SDK):
            units, first = HEADER_UNITS, [os.path.dirname(copy)]
        elif mutant.path.endswith(".inc"):
            units = [INC_UNIT]
        results = {}
        for unit in units:
            source = self.source(unit) if first else os.path.join(copy, os.path.basename(unit))
            results[unit] = self.object(unit, folder)
            done = self.compile_unit(unit, source, results[unit], first)
            if done.returncode != 0:
                return {}, done.stdout
        return results, ""

    def test(self, name, folder, mutated):
        """Links and runs one test program: (passed, first failing line)."""
        main, arguments = TESTS[name]
        program = os.path.join(folder, name)
        objects = [mutated.get(s, self.object(s)) for s in SOURCES + [main]]
        linked = self.run(self.link + objects + ["-o", program] + LIBRARIES)
        if linked.returncode != 0:
            sys.exit("Bail out! cannot link: " + linked.stdout)
        arguments = [self.source(a) if a.startswith("tests/") else a for a in arguments]
        try:
            done = subprocess.run([program, "--fail-fast"] + arguments, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            return False, "no end"
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        failing = [l for l in lines if l.startswith(("not ok", "Bail out"))]
        if done.returncode == 0:
            return True, ""
        return False, failing[0] if failing else f"exit status {done.returncode}"


class Results:
    def __init__(self):
        self.count = self.failures = 0

    def add(self, passed, text):
        self.count += 1
        self.failures += not passed
        print(f"{'ok' if passed else 'not ok'} {self.count} - {text}".replace("#", ""), flush=True)
        return passed


def check_mutant(builder, mutant, text):
    if not find(text, mutant.original):
        return False, "original text is not in " + mutant.path + " exactly once; update mutants.list"
    with tempfile.TemporaryDirectory(dir=builder.folder) as folder:
        mutated, output = builder.mutate(mutant, text, folder)
        if not mutated:
            return False, "doesn't compile: " + " ".join(output.split())[:300]
        for name in TESTS:
            passed, why = builder.test(name, folder, mutated)
            if not passed:
                return True, f"{name}: {why}"
    return False, "no test notices"


def check_coverage(texts, mutants, results):
    """Every function that COVERED names has a mutant inside."""
    for path, pattern in COVERED.items():
        places = [find(texts[path], m.original) for m in mutants if m.path == path]
        names = set()
        for name, begin, end in functions(texts[path]):
            if re.fullmatch(pattern, name):
                names.add(name)
                inside = any(p and begin <= p[0] < end for p in places)
                results.add(inside, f"{path}: {name} has a mutant")
        wanted = {n for n in expected_names(path, texts[path]) if n not in names}
        results.add(names and not wanted,
                    f"{path}: {len(names)} functions looked at, left out: {sorted(wanted)}")


def expected_names(path, text):
    """What the tables of the sources name: rules X(OP, rule), kernels run_OP of ops.def."""
    if "onednn" in path:
        return []
    if path.endswith("gradient.c"):
        return ["gradient_" + r for r in re.findall(r"X\(\w+, (\w+)\)", text) if r != "none"]
    return re.findall(r"\brun_\w+(?=\(const)", text)


def main():
    arguments = sys.argv[1:]
    if arguments[0] == "--onednn":
        arguments.pop(0)
        choose_onednn()
        with open("/proc/cpuinfo", encoding="ascii") as cpu:
            if "avx512_bf16" not in cpu.read():
                print("1..0 # SKIP this processor has no AVX512_BF16")
                return 0
    root, compiler = arguments[0], arguments[1:]
    mutants = read_mutants(os.path.join(root, LIST))
    texts = {}
    for path in list(COVERED) + [m.path for m in mutants]:
        with open(os.path.join(root, path), encoding="utf-8") as f:
            texts[path] = f.read()
    results = Results()
    results.add(len({m.name for m in mutants}) == len(mutants), "names of mutants are unique")
    check_coverage(texts, mutants, results)
    jobs = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        builder = Builder(root, compiler, folder)
        paths = SOURCES + [main for main, _ in TESTS.values()]
        for path, done in zip(paths, pool.map(builder.build_object, paths)):
            if done.returncode != 0:
                sys.exit(f"Bail out! {path} doesn't compile: {done.stdout}")
        for name in TESTS:
            passed, why = builder.test(name, folder, {})
            results.add(passed, f"unmutated {name} passes {why}")
        if not results.failures:
            checks = pool.map(lambda m: check_mutant(builder, m, texts[m.path]), mutants)
            for mutant, (found, why) in zip(mutants, checks):
                results.add(found, f"{mutant.name}: {why}")
    print(f"1..{results.count}")
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
