#!/bin/sh
# SPDX-License-Identifier: MIT
# make_peers_environment.sh FOLDER: a Python environment with the programs that the suites `peers` run beside assay's
# own models, every version as peers_requirements.txt pins it, from PyPI (6 GB on disk: PyPI's torch brings
# CUDA's libraries). Then
#
#     . FOLDER/bin/activate
#     assay run peers --interleave
#
# PYTHON names another interpreter (3.11 or later; default python3). The folder must not be there yet.
set -eu
if [ $# -ne 1 ] || [ -e "$1" ]; then
    echo "usage: $0 FOLDER  (a new one)" >&2
    exit 64
fi
requirements=$(dirname "$0")/peers_requirements.txt
"${PYTHON:-python3}" -m venv "$1"
"$1/bin/python3" -m pip install --quiet --disable-pip-version-check --no-deps -r "$requirements"
"$1/bin/python3" -m pip check
"$1/bin/python3" -c '
import onnxruntime, onnxruntime.transformers.optimizer, openvino, sklearn, torch, transformers
for module in (torch, transformers, onnxruntime, openvino, sklearn):
    print(module.__name__, module.__version__)'
