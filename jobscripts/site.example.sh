# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034 # all of it is read by launch.sh
# The one file to edit on a cluster: copy it to jobscripts/site.sh. Every line is optional.

# Modules of the MPI, HDF5 (parallel) and BLIS that kcap was built with.
# module purge
# module load gcc openmpi hdf5-mpi blis

# Folders of libraries that no module puts on the path.
# export LD_LIBRARY_PATH=$HOME/blis/lib:$LD_LIBRARY_PATH

# The program, where it is not build/kcap or build/release/kcap of this clone. The mpirun used is the
# one that its build found (kcap --version names it).
# KC_KCAP=$HOME/bin/kcap

# Options of mpirun beside the ranks and their placement. On a network that Open MPI does not find by
# itself, name it here.
# kc_mpi_options=(--mca btl_tcp_if_include eth0)

# Another launcher instead of mpirun, with the placement it needs. One rank a NUMA domain with the
# domain's cores as its threads is a good start for large models; a rank a core for small ones.
# kc_launcher=(srun --mpi=pmix --cpu-bind=cores "--cpus-per-task=$SLURM_CPUS_PER_TASK")

# Lustre and NFS without locks refuse HDF5's; a run has one writer, so nothing is lost.
export HDF5_USE_FILE_LOCKING=FALSE

# BLIS kernels other than those of the CPU model give other bits: set them with the key
# parallel.kernel, which is recorded, not with BLIS_ARCH_TYPE.
