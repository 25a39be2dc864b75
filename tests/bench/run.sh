#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# kcap against PyTorch on the same weights and tokens, in turn: see run.py --help.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=jobscripts/deps.sh
. "$root/jobscripts/deps.sh"
# shellcheck source=jobscripts/mpi.sh
. "$root/jobscripts/mpi.sh"
# OpenBLAS and oneDNN are for PyTorch, which takes the first by itself where it is there.
kc_install "${kc_packages[@]}" "${kc_test_packages[@]}" libopenblas0-pthread libdnnl-dev
kc_mpi_local
# kcap with the waiting that OpenMP and Open MPI have by themselves, since it has the cores alone.
unset OMP_WAIT_POLICY OMPI_MCA_mpi_yield_when_idle
mkdir -p "$root/build"
build=$root/build/tests-release
if ! { cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON &&
    cmake --build "$build" -j "$(kc_cores)" --target kcap benches; } >"$root/build/bench.log" 2>&1; then
    cat "$root/build/bench.log"
    exit 1
fi
exec /usr/bin/python3 "$root/tests/bench/run.py" "$build" "$@"
