#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# From a clone to a plot on one machine: install, build, train, report.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=jobscripts/deps.sh
. "$root/jobscripts/deps.sh"
# shellcheck source=jobscripts/mpi.sh
. "$root/jobscripts/mpi.sh"

usage() {
    cat <<'EOT'
usage: jobscripts/local.sh [INPUT.yaml] [--ranks N] [--threads T] [--set KEY=VALUE ...] [--out DIR]
       jobscripts/local.sh --deps-only

Installs the Debian packages that are missing (as root or with sudo), builds kcap in build/, trains
on this machine and prints and plots what was stored.

  INPUT.yaml        input file                                (default: inputs/quickstart.yaml)
  --ranks N         MPI ranks                       (default: 2, or 1 where there is one core)
  --threads T       OpenMP threads of each rank                                  (default: 1)
  --set KEY=VALUE   override a key of the input, such as --set model.layers=4; repeatable
  --out DIR         folder to write; kcap refuses one that is not empty. Default: runs/NAME of this
                    clone, NAME being the input's; then runs/NAME-2, ... (run.out is not looked at)
  --deps-only       install what is missing and stop
  -h, --help        this text

The exit code is kcap's: 0 done, 2 bad input, 3 numeric failure, 4 I/O, 5 lost peer, 75 stopped
early with a checkpoint written.
EOT
}

fail() {
    echo "local.sh: $*" >&2
    exit 2
}

# number OPTION VALUE: stop unless VALUE is a whole number from 1.
number() {
    [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || fail "$1: '$2' is not a whole number from 1 to 999999"
}

input='' ranks='' threads=1 out='' deps_only=0 sets=()

take() {
    case $1 in
    --ranks) number "$1" "$2" && ranks=$2 ;;
    --threads) number "$1" "$2" && threads=$2 ;;
    --set) sets+=(--set "$2") ;;
    --out)
        [ -n "$2" ] || fail "--out: the folder's name is empty"
        out=$2
        ;;
    esac
}

parse() {
    local option
    while [ $# -gt 0 ]; do
        option=$1
        case $option in
        --ranks=* | --threads=* | --set=* | --out=*)
            shift
            set -- "${option%%=*}" "${option#*=}" "$@"
            continue
            ;;
        --ranks | --threads | --set | --out)
            [ $# -ge 2 ] || fail "$option: a value is missing; --help shows the options"
            take "$1" "$2"
            shift
            ;;
        --deps-only) deps_only=1 ;;
        -h | --help)
            usage
            exit 0
            ;;
        -*) fail "$option: unknown option; --help shows the options" ;;
        *)
            [ -z "$input" ] || fail "$option: one input file only, and it is $input"
            input=$option
            ;;
        esac
        shift
    done
}

# The program of a clone is built, that of an installed tree is there; runs go beside the clone's
# files, or here.
build() {
    local log=$root/build/build.log options=(-DCMAKE_BUILD_TYPE=Release)
    if [ ! -f "$root/CMakeLists.txt" ]; then
        program=$root/kcap runs=runs
        return
    fi
    program=$root/build/kcap runs=$root/runs
    kc_install "${kc_packages[@]}"
    # The packages are those of Open MPI, also where Debian's mpicc is switched to another MPI.
    if [ ! -f "$root/build/CMakeCache.txt" ] && [ -z "${MPI_ROOT:-}" ] && command -v mpicc.openmpi >/dev/null; then
        options+=(-DMPI_C_COMPILER=mpicc.openmpi)
    fi
    mkdir -p "$root/build"
    echo "building $program" >&2
    if ! { cmake -S "$root" -B "$root/build" "${options[@]}" &&
        cmake --build "$root/build" --target kcap -j "$cores"; } >"$log" 2>&1; then
        cat "$log" >&2
        echo "local.sh: the build failed; its output is above and in $log" >&2
        exit 1
    fi
}

# free_folder BASE: BASE, or BASE-2, BASE-3 ...: the first that can be made or is empty.
free_folder() {
    local folder=$1 n=1
    mkdir -p "$(dirname "$1")"
    until mkdir "$folder" 2>/dev/null || { [ -d "$folder" ] && [ -z "$(ls -A "$folder")" ]; }; do
        n=$((n + 1))
        [ "$n" -le 9999 ] || fail "$1: cannot make a folder of this name; choose one with --out"
        folder=$1-$n
    done
    echo "$folder"
}

# Where ranks go: threads side by side on cores of their own, if there are enough and binding works.
place() {
    kc_placed "$ranks" "$threads"
    if [ $((ranks * threads)) -gt "$cores" ] ||
        ! "$kc_mpirun" "${kc_placement[@]}" true >/dev/null 2>&1 </dev/null; then
        kc_unplaced "$ranks"
    fi
    [ "$kc_is_open_mpi" -eq 0 ] || kc_placement=(-q "${kc_placement[@]}")
}

parse "$@"
if [ -n "$input" ] && [ ! -f "$input" ]; then
    fail "$input: no such input file"
fi
input=${input:-$root/inputs/quickstart.yaml}
if [ "$deps_only" -eq 1 ]; then
    kc_install "${kc_packages[@]}"
    exit 0
fi

cores=$(kc_cores)
[ -n "$ranks" ] || ranks=$((cores < 2 ? 1 : 2))
build
kc_mpi_local
kc_mpirun_of "$program"
place
if [ -z "$out" ]; then
    name=$(basename "$input")
    out=$(free_folder "$runs/${name%.*}")
fi
status=0
# In a session of its own, so that Ctrl-C comes here first.
kc_forward setsid "$kc_mpirun" "${kc_placement[@]}" "$program" train "$input" --out "$out" \
    --set "parallel.threads=$threads" ${sets[@]+"${sets[@]}"} || status=$?
if [ "$status" -eq 0 ]; then
    # kcap has printed the table already.
    /usr/bin/python3 "$root/analysis/report.py" --brief "$out"
elif [ "$status" -eq 75 ]; then
    echo "go on with that line behind: $kc_mpirun -n $ranks" >&2
elif [ "$status" -gt 128 ]; then
    # mpirun -q leaves out that it aborts the job after an error, and this with it.
    echo "local.sh: kcap was ended by signal $((status - 128))" >&2
fi
if [ -d "$out" ] && [ -z "$(ls -A "$out")" ]; then
    rmdir "$out"
fi
exit "$status"
