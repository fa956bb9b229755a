#!/bin/bash
# SPDX-License-Identifier: MIT
# gpu.sh: the cudnn backend's tests and benchmarks on a machine with a GPU that has nothing of ours.
#
#     gpu.sh prepare BUILD FOLDER   here: programs, plugins and the libraries they need, into FOLDER
#     gpu.sh steps                  the names of the steps
#     gpu.sh STEP... FOLDER         there: one of them, under ten minutes, or several short ones; results
#                                   under $OUT. Unpacks the bundle into $ASSAY_GPU_FOLDER
#                                   (/tmp/assay-gpu) if it is newer
#     gpu.sh rehearse FOLDER [EMULATED [STEP...]]   here: every step without a GPU, which all are to say;
#                                   or, with the folder of the emulated libraries, small forms of the steps
#
# BUILD is a release build (meson setup -Dbuildtype=release). FOLDER has to travel together with the
# source tree and is under 64 MiB. $OUT gets at most 8 files; where there are more, one archive of them. A step
# stops what runs in it after $ASSAY_GPU_SECONDS (570), names what failed and goes on with the rest. The status
# is 0 when all passed, 3 when the machine has no GPU, else 1.
#
# prepare takes Study B's texts and vocabulary from $ASSAY_TEST_DATA; without them the bundle lacks the
# step study_b. A rehearsal on the emulation has one small form of each size, a compute-sanitizer that
# only runs its program, and PyTorch on the processor ($ASSAY_GPU_PYTHON, else python3): it shows arguments,
# files, and what becomes of failures.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${OUT:-.}

steps="facts smoke operations gradients without models repeat curves recurrent sanitize speed study_b torch_eager torch_forward torch_train"

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
  mkdir "$folder/data"
  if [ -n "${ASSAY_TEST_DATA:-}" ]; then
    cp "$ASSAY_TEST_DATA/20news/20news-bydate.tar.xz" "$folder/data/"
    xz -dc "$ASSAY_TEST_DATA/vocab/bert-base-uncased-vocab.txt.xz" >"$folder/data/vocab.txt"
  else
    echo "gpu.sh: no ASSAY_TEST_DATA, so no step study_b" >&2
  fi
  tar czf "$folder/bundle.tar.gz" -C "$folder" bin lib plugins suites data
  rm -r "${folder:?}/bin" "${folder:?}/lib" "${folder:?}/plugins" "${folder:?}/suites" "${folder:?}/data"
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

failed=
fail() { # NAME: something of a step, told at the end
  failed="$failed $step/$1"
  echo "gpu.sh: $step: $1 failed"
}

# SECONDS, or what is left of the step's time; 1 when nothing is.
within() {
  local left=$((${ASSAY_GPU_SECONDS:-570} - SECONDS + step_begin))
  [ "$left" -ge 1 ] || left=1
  [ "$1" -le "$left" ] || set -- "$left"
  echo "$1"
}

started=
start() { # NAME SECONDS COMMAND...: a test program beside the others; gather tells of it
  local name=$1 limit
  limit=$(within "$2")
  shift 2
  started="$started $name"
  {
    local status=0
    timeout "$limit" "$@" >"/tmp/gpu-$name.log" 2>&1 || status=$?
    echo "$status" >"/tmp/gpu-$name.status"
  } &
}

