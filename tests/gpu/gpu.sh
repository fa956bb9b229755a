#!/bin/bash
# SPDX-License-Identifier: MIT
# gpu.sh: the cudnn backend's tests and benchmarks on a machine with a GPU that has nothing of ours.
#
#     gpu.sh prepare BUILD FOLDER   here: programs, plugins and the libraries they need, into FOLDER
#     gpu.sh steps                  the names of the steps
#     gpu.sh STEP FOLDER            there: one of them, under ten minutes; results under $OUT. Unpacks the
#                                   bundle into $ASSAY_GPU_FOLDER (/tmp/assay-gpu) if it is newer
#     gpu.sh rehearse FOLDER        here: every step as far as it goes without a GPU
#
# BUILD is a release build (meson setup -Dbuildtype=release). FOLDER has to travel together with the
# source tree and is under 64 MiB. $OUT gets at most 8 files. A step ends with status 0 when all in it
# passed, 3 when the machine has no GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${OUT:-.}

steps="facts smoke operations gradients models curves recurrent sanitize speed torch"

# ---- here --------------------------------------------------------------------------------------

# Debian's libraries of these programs; the machine's own C and C++ libraries serve there.
copy_libraries() { # FOLDER FILES...
  local folder=$1
  shift
  ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -vE '/(libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s|ld-linux.*)\.so' |
    while read -r library; do cp -L "$library" "$folder/lib/"; done
}

prepare() { # BUILD FOLDER
  local build=$1 folder=$2 file
  [ -f "$build/plugins/backends/cudnn.so" ] || { echo "gpu.sh: $build has no cudnn backend" >&2; return 1; }
  mkdir -p "$folder/bin" "$folder/lib" "$folder/plugins/backends" "$folder/plugins/models"
  for file in assay tests/ops/test_ops tests/ops/test_directed tests/ops/test_contract tests/ops/test_row_independence \
    tests/ops/test_steady_step tests/gpu/bench_gpu tests/unit/train/test_curves tests/cudnn/test_engines; do
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
  libraries=$(library_path)
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
check() { # NAME COMMAND...: a test program's lines into one log, its failures on the terminal
  local name=$1 status=0
  shift
  "$@" >"/tmp/gpu-$name.log" 2>&1 || status=$?
  echo "== $name: status $status, $(grep -c '^ok' "/tmp/gpu-$name.log") ok, $(grep -c '^not ok' "/tmp/gpu-$name.log") not ok"
  grep -E '^not ok|Bail out|rror' "/tmp/gpu-$name.log" | head -12
  { echo "== $name: status $status"; cat "/tmp/gpu-$name.log"; } >>"$out/$step.log"
  [ "$status" -eq 0 ] || failures=$((failures + 1))
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
    { "name": "distilbert", "model": "distilbert", "options": { "layers": 2 } },
    { "name": "bert", "model": "bert", "options": { "layers": 2 } } ],
  "backends": ["cudnn"], "dtypes": ["f32", "tf32", "bf16", "fp16"], "seeds": [1],
  "measure": { "seconds": 0.5 } }
SUITE
}

step_facts() {
  nvidia-smi -q >"$out/facts.log" 2>&1 || echo "nvidia-smi: not there"
  {
    nvcc --version
    python3 -c 'import torch; print(torch.__version__, torch.backends.cudnn.version(), torch.cuda.get_device_properties(0))'
    ldd "$bin/assay" "$folder/plugins/backends/cudnn.so"
    "$bin/assay" list backends
    echo "$LD_LIBRARY_PATH"
  } >>"$out/facts.log" 2>&1
  [ -x "$bin/test_engines" ] && "$bin/test_engines" save "$out/properties.json" >>"$out/facts.log" 2>&1
  need_gpu
}

step_smoke() {
  need_gpu
  check contract_f32 timeout 200 "$bin/test_contract" cudnn f32
  check contract_bf16 timeout 200 "$bin/test_contract" cudnn bf16
}

step_operations() {
  need_gpu
  check ops_f32 timeout 150 "$bin/test_ops" cudnn
  check ops_tf32 timeout 150 "$bin/test_ops" cudnn tf32
  check ops_bf16 timeout 150 "$bin/test_ops" --stored cudnn bf16
  check ops_fp16 timeout 150 "$bin/test_ops" --stored cudnn fp16
}

step_gradients() {
  need_gpu
  check contract_tf32 timeout 100 "$bin/test_contract" cudnn tf32
  check contract_fp16 timeout 100 "$bin/test_contract" cudnn fp16
  for dtype in f32 bf16 fp16; do check "directed_$dtype" timeout 60 "$bin/test_directed" cudnn "$dtype"; done
  check row_independence timeout 120 "$bin/test_row_independence" cudnn f32
  check steady_step timeout 150 "$bin/test_steady_step" cudnn f32
}

step_models() {
  need_gpu
  write_suite /tmp/gpu-models.json
  timeout 560 "$bin/assay" run /tmp/gpu-models.json --out /tmp/gpu-models >"$out/models.log" 2>&1 || failures=1
  tail -40 "$out/models.log"
  tar czf "$out/models.tar.gz" -C /tmp gpu-models
}

step_curves() {
  need_gpu
  check curves env ASSAY_TEST_CUDNN=1 AS_GOLDEN="$root/tests/golden" timeout 500 "$bin/test_curves" --filter "curves/cudnn*"
}

step_recurrent() {
  need_gpu
  for model in gru bilstm; do
    for dtype in f32 bf16; do
      echo "train 20" | timeout 120 "$bin/bench_gpu" cudnn "$model" "$dtype" 32 256 || failures=$((failures + 1))
    done
  done
}

step_sanitize() {
  need_gpu
  for tool in memcheck racecheck; do
    check "sanitize_$tool" timeout 280 compute-sanitizer --tool "$tool" --error-exitcode 9 "$bin/test_contract" cudnn f32
  done
}

step_speed() {
  need_gpu
  for case in "bert bf16 64 128 forward" "distilbert bf16 64 128 forward" "bert bf16 32 256 train" \
    "distilbert bf16 32 256 train" "bert bf16 1 128 forward" "gru f32 32 256 train" "bilstm f32 32 256 train"; do
    read -r model dtype rows length what <<<"$case"
    echo "$case: seconds of 3 (warm-up), then of 20 steps"
    printf '%s 3\n%s 20\n' "$what" "$what" |
      timeout 120 "$bin/bench_gpu" cudnn "$model" "$dtype" "$rows" "$length" || failures=$((failures + 1))
  done >"$out/speed.log" 2>&1
  cat "$out/speed.log"
}

step_torch() {
  need_gpu
  timeout 580 python3 "$here/torch_beside.py" "$bin/bench_gpu" --seconds 3 2>&1 | tee "$out/torch.jsonl"
}

rehearse() { # FOLDER
  local code name
  for name in $steps; do
    code=0
    OUT=$(mktemp -d) "$0" "$name" "$1" >/tmp/gpu-rehearse.log 2>&1 || code=$?
    echo "$name: status $code: $(grep -m1 'no GPU here' /tmp/gpu-rehearse.log || tail -1 /tmp/gpu-rehearse.log)"
    [ "$code" -eq 3 ] || return 1
  done
}

step=${1:-}
case " prepare steps rehearse $steps " in
*" $step "*) ;;
*)
  sed -n '2,12p' "$0" >&2
  exit 64
  ;;
esac
shift
case $step in
prepare) prepare "$@" ;;
steps) echo "$steps" ;;
rehearse) rehearse "$@" ;;
*)
  use "$1"
  "step_$step"
  exit $((failures > 0))
  ;;
esac
