#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fetch.py ASSAY SERVER: `assay data fetch` against a server that misbehaves in every way (server.py),
a folder, a proxy, a full disk and a kill."""
import hashlib
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

assay, server_script = sys.argv[1:3]
work = pathlib.Path(tempfile.mkdtemp(prefix="assay-fetch-"))
content = random.Random(1).randbytes(300_000)
sha256 = hashlib.sha256(content).hexdigest()
(work / "content").write_bytes(content)
server = subprocess.Popen([sys.executable, server_script, work / "content", work / "log"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
port = int(server.stdout.readline())
base = f"http://127.0.0.1:{port}"
dead = "http://127.0.0.1:9"  # discard: nobody listens
n_cases = 0


def manifest(url, mirrors=(), sha=sha256, size=None):
    source = {"url": url, "file": "vectors.txt", "mirrors": list(mirrors)}
    if sha:
        source["sha256"] = sha
    if size:
        source["bytes"] = size
    path = work / "mine.json"
    path.write_text(json.dumps({
        "schema_version": 1, "name": "mine", "kind": "embeddings", "license": "CC0-1.0",
        "sources": [source], "files": {"vectors": "vectors.txt"}, "dimensions": 5}))
    return str(path)


def fetch(expected, *arguments, keep=False, says="", environment=None, limit=None):
    global n_cases
    n_cases += 1
    if not keep:
        shutil.rmtree(work / "data", ignore_errors=True)
    open(work / "log", "w").close()
    run = subprocess.run(
        [assay, "data", "fetch", "--data-dir", str(work / "data"), "--retries", "2", "--stall", "1",
         *arguments], capture_output=True, text=True, timeout=60,
        env={**os.environ, **(environment or {})},
        restore_signals=limit is None,  # Python ignores SIGXFSZ, and so does the command then
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None)
    told = run.stdout + run.stderr
    assert run.returncode == expected, f"{arguments}: status {run.returncode}, expected {expected}: {told}"
    assert says in told, f"{arguments}: lacks {says!r}: {told}"
    assert "\033" not in told, "no live line in a pipe"
    got = work / "data/mine/vectors.txt"
    if expected == 0:
        assert got.read_bytes() == content, "content"
        assert sorted(p.name for p in got.parent.iterdir()) == ["vectors.txt"], "leftovers"
    else:
        assert not got.exists(), f"{arguments}: a file that was not verified has its name"
    return (work / "log").read_text().splitlines()


try:
    # what a good server gives; a second time nothing is asked
    assert len(fetch(0, manifest(base + "/good/x"), says="verified")) == 1
    assert fetch(0, manifest(base + "/good/x"), keep=True, says="was there") == []
    fetch(0, manifest(base + "/plain/x"))
    fetch(0, manifest(base + "/slow/x"))
    fetch(0, manifest(base + "/moved/x"))
    fetch(0, manifest(base + "/busy/x"))
    fetch(0, manifest(base + "/long/x"))  # HTTP ends a body at its length
    assert "not verified" in subprocess.run(
        [assay, "data", "fetch", manifest(base + "/good/x", sha=None), "--data-dir", work / "unverified"],
        capture_output=True, text=True).stdout

    # cut off: the rest is asked for with a range, under the validator of the first answer
    log = fetch(0, manifest(base + "/cut/x"))
    assert len(log) > 3 and all("bytes=" in line and '"one"' in line for line in log[1:]), log
    log = fetch(0, manifest(base + "/cut-plain/x", [base + "/good/y"]))  # the next mirror goes on
    assert "bytes=120000-" in log[-1], log
    fetch(0, manifest(base + "/changed/x"))
    fetch(0, manifest(base + "/wrong-range/x", [base + "/plain/y"]))

    # a part from an earlier time: gone on with; of something else: thrown away
    part = work / "data/mine/vectors.txt.part"
    for begin, kind in ((content[:1000], "resumed"), (b"?" * 1000, "other"), (content + b"!", "too long")):
        shutil.rmtree(work / "data", ignore_errors=True)
        part.parent.mkdir(parents=True)
        part.write_bytes(begin)
        log = fetch(0, manifest(base + "/good/x"), keep=True)
        assert f"bytes={len(begin)}-" in log[0], log
        assert len(log) == (1 if kind == "resumed" else 2), (kind, log)

    # a kill in the middle
    shutil.rmtree(work / "data")
    child = subprocess.Popen([assay, "data", "fetch", manifest(base + "/slow/x"), "--data-dir", work / "data"])
    while not part.exists() or part.stat().st_size < 20000:
        time.sleep(0.01)
    child.kill()
    child.wait()
    log = fetch(0, manifest(base + "/good/x"), keep=True)
    assert "bytes=" in log[0], log

    # what is refused
    fetch(65, manifest(base + "/other/x"), says="SHA-256")
    assert (work / "data/mine/vectors.txt.rejected").read_bytes() == b"z" * len(content)
    fetch(65, manifest(base + "/short/x"), says="150000 bytes")
    fetch(3, manifest(base + "/missing/x"), says="answers 404")
    fetch(3, manifest(base + "/loop/x"), says="redirect")
    fetch(65, manifest(base + "/endless/x", size=len(content)), says="more than")
    fetch(3, manifest(base + "/stall/x"), says="vectors.txt")
    fetch(3, manifest(dead + "/x"), says="connect")
    fetch(3, manifest("ftp://127.0.0.1/x"), says="ftp")
    fetch(65, manifest(base + "/good/x", sha=None, size=5000), says="more than 5001")
    fetch(64, "no-such-resource", says="no-such-resource")
    fetch(64, manifest(base + "/good/x"), "--stall", "x", says="wants a number")

    # mirrors in turn
    log = fetch(0, manifest(dead + "/x", [base + "/missing/x", base + "/other/x", base + "/good/x"]))
    assert len(log) == 3, log

    # a folder, another server, a proxy
    (work / "local folder").mkdir()
    shutil.copy(work / "content", work / "local folder/vectors.txt")
    assert fetch(0, manifest(dead + "/x"), "--from", str(work / "local folder")) == []
    fetch(0, manifest(dead + "/x"), "--from", f"{base}/in/")
    fetch(64, manifest(dead + "/x"), "--from", str(work / "nowhere"), says="no such folder")
    log = fetch(0, manifest("http://data.example/good/x"), environment={"http_proxy": base, "no_proxy": ""})
    assert "data.example" in log[0], log

    # a full disk: what came is kept, the same command goes on
    fetch(3, manifest(base + "/good/x"), limit=100_000, says="the same command goes on")
    assert part.stat().st_size <= 100_000
    log = fetch(0, manifest(base + "/good/x"), keep=True)
    assert "bytes=" in log[0], log
    print(f"{n_cases} cases")
finally:
    server.kill()
    shutil.rmtree(work)