gather() { # waits for what was started: all lines into one log, failures on the terminal
  local name status
  wait
  for name in $started; do
    status=$(cat "/tmp/gpu-$name.status" 2>/dev/null || echo 1)
    rm -f "/tmp/gpu-$name.status"
    echo "== $name: status $status, $(grep -c '^ok' "/tmp/gpu-$name.log") ok, $(grep -c '^not ok' "/tmp/gpu-$name.log") not ok"
    grep -E '^not ok|Bail out|rror' "/tmp/gpu-$name.log" | head -12
    { echo "== $name: status $status"; cat "/tmp/gpu-$name.log"; } >>"$out/$step.log"
    [ "$status" -eq 0 ] || fail "$name"
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

# Words for `assay run` that make a suite small enough for a rehearsal.
small() {
  [ -z "${ASSAY_GPU_REHEARSAL:-}" ] ||
    printf '%s\n' --set data.subset.train=16 --set data.subset.validation=8 --set data.subset.test=8 \
      --set defaults.max_tokens=16 --set training.epochs=1 --set training.batch=8 --set measure.seconds=0.01
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
  need_gpu
  timeout "$(within 60)" "$bin/test_engines" save "$out/properties.json" >>"$out/facts.log" 2>&1 || fail properties.json
}

step_smoke() {
  need_gpu
  start contract_f32 200 "$bin/test_contract" cudnn f32
  start contract_bf16 200 "$bin/test_contract" cudnn bf16
  gather
}

step_operations() {
  need_gpu
  start ops_f32 540 "$bin/test_ops" cudnn
  start ops_tf32 540 "$bin/test_ops" cudnn tf32
  start ops_bf16 540 "$bin/test_ops" --stored cudnn bf16
  start ops_fp16 540 "$bin/test_ops" --stored cudnn fp16
  gather
}

# The same without one part each: which one it is where an operation or a model fails. Own attention
# has the narrower bounds of f32 within.
step_without() {
  local part
  need_gpu
  for part in attention gelu norm fusion graphs attention,gelu,norm,fusion,graphs; do
    start "ops_bf16_without_$part" 540 env ASSAY_CUDNN_WITHOUT=$part "$bin/test_ops" --stored cudnn bf16
    case $part in
    *attention*) start "models_fp16_without_$part" 540 env ASSAY_CUDNN_WITHOUT=$part "$bin/test_models" cudnn fp16 ;;
    *) start "models_bf16_without_$part" 540 env ASSAY_CUDNN_WITHOUT=$part "$bin/test_models" --fused cudnn bf16 ;;
    esac
  done
  for part in bf16 fp16; do
    start "directed_${part}_without_attention" 540 env ASSAY_CUDNN_WITHOUT=attention \
      "$bin/test_directed" --f32-attention cudnn "$part"
  done
  gather
}

step_gradients() {
  local dtype
  need_gpu
  start contract_tf32 500 "$bin/test_contract" cudnn tf32
  start contract_fp16 500 "$bin/test_contract" cudnn fp16
  for dtype in f32 tf32; do start "models_$dtype" 500 "$bin/test_models" cudnn "$dtype"; done
  for dtype in bf16 fp16; do start "models_$dtype" 500 "$bin/test_models" --fused cudnn "$dtype"; done
  for dtype in f32 bf16 fp16; do start "directed_$dtype" 500 "$bin/test_directed" cudnn "$dtype"; done
  start row_independence_f32 500 "$bin/test_row_independence" cudnn f32
  for dtype in bf16 fp16; do
    start "row_independence_$dtype" 500 "$bin/test_row_independence" --stored cudnn "$dtype"
  done
  start steady_step 500 "$bin/test_steady_step" cudnn f32
  gather
}

step_models() {
  need_gpu
  write_suite /tmp/gpu-models.json
  rm -rf /tmp/gpu-models && mkdir /tmp/gpu-models
  # shellcheck disable=SC2046
  start models_32 560 "$bin/assay" run /tmp/gpu-models.json --out /tmp/gpu-models/32 --set 'dtypes=["f32","tf32"]' $(small)
  # shellcheck disable=SC2046
  start models_16 560 "$bin/assay" run /tmp/gpu-models.json --out /tmp/gpu-models/16 --set 'dtypes=["bf16","fp16"]' $(small)
  gather
  tail -n 30 /tmp/gpu-models_32.log /tmp/gpu-models_16.log
  tar czf "$out/models.tar.gz" -C /tmp gpu-models
}

step_curves() {
  need_gpu
  start curves 500 env ASSAY_TEST_CUDNN=1 AS_GOLDEN="$root/tests/golden" "$bin/test_curves" --verbose=1 --filter "curves/cudnn*"
  gather
  grep -h 'within' /tmp/gpu-curves.log
}

