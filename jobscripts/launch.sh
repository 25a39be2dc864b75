# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What train.slurm, train.pbs and sweep.slurm have in common. Sourced, with $root set to the top of the clone.

# shellcheck source=jobscripts/mpi.sh
. "$root/jobscripts/mpi.sh"

# kc_site ROOT: the settings of the site over the defaults; site.example.sh explains each. ROOT is
# the top of the clone.
kc_site() {
    local root=$1
    KC_KCAP=$(kc_program "$root") || true
    kc_mpi_options=()
    kc_launcher=()
    if [ -f "$root/jobscripts/site.sh" ]; then
        # shellcheck source=jobscripts/site.example.sh
        . "$root/jobscripts/site.sh"
    fi
    if [ ! -x "$KC_KCAP" ]; then
        echo "${KC_KCAP:-$root/build/kcap}: no such program: build kcap, or set KC_KCAP in jobscripts/site.sh" >&2
        return 2
    fi
}

# kc_train RANKS THREADS INPUT [OPTION...]: train, going on where a checkpoint is.
kc_train() {
    local ranks=$1 threads=$2
    shift 2
    kc_run "$ranks" "$threads" train --resume auto --set "parallel.threads=$threads" "$@"
}

# kc_run RANKS THREADS VERB [ARGUMENT...]: kcap on all ranks. Returns its exit code. SIGUSR1 or
# SIGTERM to this shell makes kcap write a checkpoint and stop with 75.
kc_run() {
    local ranks=$1 threads=$2 child status=0
    shift 2
    if [ ${#kc_launcher[@]} -eq 0 ]; then
        kc_mpirun_of "$KC_KCAP" || return
        kc_placed "$ranks" "$threads"
        kc_launcher=("$kc_mpirun" "${kc_placement[@]}" ${kc_mpi_options[@]+"${kc_mpi_options[@]}"})
        if [ "$kc_is_open_mpi" -eq 1 ]; then
            kc_launcher+=(-x OMP_NUM_THREADS -x OMP_PLACES -x OMP_PROC_BIND)
        fi
    fi
    export OMP_NUM_THREADS=$threads OMP_PLACES=cores OMP_PROC_BIND=close
    "${kc_launcher[@]}" "$KC_KCAP" "$@" &
    child=$!
    # mpirun and srun pass USR1 on to every rank; TERM they would take as an order to kill.
    # shellcheck disable=SC2064 # the process of now
    trap "kill -USR1 $child" USR1 TERM
    # wait comes back early when a trapped signal arrives.
    while :; do
        status=0
        wait "$child" || status=$?
        kill -0 "$child" 2>/dev/null || break
    done
    trap - USR1 TERM
    return "$status"
}
