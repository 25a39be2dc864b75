#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# scripts.sh [ROOT]: does shellcheck have nothing to say against any script?
set -euo pipefail

root=${1:-$(dirname "${BASH_SOURCE[0]}")/../..}
cd "$root"
mapfile -d '' files < <(find jobscripts tests .ci -type f \
    \( -name '*.sh' -o -name '*.slurm' -o -name '*.pbs' -o -path '.ci/run' \) -print0)
if [ ${#files[@]} -eq 0 ]; then
    echo "$root: no script under jobscripts, tests or .ci: nothing was checked" >&2
    exit 1
fi
shellcheck -x -s bash "${files[@]}"
echo "${#files[@]} scripts are clean"
