# SPDX-License-Identifier: BSD-3-Clause
# MPI::MPI_C; KC_MPI, its name and version; KC_MPI_FAMILY, openmpi or mpich (MPICH and its relatives: Intel's, Cray's,
# MVAPICH); MPIEXEC_EXECUTABLE, a launcher that is its own.
include_guard()

set(found MPI_C_LIB_NAMES MPI_C_HEADER_DIR MPI_mpi_LIBRARY MPI_mpich_LIBRARY MPI_C_COMPILER_INCLUDE_DIRS
          MPIEXEC_EXECUTABLE MPI_RESULT_C_test_mpi_normal HDF5_INCLUDE_DIR HDF5_LIBRARY)
kc_root(MPI MPI_C_COMPILER ${found})
if(root)
  find_program(MPI_C_COMPILER NAMES mpicc mpiicc PATH_SUFFIXES bin ${places} DOC "MPI's compiler of C")
elseif(MPI_C_COMPILER AND NOT IS_ABSOLUTE "${MPI_C_COMPILER}")
  find_program(mpicc ${MPI_C_COMPILER} NO_CACHE REQUIRED)
  set(MPI_C_COMPILER ${mpicc} CACHE FILEPATH "MPI's compiler of C" FORCE)
endif()
# Another MPI has another HDF5.
if("${HDF5_C_COMPILER_EXECUTABLE}" STREQUAL "${KCAP_USED_H5PCC}")
  list(APPEND found HDF5_C_COMPILER_EXECUTABLE)
endif()
kc_forget(MPICC "${MPI_C_COMPILER}" ${found})
if(root AND NOT MPI_C_COMPILER)
  # CMake's module would add what pkg-config knows, which may be another MPI.
  find_path(MPI_C_HEADER_DIR mpi.h PATH_SUFFIXES include ${places})
  find_library(MPI_mpi_LIBRARY NAMES mpi mpich PATH_SUFFIXES lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE} ${places})
  if(NOT MPI_C_HEADER_DIR OR NOT MPI_mpi_LIBRARY)
    kc_missing(MPI "neither bin/mpicc nor mpi.h and libmpi were" "openmpi-bin and libopenmpi-dev")
  endif()
  find_program(MPIEXEC_EXECUTABLE NAMES mpirun mpiexec HINTS ${root} PATH_SUFFIXES bin)
  add_library(MPI::MPI_C INTERFACE IMPORTED)
  target_include_directories(MPI::MPI_C SYSTEM INTERFACE ${MPI_C_HEADER_DIR})
  target_link_libraries(MPI::MPI_C INTERFACE ${MPI_mpi_LIBRARY})
else()
  find_package(MPI REQUIRED COMPONENTS C)
endif()
set(KC_MPI_FOUND_IN "${MPI_C_COMPILER}")
if(NOT MPI_C_COMPILER)
  set(KC_MPI_FOUND_IN "${MPI_mpi_LIBRARY}")
endif()
kc_forget(MPICC "${MPI_C_COMPILER}")

kc_ask(KC_MPI MPI::MPI_C [[
#include <mpi.h>
#define TEXT(x) #x
#define DOTS(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)
#ifdef OMPI_MAJOR_VERSION
const char answer[] = "KCAP_ASKSopenmpi Open MPI " DOTS(OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION, OMPI_RELEASE_VERSION);
#elif defined(I_MPI_VERSION)
const char answer[] = "KCAP_ASKSmpich Intel MPI " I_MPI_VERSION;
#elif defined(MVAPICH2_VERSION)
const char answer[] = "KCAP_ASKSmpich MVAPICH2 " MVAPICH2_VERSION;
#elif defined(MPICH_VERSION)
const char answer[] = "KCAP_ASKSmpich MPICH " MPICH_VERSION;
#else
const char answer[] = "KCAP_ASKSunknown an unknown MPI";
#endif
]])
if(NOT KC_MPI)
  message(FATAL_ERROR "MPI: a program cannot be built with MPI (${KC_MPI_FOUND_IN}):\n${KC_MPI_said}")
endif()
string(REGEX MATCH "^([a-z]*) (.*)" KC_MPI "${KC_MPI}")
set(KC_MPI_FAMILY ${CMAKE_MATCH_1})
set(KC_MPI "${CMAKE_MATCH_2}")

# kc_launcher_family(PROGRAM RESULT): whose ranks it starts, as it says itself; Slurm's srun is nobody's.
function(kc_launcher_family program result)
  execute_process(COMMAND "${program}" --version OUTPUT_VARIABLE said ERROR_VARIABLE said TIMEOUT 20)
  set(family unknown)
  if(said MATCHES "Open ?MPI|OpenRTE|PRRTE|prte")
    set(family openmpi)
  elseif(said MATCHES "HYDRA|Intel\\(R\\) MPI|MVAPICH|mpich")
    set(family mpich)
  endif()
  set(${result} ${family} PARENT_SCOPE)
endfunction()

function(kc_take_launcher program)
  set(MPIEXEC_EXECUTABLE "${program}" CACHE FILEPATH "starts ranks of this MPI" FORCE)
endfunction()

# Debian's mpirun and mpicc are switched apart from each other, also later: the launcher is asked whose it is, and
# named by its own name where it has one.
function(kc_find_launcher)
  get_filename_component(beside "${MPI_C_COMPILER}" DIRECTORY)
  find_program(own mpirun.${KC_MPI_FAMILY} HINTS "${beside}" NO_CACHE)
  kc_launcher_family("${MPIEXEC_EXECUTABLE}" family)
  if(family STREQUAL KC_MPI_FAMILY OR family STREQUAL "unknown" OR KC_MPI_FAMILY STREQUAL "unknown")
    file(REAL_PATH "${MPIEXEC_EXECUTABLE}" program)
    file(REAL_PATH "${own}" named)
    if(program STREQUAL named)
      kc_take_launcher("${own}")
    endif()
    return()
  endif()
  foreach(name mpirun.${KC_MPI_FAMILY} mpirun mpiexec mpiexec.hydra)
    unset(launcher)
    find_program(launcher ${name} HINTS "${beside}" NO_CACHE)
    if(launcher)
      kc_launcher_family("${launcher}" family)
      if(family STREQUAL KC_MPI_FAMILY)
        kc_take_launcher("${launcher}")
        return()
      endif()
    endif()
  endforeach()
  message(FATAL_ERROR "MPI: ${MPIEXEC_EXECUTABLE} starts ranks of another MPI than ${KC_MPI} of ${KC_MPI_FOUND_IN}: set "
                      "MPIEXEC_EXECUTABLE to its own mpirun")
endfunction()
kc_find_launcher()

# What stands before the number of ranks in tests, which start more of them than there are cores.
set(KC_MPIEXEC "${MPIEXEC_EXECUTABLE}")
if(KC_MPI_FAMILY STREQUAL "openmpi")
  list(APPEND KC_MPIEXEC --oversubscribe --bind-to none)
endif()
