# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Which kcap, and the mpirun of the MPI that it was built with. Sourced.

# kc_program ROOT: path of the program of an installed tree (a link) or of a clone; 2 where there is none.
kc_program() {
    local each
    for each in "$1"/kcap "$1"/build/kcap "$1"/build/release/kcap; do
        if [ -x "$each" ] && [ -f "$each" ]; then
            echo "$each"
            return 0
        fi
    done
    return 2
}

# kc_mpirun_of KCAP: sets kc_mpirun, as kcap --version names it or, where that has gone, as PATH has
# it, and kc_is_open_mpi, 1 or 0.
kc_mpirun_of() {
    local said
    said=$("$1" --version) || return
    kc_mpirun=$(sed -n 's/^mpirun  *//p' <<<"$said")
    [ -x "$kc_mpirun" ] || kc_mpirun=mpirun
    kc_is_open_mpi=0
    if grep -q '^MPI  *Open MPI' <<<"$said"; then
        kc_is_open_mpi=1
    fi
}

# kc_placed RANKS THREADS: sets kc_placement, the options of kc_mpirun that put so many ranks side by
# side, each with cores of its own for its threads.
kc_placed() {
    if [ "$kc_is_open_mpi" -eq 1 ]; then
        kc_placement=(-n "$1" --map-by "slot:PE=$2" --bind-to core)
    else
        kc_placement=(-n "$1" -bind-to "core:$2")
    fi
}

# kc_unplaced RANKS: sets kc_placement, without cores of their own; there may be more ranks than cores.
kc_unplaced() {
    kc_placement=(-n "$1")
    if [ "$kc_is_open_mpi" -eq 1 ]; then
        kc_placement+=(--bind-to none --oversubscribe)
    fi
}

# kc_mpi_local: settings for one machine, containers and root included; most are Open MPI's, another
# MPI does not read them.
kc_mpi_local() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    # Copying through the kernel fails in containers that forbid ptrace; shared memory always works.
    : "${OMPI_MCA_btl_vader_single_copy_mechanism:=none}"
    export OMPI_MCA_btl_vader_single_copy_mechanism
    # Threads and ranks that spin while they wait take the cores from those that work wherever there are
    # more of them than cores, or others use this machine too (jobscripts/README.md, One machine).
    export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
    export OMPI_MCA_mpi_yield_when_idle=${OMPI_MCA_mpi_yield_when_idle:-1}
}

# kc_forward COMMAND...: run a launcher and return its exit code. USR1 and TERM to this shell, and the
# first interrupt, reach it as USR1, which mpirun and srun pass on to every rank: kcap writes a
# checkpoint and stops with 75. TERM and INT they would take as an order to kill; a second interrupt is
# one.
kc_forward() {
    local child status=0 signal=USR1
    "$@" &
    child=$!
    trap 'kill -USR1 "$child"' USR1 TERM
    trap 'kill -"$signal" "$child"; signal=TERM' INT
    # wait comes back early when a trapped signal arrives.
    while :; do
        status=0
        wait "$child" || status=$?
        kill -0 "$child" 2>/dev/null || break
    done
    trap - USR1 TERM INT
    return "$status"
}
