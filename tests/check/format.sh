#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# format.sh [ROOT]: is the C formatted as .clang-format says?
set -euo pipefail

root=${1:-$(dirname "${BASH_SOURCE[0]}")/../..}
cd "$root"
mapfile -d '' files < <(find src include tests \( -name '*.c' -o -name '*.h' \) -print0)
if [ ${#files[@]} -eq 0 ]; then
    echo "$root: no C file under src, include or tests: nothing was checked" >&2
    exit 1
fi
clang-format --dry-run -Werror "${files[@]}"
echo "${#files[@]} files are formatted"
