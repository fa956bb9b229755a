#!/bin/sh
# SPDX-License-Identifier: MIT
# make_peers_environment.sh FOLDER: a Python environment with the programs that the suite `peers` runs beside assay's
# own models, in pinned versions from PyPI (several GB: PyPI's torch brings CUDA's libraries). Then
#
#     . FOLDER/bin/activate
#     assay run peers
#
# PYTHON names another interpreter (3.10 or later; default python3). The folder must not be there yet.
set -eu
if [ $# -ne 1 ] || [ -e "$1" ]; then
    echo "usage: $0 FOLDER  (a new one)" >&2
    exit 64
fi
"${PYTHON:-python3}" -m venv "$1"
"$1/bin/python3" -m pip install --quiet --disable-pip-version-check \
    torch==2.15.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 \
    transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0
"$1/bin/python3" -c 'import sklearn, torch, transformers; print("torch", torch.__version__, "transformers",
    transformers.__version__, "scikit-learn", sklearn.__version__)'
