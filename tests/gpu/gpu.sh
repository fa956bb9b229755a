#!/bin/bash
# SPDX-License-Identifier: MIT
# gpu.sh: the cudnn backend's tests and benchmarks on a machine with a GPU that has nothing of ours.
#
#     gpu.sh prepare BUILD FOLDER   here: programs, plugins and the libraries they need, into FOLDER
#     gpu.sh steps                  the names of the steps
#     gpu.sh STEP... FOLDER         there: one of them, under ten minutes, or several short ones; results
#                                   under $OUT. Unpacks the bundle into $ASSAY_GPU_FOLDER
#                                   (/tmp/assay-gpu) if it is newer
#     gpu.sh rehearse FOLDER [EMULATED]   here: every step as far as it goes without a GPU; with the folder
#                                   of the emulated libraries, those that the emulation is fast enough for
#
# BUILD is a release build (meson setup -Dbuildtype=release). FOLDER has to travel together with the
# source tree and is under 64 MiB. $OUT gets at most 8 files. A step ends with status 0 when all in it
# passed, 3 when the machine has no GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${OUT:-.}

steps="facts smoke operations gradients without models repeat curves recurrent sanitize speed torch_eager torch_forward torch_train"

# ---- here --------------------------------------------------------------------------------------

# Debian's libraries of these programs; the machine's own C and C++ libraries serve there, all parts of
# them: those of two versions don't go together.
copy_libraries() { # FOLDER FILES...
  local folder=$1
  shift
  ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -vE '/(libc|libm|libmvec|libdl|librt|libpthread|libresolv|libnsl|libutil|libanl|libstdc\+\+|libgcc_s|ld-linux.*)\.so' |
    while read -r library; do cp -L "$library" "$folder/lib/"; done
}

prepare() { # BUILD FOLDER
  local build=$1 folder=$2 file
  [ -f "$build/plugins/backends/cudnn.so" ] || { echo "gpu.sh: $build has no cudnn backend" >&2; return 1; }
  mkdir -p "$folder/bin" "$folder/lib" "$folder/plugins/backends" "$folder/plugins/models"
  for file in assay tests/ops/test_ops tests/ops/test_directed tests/ops/test_contract tests/ops/test_models \
    tests/ops/test_row_independence tests/ops/test_steady_step tests/gpu/bench_gpu tests/unit/train/test_curves tests/cudnn/test_engines; do
    if [ -f "$build/$file" ]; then cp "$build/$file" "$folder/bin/"; else echo "gpu.sh: no $file" >&2; fi
  done
  cp "$build"/plugins/backends/cudnn.so "$build"/plugins/backends/reference.so "$folder/plugins/backends/"
  cp "$build"/plugins/models/*.so "$folder/plugins/models/"
  strip --strip-unneeded "$folder"/bin/* "$folder"/plugins/*/*.so
  copy_libraries "$folder" "$folder"/bin/* "$folder"/plugins/*/*.so
  cp -r "$root/suites" "$folder/"
  tar czf "$folder/bundle.tar.gz" -C "$folder" bin lib plugins suites
  rm -r "${folder:?}/bin" "${folder:?}/lib" "${folder:?}/plugins" "${folder:?}/suites"
  du -sm "$folder" | awk '{ print "bundle: " $1 " MiB"; exit $1 >= 40 }'
}

# ---- there -------------------------------------------------------------------------------------

# Where the toolkit's or PyTorch's own cuBLASLt and cuDNN stand, so that both sides run the same ones.
library_path() {
  python3 - <<'PYTHON' 2>/dev/null || true
import glob, os, site, sys
for base in site.getsitepackages() + [p for p in sys.path if p.endswith('site-packages')]:
    found = [d for d in glob.glob(base + '/nvidia/*/lib') if glob.glob(d + '/libcublasLt.so.13') or
             glob.glob(d + '/libcudnn.so.9') or glob.glob(d + '/libnvrtc.so.13')]
    if found:
        print(':'.join(found))
        break
PYTHON
}

