#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Everything that must hold before a change goes in: the whole suite in a release build, the unit
# tests again under AddressSanitizer and UndefinedBehaviorSanitizer.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=jobscripts/deps.sh
. "$root/jobscripts/deps.sh"

usage() {
    cat <<'EOT'
usage: tests/run.sh [--long]

Installs the Debian packages that are missing (as root or with sudo), builds with warnings as errors
in build/tests-release and build/tests-sanitize and runs the tests. The last line is
"N passed, N failed"; the exit code is 0 when nothing failed.

  --long       the tests labelled long too
  -h, --help   this text
EOT
}

passed=0 failed=0 select=(-LE "^long$")

# build FOLDER TYPE: a build that breaks counts as one failure.
build() {
    echo "== building $1 ($2)"
    if ! { cmake -S "$root" -B "$1" -DCMAKE_BUILD_TYPE="$2" -DBUILD_TESTING=ON >"$1.log" 2>&1 &&
        cmake --build "$1" -j "$jobs" >>"$1.log" 2>&1; }; then
        cat "$1.log"
        echo "the build failed; its output is above and in $1.log"
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
    ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$jobs" \
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
    --long) select=() ;;
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

kc_install "${kc_packages[@]}" "${kc_test_packages[@]}"
jobs=$(kc_cores)
kc_mpi_local
unset OMP_NUM_THREADS
mkdir -p "$root/build"

if build "$root/build/tests-release" Release; then
    suite "$root/build/tests-release" ${select[@]+"${select[@]}"}
fi
if build "$root/build/tests-sanitize" Sanitize; then
    # Leaks inside Open MPI are named by library, which only the slow unwinder sees.
    export ASAN_OPTIONS=fast_unwind_on_malloc=0
    export LSAN_OPTIONS=suppressions=$root/tests/lsan.supp:print_suppressions=0
    suite "$root/build/tests-sanitize" -L "^unit$" ${select[@]+"${select[@]}"}
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
