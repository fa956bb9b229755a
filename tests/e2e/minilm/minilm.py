# SPDX-License-Identifier: MIT
"""The pretrained encoder MiniLM-L6 in assay, the short form: token ids and hidden states of the
twenty texts of tests/golden/minilm.json are transformers', and a linear head on frozen features
learns a part of SST-2 as well as scikit-learn's logistic regression on the same features.

    ASSAY=build/assay MINILM_STATES=build/tests/e2e/minilm_states MINILM_BACKENDS=reference,onednn \\
    ASSAY_PLUGIN_PATH=build/plugins ASSAY_MINILM=$(.ci/minilm.sh CACHE) ASSAY_TEST_DATA=DATA \\
        python3 minilm.py

Without ASSAY_MINILM or ASSAY_TEST_DATA it is skipped (77), with CI=true it fails. What takes longer,
200 texts, all of SST-2 and fine-tuning, is peers.py's."""
import array
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "golden" / "minilm.json"
DIRECTIONS, CHANNELS = 4, 384
BOUND = 1e-4
SUBSET = ["--set", "data.subset.train=1200", "--set", "data.subset.validation=200",
          "--set", "data.subset.test=600"]
# peers.py features on the rows of `assay data rows suite.json` with SUBSET
LOGISTIC_REGRESSION = 0.76
MARGIN = 0.01


def needed(name):
    """A folder that the environment names; without it there is nothing to test."""
    folder = os.environ.get(name)
    if folder:
        return pathlib.Path(folder)
    print(f"{name} is not set: .ci/run fetches or finds that folder")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)


def mix64(x):
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9 % 2**64
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb % 2**64
    return x ^ (x >> 31)


AXES = [[(1 - 2 * (mix64(1000 * d + c + 1) >> 63)) / CHANNELS ** 0.5 for c in range(CHANNELS)]
        for d in range(DIRECTIONS)]


def projected(values):
    """[n * CHANNELS] -> [n][DIRECTIONS], as make_minilm_golden.py says."""
    states = [values[i:i + CHANNELS] for i in range(0, len(values), CHANNELS)]
    return [[sum(a * x for a, x in zip(axis, state)) for axis in AXES] for state in states]


def check_ids(model, texts):
    found = subprocess.run([os.environ["ASSAY"], "data", "tokens", "-", "--tokenizer", "wordpiece",
                            "--vocab", model / "vocab.txt", "--max-tokens", "512"],
                           input="".join(t["text"] + "\n" for t in texts), encoding="utf-8",
                           stdout=subprocess.PIPE, check=True).stdout.splitlines()
    assert len(found) == len(texts), f"{len(found)} texts of {len(texts)}"
    for line, text in zip(found, texts):
        assert json.loads(line)["ids"] == text["ids"], text["text"]


def check_states(model, texts, ids, backend, kind):
    """Largest difference to transformers' states, as the golden file has them."""
    output = subprocess.run([os.environ["MINILM_STATES"], model, backend, kind, ids],
                            stdout=subprocess.PIPE, check=True).stdout
    values = array.array("f")
    values.frombytes(output)
    expected = [row for text in texts for row in text[kind]]
    found = projected(values)
    assert len(found) == len(expected), f"{backend}, {kind}: {len(found)} states"
    worst = max(abs(x - y) for a, b in zip(found, expected) for x, y in zip(a, b))
    assert worst <= BOUND, f"{backend}, {kind}: off by {worst:.2g}, over {BOUND}"
    print(f"{backend}, {kind}: {len(found)} states, largest difference {worst:.1e}")


def check_frozen(model, data, work, backend):
    out = work / "run"
    subprocess.run([os.environ["ASSAY"], "run", HERE / "suite.json", "--entries", "frozen",
                    "--backends", backend, "--seeds", "1", "--threads", "1", "--quiet", "--out", out, *SUBSET,
                    "--set", "measure.scenarios=[]", "--set", f"data.path={data / 'small/sst2'}",
                    "--set", f"defaults.weights={model}",
                    "--set", f"defaults.tokenizer.vocabulary={model}"],
                   stdout=subprocess.DEVNULL, check=True,
                   env={**os.environ, "ASSAY_CACHE_DIR": str(work / "cache")})
    result = json.loads(next(out.glob("cells/frozen*/result.json")).read_text(encoding="utf-8"))
    accuracy = result["test"]["accuracy"]["value"]
    print(f"frozen features: accuracy {accuracy:.4f}, logistic regression {LOGISTIC_REGRESSION}, "
          f"{result['training']['seconds']:.1f} s")
    assert accuracy >= LOGISTIC_REGRESSION - MARGIN
    assert result["model"]["parameters"]["trainable"] == 2 * CHANNELS + 2


def main():
    model, data = needed("ASSAY_MINILM"), needed("ASSAY_TEST_DATA")
    texts = json.loads(GOLDEN.read_text(encoding="utf-8"))["texts"]
    work = pathlib.Path(tempfile.mkdtemp(prefix="assay-minilm-"))
    backends = os.environ["MINILM_BACKENDS"].split(",")
    try:
        check_ids(model, texts)
        ids = work / "ids.txt"
        ids.write_text("".join(" ".join(map(str, t["ids"])) + "\n" for t in texts))
        for backend in backends:
            check_states(model, texts, ids, backend, "pooled")
        check_states(model, texts, ids, "reference", "tokens")
        check_frozen(model, data, work, "onednn" if "onednn" in backends else "reference")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
