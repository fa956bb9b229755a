# SPDX-License-Identifier: MIT
# The cudnn backend where there is no GPU: it needs no CUDA library at load, tells what is missing,
# and its cells are skipped with that reason. On the emulated GPU ($EMULATED), where that was built:
# a run in fp16, a lost context, and the limit of device memory. Needs $CUDNN_SO; $CUDA_STUB is the
# toolkit's stub of the driver, or empty.
. "$HARNESS"

! readelf -d "$CUDNN_SO" | grep NEEDED | grep -E 'cuda|cudnn|cublas|nvidia|nvrtc' ||
    complain "$CUDNN_SO needs a CUDA library at load"

# No test may find the libraries of the machine it runs on: an empty folder first cannot hide them,
# so this part is only where there is no driver.
if ! ldconfig -p | grep -q 'libcuda\.so\.1'; then
    must 0 "$ASSAY" list backends
    prints 'no NVIDIA driver (libcuda.so.1 not found)'
    suite gpu.json gpu "$gru"
    must 0 "$ASSAY" run ./gpu.json --set 'backends=["cudnn"]' --out skipped
    is "$(json skipped/run.json '[c["status"] for c in d["cells"]]')" "['skipped']"
    grep -q 'libcuda.so.1 not found' skipped/cells/*/result.json || complain "no reason in the record"
fi

# A driver that is only the toolkit's stub: the next thing that is missing.
if [ -n "$CUDA_STUB" ]; then
    mkdir stub
    ln -s "$CUDA_STUB" stub/libcuda.so.1
    must 0 env LD_LIBRARY_PATH="$PWD/stub" "$ASSAY" list backends
    prints "no usable NVIDIA GPU (libcuda.so.1 is the toolkit's stub)"
fi

[ -n "$EMULATED" ] || exit 0
emulated() { # VARIABLE=VALUE... -- ARGUMENTS
    env LD_LIBRARY_PATH="$EMULATED" ASSAY_CACHE_DIR="$work/cache" "$@"
}
suite emulated.json emulated "$gru"
must 0 emulated "$ASSAY" list backends
prints 'cudnn'

# fp16: device, memory and loss scale stand in the record; the equivalence check passes.
must 0 emulated "$ASSAY" run ./emulated.json --set 'backends=["cudnn"]' --set 'dtypes=["fp16"]' --out fp16
record=$(echo fp16/cells/*/result.json)
is "$(json "$record" 'd["backend"]["device"]["name"]')" 'emulated GPU'
is "$(json "$record" 'd["backend"]["equivalence"]["passed"]')" 'True'
is "$(json "$record" 'd["memory"]["peak_device_bytes"] > 32 << 20')" 'True'
is "$(json "$record" 'd["training"]["loss_scale"]["last"] <= 65536')" 'True'

# An access out of bounds on the device: this cell fails and says so, the other runs.
sed 's/"backends": \["reference"\]/"backends": ["cudnn", "reference"]/' emulated.json >two.json
must 3 emulated ASSAY_EMULATED_FAIL_LAUNCH=20 "$ASSAY" run ./two.json --out lost
is "$(json lost/run.json 'sorted(c["status"] for c in d["cells"])')" "['failed', 'ok']"
grep -q "context is lost" lost/cells/*cudnn*/result.json || complain "no reason in the record"

# No device memory left.
must 3 emulated ASSAY_EMULATED_MEMORY_MIB=32 "$ASSAY" run ./emulated.json --set 'backends=["cudnn"]' --out full
grep -q "MiB are free" full/cells/*/result.json || complain "no reason in the record"
