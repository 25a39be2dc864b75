# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the scripts for Slurm and PBS have in common. Sourced, with $root set to the top of the clone.

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

# kc_until TEXT: sets kc_max_time, the option of kcap that ends it before the job does, from the time that
# the job has left, [DAYS-][[HOURS:]MINUTES:]SECONDS. A twentieth of it, 10 to 300 s, is for starting and
# ending; the time of a checkpoint kcap leaves itself, as measured. Any other text, as for no limit, is none.
kc_until() {
    local left lead days=0 text=$1
    kc_max_time=()
    if [[ $text =~ ^([0-9]+)-(.*)$ ]]; then
        days=$((10#${BASH_REMATCH[1]})) text=${BASH_REMATCH[2]}
    fi
    if [[ ! $text =~ ^(([0-9]+):)?(([0-9]+):)?([0-9]+)$ ]]; then
        echo "no time limit found (${1:-nothing}): a checkpoint is written only as the input says" >&2
        return 0
    fi
    local first=${BASH_REMATCH[2]:-0} second=${BASH_REMATCH[4]:-} last=${BASH_REMATCH[5]}
    if [ -z "$second" ]; then
        second=$first first=0
    fi
    left=$((days * 86400 + 10#$first * 3600 + 10#$second * 60 + 10#$last))
    lead=$((left / 20))
    lead=$((lead < 10 ? 10 : lead > 300 ? 300 : lead))
    left=$((left > lead ? left - lead : 1))
    kc_max_time=(--max-time "$((left / 3600)):$((left / 60 % 60)):$((left % 60))")
}

# kc_slurm_left, kc_pbs_left: the time that this job has left, as kc_until takes it; PBS tells all it got.
kc_slurm_left() {
    squeue -h -j "${SLURM_JOB_ID:-}" -o %L 2>/dev/null || true
}
kc_pbs_left() {
    qstat -f "${PBS_JOBID:-}" 2>/dev/null | sed -n 's/.*Resource_List\.walltime = //p'
}

# kc_pbs_nodes: an Open MPI built for PBS finds the nodes itself; any other, Debian's too, needs the list
# and ssh.
kc_pbs_nodes() {
    kc_mpi_options+=(--hostfile "$PBS_NODEFILE")
}

# kc_sweep RANKS THREADS INDEX SWEEP [OPTION...]: the point of this index of an array, or, where it is
# empty, all that are missing.
kc_sweep() {
    local ranks=$1 threads=$2 how=(--farm) sweep=$4 status=0
    if [ -n "$3" ]; then
        how=(--index "$3")
    else
        # An array of nothing (--array="") starts as a job without one.
        "$KC_KCAP" sweep "$sweep" --missing >/dev/null || return
    fi
    shift 4
    kc_run "$ranks" "$threads" sweep "$sweep" "${how[@]}" --set "parallel.threads=$threads" \
        ${kc_max_time[@]+"${kc_max_time[@]}"} "$@" || status=$?
    if [ "$status" -eq 75 ]; then
        echo "stopped early with checkpoints; submit the same line again to go on"
    fi
    return "$status"
}

# kc_train RANKS THREADS INPUT [OPTION...]: train, going on where a checkpoint is.
kc_train() {
    local ranks=$1 threads=$2
    shift 2
    kc_run "$ranks" "$threads" train --resume auto --set "parallel.threads=$threads" \
        ${kc_max_time[@]+"${kc_max_time[@]}"} "$@"
}

# kc_run RANKS THREADS VERB [ARGUMENT...]: kcap on all ranks. Returns its exit code, see kc_forward.
kc_run() {
    local ranks=$1 threads=$2
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
    # srun leaves ranks waiting for one that ended with an error, unless told.
    export SLURM_KILL_BAD_EXIT=1
    kc_forward "${kc_launcher[@]}" "$KC_KCAP" "$@"
}