use() { # FOLDER
  folder=${ASSAY_GPU_FOLDER:-/tmp/assay-gpu}
  if [ ! -d "$folder/bin" ] || [ "$1/bundle.tar.gz" -nt "$folder/bin" ]; then
    mkdir -p "$folder"
    tar xzmf "$1/bundle.tar.gz" -C "$folder" || exit 1
  fi
  local libraries
  libraries=${ASSAY_GPU_LIBRARIES:-$(library_path)}
  found_path=${LD_LIBRARY_PATH:-}
  export LD_LIBRARY_PATH="$folder/lib:$libraries:/usr/local/cuda/lib64:/usr/local/nvidia/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  export ASSAY_PLUGIN_PATH="$folder/plugins" ASSAY_SUITE_PATH="$folder/suites"
  export ASSAY_CACHE_DIR=${ASSAY_CACHE_DIR:-/tmp/assay-cache}
  bin=$folder/bin
}

need_gpu() {
  local line
  line=$("$bin/assay" list backends 2>&1 | grep -E '^ *cudnn') || true
  echo "$line"
  case $line in
  "")
    echo "gpu.sh: the bundle's program does not list the cudnn backend" >&2
    exit 1
    ;;
  *"no NVIDIA driver"* | *"no usable"* | *"not found"*)
    echo "gpu.sh: no GPU here: $line"
    exit 3
    ;;
  esac
}

failures=0
started=
start() { # NAME COMMAND...: a test program beside the others; gather tells of it
  local name=$1
  shift
  started="$started $name"
  {
    local status=0
    "$@" >"/tmp/gpu-$name.log" 2>&1 || status=$?
    echo "$status" >"/tmp/gpu-$name.status"
  } &
}

gather() { # waits for what was started: all lines into one log, failures on the terminal
  local name status
  wait
  for name in $started; do
    status=$(cat "/tmp/gpu-$name.status")
    echo "== $name: status $status, $(grep -c '^ok' "/tmp/gpu-$name.log") ok, $(grep -c '^not ok' "/tmp/gpu-$name.log") not ok"
    grep -E '^not ok|Bail out|rror' "/tmp/gpu-$name.log" | head -12
    { echo "== $name: status $status"; cat "/tmp/gpu-$name.log"; } >>"$out/$step.log"
    [ "$status" -eq 0 ] || failures=$((failures + 1))
  done
  started=
}

# A suite of every model with random weights, small, in every precision: the records hold the
# equivalence check of each.
write_suite() { # FILE
  cat >"$1" <<'SUITE'
{ "schema_version": 1, "name": "gpu-models",
  "data": { "resource": "synthetic", "subset": { "train": 256, "validation": 64, "test": 64 } },
  "defaults": { "max_tokens": 128, "training": { "batch": 32, "epochs": 2 } },
  "entries": [ { "name": "gru", "model": "gru" }, { "name": "lstm", "model": "lstm" },
    { "name": "rnn", "model": "rnn" }, { "name": "bilstm", "model": "bilstm" },
    { "name": "bilstm_attention", "model": "bilstm_attention" },
    { "name": "transformer", "model": "transformer" },
    { "name": "distilbert", "model": "distilbert",
      "options": { "layers": 2, "dim": 128, "hidden_dim": 512, "heads": 2 } },
    { "name": "bert", "model": "bert",
      "options": { "layers": 2, "dim": 128, "hidden_dim": 512, "heads": 2 } } ],
  "backends": ["cudnn"], "dtypes": ["bf16"], "seeds": [1],
  "measure": { "seconds": 0.5 } }
SUITE
}

step_facts() {
  nvidia-smi -q >"$out/facts.log" 2>&1 || echo "nvidia-smi: not there"
  {
    nvcc --version
    LD_LIBRARY_PATH=$found_path python3 -c 'import torch; print(torch.__version__, torch.backends.cudnn.version(), torch.cuda.get_device_properties(0))'
    ldd --version | head -1
    ldd "$bin/assay" "$folder/plugins/backends/cudnn.so"
    "$bin/assay" list backends
    echo "$LD_LIBRARY_PATH"
  } >>"$out/facts.log" 2>&1
  [ -x "$bin/test_engines" ] && "$bin/test_engines" save "$out/properties.json" >>"$out/facts.log" 2>&1
  need_gpu
}

