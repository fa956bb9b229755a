#!/bin/sh
# SPDX-License-Identifier: MIT
# links.sh LIBRARY STAMP: gives the emulation the names that the backend opens, beside it.
set -eu
folder=$(dirname "$1")
name=$(basename "$1")
for library in libcuda.so.1 libcublasLt.so.13 libcudnn.so.9 libnvidia-ml.so.1; do
  ln -sf "$name" "$folder/$library"
done
touch "$2"
