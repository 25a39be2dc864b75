# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The Debian packages kcap stands on, and the cores of this machine. Sourced.

# shellcheck disable=SC2034 # read by the scripts that source this file
kc_packages=(gcc libc6-dev make cmake git pkg-config openmpi-bin libopenmpi-dev
    libhdf5-openmpi-dev libblis-openmp-dev libyaml-dev libcjson-dev libxxhash-dev libpcre2-dev libutf8proc-dev
    librandom123-dev python3 python3-h5py python3-numpy python3-matplotlib python3-scipy
    python3-yaml python3-xxhash)
# shellcheck disable=SC2034
kc_test_packages=(libcmocka-dev python3-torch python3-regex hdf5-tools clang-format shellcheck
    clang libomp-dev mpich libmpich-dev libhdf5-mpich-dev)
# shellcheck disable=SC2034
kc_long_packages=(slurm-wlm munge)

# kc_install PACKAGE...: install those that are missing; asks the network nothing when none is.
kc_install() {
    local package missing=() sudo=()
    if ! command -v apt-get >/dev/null; then
        echo "no apt-get here: taking for granted what these Debian packages hold: $*" >&2
        return 0
    fi
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "missing: ${missing[*]}; install them as root, there is no sudo here" >&2
            return 1
        fi
        sudo=(sudo)
    fi
    echo "installing ${missing[*]}" >&2
    "${sudo[@]}" apt-get update </dev/null >&2 || return 1
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}" </dev/null >&2
}

# kc_cores: cores (not hardware threads) that this process may use.
kc_cores() {
    /usr/bin/python3 - <<'PY'
import os
def core(cpu):
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as f:
            return f.read()
    except OSError:
        return cpu
print(len({core(cpu) for cpu in os.sched_getaffinity(0)}))
PY
}