step_smoke() {
  need_gpu
  start contract_f32 timeout 200 "$bin/test_contract" cudnn f32
  start contract_bf16 timeout 200 "$bin/test_contract" cudnn bf16
  gather
}

step_operations() {
  need_gpu
  start ops_f32 timeout 540 "$bin/test_ops" cudnn
  start ops_tf32 timeout 540 "$bin/test_ops" cudnn tf32
  start ops_bf16 timeout 540 "$bin/test_ops" --stored cudnn bf16
  start ops_fp16 timeout 540 "$bin/test_ops" --stored cudnn fp16
  gather
}

# The same without one part each: which one it is where an operation or a model fails.
step_without() {
  local part
  need_gpu
  for part in attention gelu norm fusion graphs attention,gelu,norm,fusion,graphs; do
    start "ops_bf16_without_$part" env ASSAY_CUDNN_WITHOUT=$part timeout 540 "$bin/test_ops" --stored cudnn bf16
    start "models_bf16_without_$part" env ASSAY_CUDNN_WITHOUT=$part timeout 540 "$bin/test_models" cudnn bf16
  done
  gather
}

step_gradients() {
  local dtype
  need_gpu
  start contract_tf32 timeout 500 "$bin/test_contract" cudnn tf32
  start contract_fp16 timeout 500 "$bin/test_contract" cudnn fp16
  for dtype in f32 tf32 bf16; do start "models_$dtype" timeout 500 "$bin/test_models" cudnn "$dtype"; done
  for dtype in f32 bf16 fp16; do start "directed_$dtype" timeout 500 "$bin/test_directed" cudnn "$dtype"; done
  start row_independence_f32 timeout 500 "$bin/test_row_independence" cudnn f32
  for dtype in bf16 fp16; do
    start "row_independence_$dtype" timeout 500 "$bin/test_row_independence" --stored cudnn "$dtype"
  done
  start steady_step timeout 500 "$bin/test_steady_step" cudnn f32
  gather
}

step_models() {
  need_gpu
  write_suite /tmp/gpu-models.json
  rm -rf /tmp/gpu-models && mkdir /tmp/gpu-models
  start models_32 timeout 560 "$bin/assay" run /tmp/gpu-models.json --out /tmp/gpu-models/32 --set 'dtypes=["f32","tf32"]'
  start models_16 timeout 560 "$bin/assay" run /tmp/gpu-models.json --out /tmp/gpu-models/16 --set 'dtypes=["bf16","fp16"]'
  gather
  tail -n 30 /tmp/gpu-models_32.log /tmp/gpu-models_16.log
  tar czf "$out/models.tar.gz" -C /tmp gpu-models
}

step_curves() {
  need_gpu
  start curves env ASSAY_TEST_CUDNN=1 AS_GOLDEN="$root/tests/golden" timeout 500 "$bin/test_curves" --filter "curves/cudnn*"
  gather
}

