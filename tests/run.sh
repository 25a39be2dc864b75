#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Everything that must hold before a change goes in: the whole suite in a release build, the unit
# tests again under AddressSanitizer and UndefinedBehaviorSanitizer, and with clang and MPICH.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=jobscripts/deps.sh
. "$root/jobscripts/deps.sh"
# shellcheck source=jobscripts/mpi.sh
. "$root/jobscripts/mpi.sh"

usage() {
    cat <<'EOT'
usage: tests/run.sh [--long]

Installs the Debian packages that are missing (as root or with sudo), builds with warnings as errors
in build/tests-release, build/tests-sanitize and, by clang for MPICH, build/tests-clang-mpich, and
runs the tests. The last line is "N passed, N failed"; the exit code is 0 when nothing failed.

  --long       the tests labelled long too
  -h, --help   this text
EOT
}

passed=0 failed=0 select=(-LE "^long$") packages=("${kc_packages[@]}" "${kc_test_packages[@]}")

# build FOLDER TYPE [CMAKE-OPTION...]: a build that breaks counts as one failure.
build() {
    local folder=$1 type=$2
    shift 2
    echo "== building $folder ($type)"
    if ! { cmake -S "$root" -B "$folder" -DCMAKE_BUILD_TYPE="$type" -DBUILD_TESTING=ON \
        -DCMAKE_COMPILE_WARNING_AS_ERROR=ON "$@" >"$folder.log" 2>&1 &&
        cmake --build "$folder" -j "$jobs" >>"$folder.log" 2>&1; }; then
        cat "$folder.log"
        echo "the build failed; its output is above and in $folder.log"
        failed=$((failed + 1))
        return 1
    fi
}

# suite FOLDER CTEST-OPTION...: run and count. A test that is skipped or cannot start has failed.
suite() {
    local folder=$1 counts status=0
    shift
    echo "== testing $folder"
    rm -f "$folder/junit.xml"
    # Thirds of a core, see tests/CMakeLists.txt.
    ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$((3 * jobs))" \
        --output-junit "$folder/junit.xml" "$@" </dev/null || status=$?
    counts=$(/usr/bin/python3 - "$folder/junit.xml" "$status" <<'PY'
import sys
import xml.etree.ElementTree as tree
try:
    cases = tree.parse(sys.argv[1]).getroot().findall("testcase")
except (OSError, tree.ParseError):
    cases = []
good = sum(case.get("status") == "run" for case in cases)
bad = len(cases) - good
# ctest may fail where no test does: nothing to run, or a fault of its own.
print(good, bad if bad or sys.argv[2] == "0" and good else bad + 1)
PY
    )
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
}

while [ $# -gt 0 ]; do
    case $1 in
    --long) select=() packages+=("${kc_long_packages[@]}") ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        echo "run.sh: $1: unknown option; --help shows the options" >&2
        exit 2
        ;;
    esac
    shift
done

kc_install "${packages[@]}"
jobs=$(kc_cores)
kc_mpi_local
unset OMP_NUM_THREADS
mkdir -p "$root/build"

# Debian's mpicc may be switched to either MPI.
if build "$root/build/tests-release" Release -DMPI_C_COMPILER=mpicc.openmpi; then
    suite "$root/build/tests-release" ${select[@]+"${select[@]}"}
fi
if build "$root/build/tests-clang-mpich" Release -DCMAKE_C_COMPILER=clang -DMPI_C_COMPILER=mpicc.mpich; then
    suite "$root/build/tests-clang-mpich" -R "^(test_.*|app_launch)$" -L "^(unit|app)$" -E "_np4$|_blis$"
fi
if build "$root/build/tests-sanitize" Sanitize -DMPI_C_COMPILER=mpicc.openmpi; then
    suite "$root/build/tests-sanitize" -L "^unit$" ${select[@]+"${select[@]}"}
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
