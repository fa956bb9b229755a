#!/bin/bash
# SPDX-License-Identifier: MIT
# .ci/aarch64.sh [CACHE [MIRROR]]: HEAD for another processor family: built by Debian's cross compiler
# against Debian's own arm64 packages, then its unit, operation and gradient tests and the suite
# `synthetic-tiny` on the reference backend, all run by qemu-user. A part of .ci/full; as root.
#
# The kernel starts arm64 programs by qemu within a user and mount name space of this script's own
# (binfmt_misc is one per user name space from Linux 6.7 on), so that nothing of it outlives the
# script: tests start programs themselves, which an emulator in front of the first would not see.
# About 20 minutes on two cores; 8 minutes with the packages at hand.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=.ci/steps.sh
. ./.ci/steps.sh
cache=${1:-${ASSAY_CI_CACHE:-/var/tmp/assay-ci}}
mirror=${2:-${ASSAY_CI_MIRROR:-http://deb.debian.org/debian}}
system=$cache/aarch64
packages='libc6-dev libjansson-dev libarchive-dev libcsv-dev libsodium-dev libssl-dev libutf8proc-dev
    libpcre2-dev libcurl4-openssl-dev zlib1g-dev libcriterion-dev'
# posix_spawn cannot report a failed exec under qemu-user, which makes vfork a fork; of `state_use` one test,
# run below without it, counts hundredths of a second that an emulator doesn't keep.
skipped='cell_process|state_use'

# The arm64 packages, unpacked: nothing of them is installed or run while they are unpacked.
unpack_system() {
    local archive root=$cache/aarch64.root
    rm -rf "$root" "$system.new"
    # shellcheck disable=SC2086 # a list of words
    debootstrap --arch=arm64 --foreign --variant=minbase \
        --include="$(echo $packages | tr ' ' ',')" bookworm "$root" "$mirror"
    mkdir "$system.new"
    for archive in "$root"/var/cache/apt/archives/*.deb; do
        dpkg -x "$archive" "$system.new"
    done
    rm -rf "$root"
    mv "$system.new" "$system"
}

cross_file() {
    cat <<FILE
[binaries]
c = ['aarch64-linux-gnu-gcc', '--sysroot=$system']
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
[properties]
sys_root = '$system'
pkg_config_libdir = '$system/usr/lib/aarch64-linux-gnu/pkgconfig:$system/usr/share/pkgconfig'
needs_exe_wrapper = false
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'armv8-a'
endian = 'little'
FILE
}

# emulated COMMAND...: with arm64 programs started by qemu, their libraries found in $system.
emulated() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --user --map-root-user --mount --fork sh -c '
        mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
        printf "%s" ":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:FP" \
            >/proc/sys/fs/binfmt_misc/register &&
        mount -t tmpfs none /etc/qemu-binfmt && ln -s "$1" /etc/qemu-binfmt/aarch64 &&
        shift && exec "$@"' emulated "$system" "$@"
}

# shellcheck disable=SC2086,SC2154 # lists of words, set in steps.sh
install_packages $packages_build gcc-aarch64-linux-gnu qemu-user-static debootstrap git util-linux
mkdir -p "$cache" /etc/qemu-binfmt
[ -d "$system" ] || step "Unpacking arm64 packages" unpack_system
work=$(mktemp -d "$cache/aarch64-run.XXXXXX")
mkdir "$work/source"
git archive HEAD | tar -x -C "$work/source"
cross_file >"$work/cross.ini"
step "Configuring for aarch64" emulated meson setup "$work/build" "$work/source" \
    --cross-file "$work/cross.ini" -Donednn=disabled -Dtests=enabled --buildtype=debugoptimized
step "Building for aarch64" emulated ninja -C "$work/build"
file=$(od -An -tx1 -j18 -N2 "$work/build/assay" | tr -d ' ')
[ "$file" = b700 ] || { echo "build/assay is no program for aarch64"; exit 3; }

mapfile -t tests < <(emulated meson test -C "$work/build" --list --no-rebuild --suite unit --suite ops \
    --suite gradients 2>/dev/null | sed -n 's/.* \/ //p' | grep -vxE "$skipped")
[ "${#tests[@]}" -gt 100 ] || { echo "only ${#tests[@]} tests were found"; exit 3; }
emulated env OMP_WAIT_POLICY=passive meson test -C "$work/build" --no-rebuild --timeout-multiplier 20 \
    --print-errorlogs "${tests[@]}"
emulated env ASSAY_PLUGIN_PATH="$work/build/plugins" AS_GOLDEN="$work/source/tests/golden" \
    "$work/build/tests/unit/train/test_state_use" --filter '!(state_use/times_add_up)'
echo "Left out: cell_process, state_use/times_add_up (see this script)"

emulated env ASSAY_PLUGIN_PATH="$work/build/plugins" ASSAY_SUITE_PATH="$work/source/suites" \
    "$work/build/assay" run synthetic-tiny --backends reference --out "$work/run"
emulated env ASSAY_PLUGIN_PATH="$work/build/plugins" ASSAY_SUITE_PATH="$work/source/suites" \
    "$work/build/assay" report "$work/run" --format markdown --out "$work/report"
rm -rf --one-file-system "$work"