# The same seed twice, every model and precision: the same bits.
step_repeat() {
  local run first
  need_gpu
  write_suite /tmp/gpu-repeat.json
  rm -rf /tmp/gpu-repeat-1 /tmp/gpu-repeat-2
  for run in 1 2; do
    # shellcheck disable=SC2046
    start "repeat_$run" 540 "$bin/assay" run /tmp/gpu-repeat.json --out "/tmp/gpu-repeat-$run" \
      --set 'dtypes=["bf16","fp16"]' --set training.epochs=1 --set data.subset.train=128 $(small)
  done
  gather
  for first in /tmp/gpu-repeat-1/cells/*/predictions.csv; do
    run=${first#/tmp/gpu-repeat-1/}
    if cmp "$first" "/tmp/gpu-repeat-2/$run"; then echo "the same: $run"; else fail "$run"; fi
  done
}

step_recurrent() {
  local model dtype
  need_gpu
  for model in gru bilstm; do
    for dtype in f32 bf16; do
      time_case "$model" "$dtype" 32 256 train >>"$out/recurrent.log" 2>&1
    done
  done
  cat "$out/recurrent.log"
}

# Own kernels only: those of the libraries would take hours.
step_sanitize() {
  local tool
  need_gpu
  command -v compute-sanitizer >/dev/null || { fail "compute-sanitizer (not there)"; return; }
  for tool in memcheck racecheck initcheck; do
    start "sanitize_$tool" 560 env ASSAY_CUDNN_WITHOUT=attention,gelu,norm \
      compute-sanitizer --tool "$tool" --kernel-name kns=gpu_ --error-exitcode 9 "$bin/test_ops" --stored cudnn bf16
    start "sanitize_models_$tool" 560 env ASSAY_CUDNN_WITHOUT=attention,gelu,norm \
      compute-sanitizer --tool "$tool" --kernel-name kns=gpu_ --error-exitcode 9 "$bin/test_models" cudnn bf16
  done
  gather
}

# Seconds of 3 steps (warm-up), then of 20.
time_case() { # MODEL DTYPE ROWS LENGTH forward|train
  local name="$*" steps=20 status=0
  echo "$name${ASSAY_CUDNN_WITHOUT:+ without $ASSAY_CUDNN_WITHOUT}"
  if [ -n "${ASSAY_GPU_REHEARSAL:-}" ]; then
    steps=2
    case $1 in *bert) set -- "$1" "$2" 2 8 "$5" layers=2 dim=32 hidden_dim=64 heads=2 ;; *) set -- "$1" "$2" 2 8 "$5" embedding=8 hidden=8 ;; esac
  fi
  local what=$5
  set -- "${@:1:4}" "${@:6}"
  printf '%s 3\n%s %s\n' "$what" "$what" "$steps" | timeout "$(within 120)" "$bin/bench_gpu" cudnn "$@" || status=$?
  [ "$status" -eq 0 ] || fail "${name// /_}${ASSAY_CUDNN_WITHOUT:+_without_$ASSAY_CUDNN_WITHOUT}"
}

step_speed() {
  local case part
  need_gpu
  : >"$out/speed.log"
  for case in "bert bf16 64 128 forward" "distilbert bf16 64 128 forward" "bert bf16 32 256 train" \
    "distilbert bf16 32 256 train" "bert bf16 1 128 forward" "gru f32 32 256 train" "bilstm f32 32 256 train"; do
    # shellcheck disable=SC2086
    time_case $case >>"$out/speed.log" 2>&1
  done
  # What each part is worth.
  for part in attention gelu norm fusion graphs; do
    for case in "bert bf16 64 128 forward" "bert bf16 32 256 train" "bert bf16 1 128 forward"; do
      # shellcheck disable=SC2086
      ASSAY_CUDNN_WITHOUT=$part time_case $case >>"$out/speed.log" 2>&1
    done
  done
  cat "$out/speed.log"
}

# Study B's DistilBERT and BERT as published, but for weights, which are drawn: seconds, milliseconds and
# the share of the GPU's own peak. `assay report` on the records sets the published ones beside them.
write_study_b() { # FILE
  python3 - "$folder" "$1" "${ASSAY_GPU_REHEARSAL:-}" <<'PYTHON'
import json, sys
folder, to, rehearsal = sys.argv[1:]
suite = json.load(open(folder + '/suites/study-b.json'))
suite['name'] = 'gpu-study-b'
suite['data']['path'] = folder + '/data/20news-bydate.tar.xz'
suite['backends'], suite['dtypes'] = ['cudnn'], ['bf16']
suite['entries'] = [e for e in suite['entries'] if e['model'] in ('distilbert', 'bert')]
for entry in suite['entries']:
    del entry['weights']
    entry['tokenizer']['vocabulary'] = folder + '/data/vocab.txt'
    if rehearsal:
        entry['options'].update(layers=2, dim=32, hidden_dim=64, heads=2)
        entry['strategy'].update({'layers': 1} if entry['strategy']['kind'] == 'hybrid' else {})
        entry['max_tokens'] = 16
        entry['training'].update(epochs=1, batch=8)
if rehearsal:
    suite['data']['subset'] = {'train': 100, 'test': 20}
    suite['measure']['seconds'] = 0.01
json.dump(suite, open(to, 'w'), indent=1)
PYTHON
}

step_study_b() {
  need_gpu
  [ -f "$folder/data/vocab.txt" ] || { fail "texts (not in the bundle)"; return; }
  write_study_b /tmp/gpu-study-b.json || { fail suite; return; }
  rm -rf /tmp/gpu-study-b && mkdir /tmp/gpu-study-b
  start study_b 560 "$bin/assay" run /tmp/gpu-study-b.json --out /tmp/gpu-study-b/run
  gather
  tail -n 30 /tmp/gpu-study_b.log
  tar czf "$out/study_b.tar.gz" -C /tmp gpu-study-b
}

# PyTorch runs with its own libraries, and bench_gpu with the bundle's.
beside() { # eager|compile forward|train|all FILE
  local status
  need_gpu
  # shellcheck disable=SC2086
  env LD_LIBRARY_PATH="$found_path" BENCH_LIBRARY_PATH="$LD_LIBRARY_PATH" timeout "$(within 590)" \
    "${ASSAY_GPU_PYTHON:-python3}" "$here/torch_beside.py" "$bin/bench_gpu" --seconds 3 --mode "$1" --what "$2" \
    ${ASSAY_GPU_REHEARSAL:+--rehearse} 2>&1 | tee "$out/$3"
  status=${PIPESTATUS[0]}
  [ "$status" -eq 0 ] || fail "$3"
}
step_torch_eager() { beside eager all torch_eager.jsonl; }
step_torch_forward() { beside compile forward torch_forward.jsonl; }
step_torch_train() { beside compile train torch_train.jsonl; }

# Runs the program behind its options, as compute-sanitizer does.
write_sanitizer() { # FILE
  cat >"$1" <<'SANITIZER'
#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in --tool | --kernel-name | --error-exitcode) shift 2 ;; *) exec "$@" ;; esac
done
SANITIZER
  chmod +x "$1"
}

# At most 8 files come back.
pack() {
  local files
  mapfile -t files < <(find "$out" -maxdepth 1 -type f -printf '%f\n')
  [ -z "${OUT:-}" ] || [ ${#files[@]} -le 8 ] ||
    { tar czf "$out/records.tar.gz" -C "$out" "${files[@]}" && (cd "$out" && rm -f "${files[@]}"); }
}

rehearse() { # FOLDER [EMULATED [STEP...]]
  local code name expected=3 which=$steps begin bad=0 bundle=$1 stands
  if [ -n "${2:-}" ]; then
    expected=0
    export ASSAY_GPU_LIBRARIES=$2 ASSAY_GPU_REHEARSAL=1
    stands=$(mktemp -d)
    write_sanitizer "$stands/compute-sanitizer"
    PATH=$stands:$PATH
    shift 2
    # The curves of four precisions take the emulation half an hour (docs/cudnn.md has the command).
    which=${*:-${steps/ curves/}}
  fi
  for name in $which; do
    code=0
    begin=$SECONDS
    OUT=$(mktemp -d) "$0" "$name" "$bundle" >"/tmp/gpu-rehearse-$name.log" 2>&1 || code=$?
    echo "$name: status $code after $((SECONDS - begin)) s: $(grep -m1 'no GPU here' "/tmp/gpu-rehearse-$name.log" || tail -1 "/tmp/gpu-rehearse-$name.log")"
    [ "$code" -eq "$expected" ] || bad=1
  done
  return $bad
}

case " prepare steps rehearse $steps " in
*" ${1:-none} "*) ;;
*)
  sed -n '2,21p' "$0" >&2
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
    step_begin=$SECONDS
    shift
    "step_$step"
  done
  pack
  [ -z "$failed" ] || { echo "gpu.sh: failed:$failed"; exit 1; }
  ;;
esac
