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

# What it ran with, and what its own kernels were built with.
case $(json "$record" 'd["backend"]["libraries"]') in
"CUDA driver 13.0, cuBLASLt 13.1.0, cuDNN 9."*", own kernels by CUDA 1"[3-9].*) ;;
*) complain "no versions in the record: $(json "$record" 'd["backend"]["libraries"]')" ;;
esac

# NVML's figures; nothing held the clocks back.
is "$(json "$record" 'd["backend"]["device"]["driver"]')" '580.1.2'
is "$(json "$record" 'd["backend"]["device"]["clock_mhz"]')" '1410'
is "$(json "$record" 'd["backend"]["device"]["energy_joules"] > 0')" 'True'
is "$(json "$record" 'd["backend"]["device"]["throttled"]')" 'False'

# Slowed by heat now (0x20), or by power since the device was opened: flagged.
for slowed in ASSAY_EMULATED_THROTTLE=0x20 ASSAY_EMULATED_VIOLATION=0; do
    must 0 emulated "$slowed" "$ASSAY" run ./emulated.json --set 'backends=["cudnn"]' --out "slowed-$slowed"
    is "$(json "$(echo "slowed-$slowed"/cells/*/result.json)" 'd["backend"]["device"]["throttled"]')" 'True'
done

# A fault on the device: this cell fails and says so, the other runs. An access out of bounds, a lost
# device, memory that isn't there, memory that breaks.
sed 's/"backends": \["reference"\]/"backends": ["cudnn", "reference"]/' emulated.json >two.json
fault() { # FUNCTION:CALL:ERROR TEXT
    rm -rf lost
    must 3 emulated "ASSAY_EMULATED_FAIL=$1" "$ASSAY" run ./two.json --out lost
    is "$(json lost/run.json 'sorted(c["status"] for c in d["cells"])')" "['failed', 'ok']"
    grep -q "$2" lost/cells/*cudnn*/result.json || complain "$1: not in the record: $2"
}
fault cuLaunchKernel:20:700 'context is lost: gpu_.*CUDA_ERROR_ILLEGAL_ADDRESS'
fault cuStreamSynchronize:9:46 'context is lost: .*CUDA_ERROR_DEVICE_UNAVAILABLE'
fault cuMemAlloc:9:2 'MiB of device memory'
fault cuMemcpyHtoDAsync:30:214 'CUDA_ERROR_ECC_UNCORRECTABLE'

# No device memory left.
must 3 emulated ASSAY_EMULATED_MEMORY_MIB=32 "$ASSAY" run ./emulated.json --set 'backends=["cudnn"]' --out full
grep -q "MiB are free" full/cells/*/result.json || complain "no reason in the record"

# A part that isn't one.
must 3 emulated ASSAY_CUDNN_WITHOUT=magic "$ASSAY" run ./emulated.json --set 'backends=["cudnn"]' --out magic
grep -q 'found .*magic.*; expected names of attention' magic/cells/*/result.json || complain "no reason in the record"