# The same seed twice, every model and precision: the same bits.
step_repeat() {
  local run
  need_gpu
  write_suite /tmp/gpu-repeat.json
  for run in 1 2; do
    start "repeat_$run" timeout 540 "$bin/assay" run /tmp/gpu-repeat.json --out "/tmp/gpu-repeat-$run" \
      --set 'dtypes=["bf16","fp16"]' --set training.epochs=1 --set data.subset.train=128
  done
  gather
  for run in /tmp/gpu-repeat-1/cells/*/predictions.csv; do
    cmp "$run" "/tmp/gpu-repeat-2/${run#/tmp/gpu-repeat-1/}" || failures=$((failures + 1))
  done
}

step_recurrent() {
  local model dtype
  need_gpu
  for model in gru bilstm; do
    for dtype in f32 bf16; do
      echo "train 20" | timeout 120 "$bin/bench_gpu" cudnn "$model" "$dtype" 32 256 || failures=$((failures + 1))
    done
  done
}

# Own kernels only: those of the libraries would take hours.
step_sanitize() {
  local tool
  need_gpu
  for tool in memcheck racecheck initcheck; do
    start "sanitize_$tool" env ASSAY_CUDNN_WITHOUT=attention,gelu,norm timeout 560 \
      compute-sanitizer --tool "$tool" --kernel-name kns=gpu_ --error-exitcode 9 "$bin/test_ops" --stored cudnn bf16
    start "sanitize_models_$tool" env ASSAY_CUDNN_WITHOUT=attention,gelu,norm timeout 560 \
      compute-sanitizer --tool "$tool" --kernel-name kns=gpu_ --error-exitcode 9 "$bin/test_models" cudnn bf16
  done
  gather
}

time_case() { # MODEL DTYPE ROWS LENGTH forward|train
  printf '%s 3\n%s 20\n' "$5" "$5" | timeout 120 "$bin/bench_gpu" cudnn "$1" "$2" "$3" "$4" || failures=$((failures + 1))
}

step_speed() {
  local case part
  need_gpu
  for case in "bert bf16 64 128 forward" "distilbert bf16 64 128 forward" "bert bf16 32 256 train" \
    "distilbert bf16 32 256 train" "bert bf16 1 128 forward" "gru f32 32 256 train" "bilstm f32 32 256 train"; do
    echo "$case: seconds of 3 (warm-up), then of 20 steps"
    # shellcheck disable=SC2086
    time_case $case
  done >"$out/speed.log" 2>&1
  # What each part is worth.
  for part in attention gelu norm fusion graphs; do
    for case in "bert bf16 64 128 forward" "bert bf16 32 256 train" "bert bf16 1 128 forward"; do
      echo "$case without $part"
      # shellcheck disable=SC2086
      ASSAY_CUDNN_WITHOUT=$part time_case $case
    done
  done >>"$out/speed.log" 2>&1
  cat "$out/speed.log"
}

# PyTorch runs with its own libraries, and bench_gpu with the bundle's.
beside() { # eager|compile forward|train FILE
  need_gpu
  env LD_LIBRARY_PATH="$found_path" BENCH_LIBRARY_PATH="$LD_LIBRARY_PATH" timeout 590 \
    python3 "$here/torch_beside.py" "$bin/bench_gpu" --seconds 3 --mode "$1" --what "$2" 2>&1 | tee "$out/$3"
}
step_torch_eager() { beside eager all torch_eager.jsonl; }
step_torch_forward() { beside compile forward torch_forward.jsonl; }
step_torch_train() { beside compile train torch_train.jsonl; }

rehearse() { # FOLDER [EMULATED]
  local code name expected=3 which=$steps begin
  if [ -n "${2:-}" ]; then
    expected=0
    which="smoke operations gradients without"
    export ASSAY_GPU_LIBRARIES=$2
  fi
  for name in $which; do
    code=0
    begin=$SECONDS
    OUT=$(mktemp -d) "$0" "$name" "$1" >/tmp/gpu-rehearse.log 2>&1 || code=$?
    echo "$name: status $code after $((SECONDS - begin)) s: $(grep -m1 'no GPU here' /tmp/gpu-rehearse.log || tail -1 /tmp/gpu-rehearse.log)"
    [ "$code" -eq "$expected" ] || return 1
  done
}

case " prepare steps rehearse $steps " in
*" ${1:-none} "*) ;;
*)
  sed -n '2,14p' "$0" >&2
  exit 64
  ;;
esac
case $1 in
prepare) shift && prepare "$@" ;;
steps) echo "$steps" ;;
rehearse) shift && rehearse "$@" ;;
*)
  use "${!#}"
  while [ $# -gt 1 ]; do
    step=$1
    shift
    "step_$step"
  done
  exit $((failures > 0))
  ;;
esac
