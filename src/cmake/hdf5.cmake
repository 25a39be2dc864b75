# SPDX-License-Identifier: BSD-3-Clause
# kc::HDF5, a parallel HDF5 of this build's MPI, and KC_HDF5, its version. Found under HDF5_ROOT, or by h5pcc, or where
# Debian keeps the one of this MPI. CMake's own module takes the first h5pcc of PATH, whatever its MPI, and fails where
# the build's path has a space.
include_guard()

kc_root(HDF5 HDF5_C_COMPILER_EXECUTABLE HDF5_INCLUDE_DIR HDF5_LIBRARY)
find_program(HDF5_C_COMPILER_EXECUTABLE NAMES h5pcc.${KC_MPI_FAMILY} h5pcc NAMES_PER_DIR PATH_SUFFIXES bin ${places}
             DOC "HDF5's compiler of C, asked only where its files are")
kc_forget(H5PCC "${HDF5_C_COMPILER_EXECUTABLE}" HDF5_INCLUDE_DIR HDF5_LIBRARY)
set(shown)
if(HDF5_C_COMPILER_EXECUTABLE)
  execute_process(COMMAND ${HDF5_C_COMPILER_EXECUTABLE} -shlib -show x.c OUTPUT_VARIABLE shown ERROR_QUIET TIMEOUT 20
                  WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
endif()
separate_arguments(shown NATIVE_COMMAND "${shown}")
foreach(kind I L l)
  set(shown_${kind} ${shown})
  list(FILTER shown_${kind} INCLUDE REGEX "^-${kind}")
  list(TRANSFORM shown_${kind} REPLACE "^-${kind}" "")
endforeach()
set(debian hdf5/${KC_MPI_FAMILY})
find_path(HDF5_INCLUDE_DIR hdf5.h HINTS ${shown_I} ${places} PATH_SUFFIXES include include/${debian} ${debian})
find_library(HDF5_LIBRARY NAMES hdf5 hdf5_${KC_MPI_FAMILY} HINTS ${shown_L} ${places}
             PATH_SUFFIXES lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE} ${debian})
mark_as_advanced(HDF5_INCLUDE_DIR HDF5_LIBRARY HDF5_C_COMPILER_EXECUTABLE)
if(NOT HDF5_INCLUDE_DIR OR NOT HDF5_LIBRARY)
  kc_missing(HDF5 "hdf5.h and libhdf5 of a parallel build were not" libhdf5-${KC_MPI_FAMILY}-dev)
endif()

# Open MPI's objects are named by whoever uses them; of MPICH and its relatives nothing but the library's name remains.
file(STRINGS ${HDF5_LIBRARY} of_openmpi REGEX "ompi_mpi_comm_" LIMIT_COUNT 1)
file(STRINGS ${HDF5_LIBRARY} of_other REGEX "MPI_File_" LIMIT_COUNT 1)
set(hdf5_family serial)
set(whose "no MPI at all")
if(of_openmpi)
  set(hdf5_family openmpi)
  set(whose "Open MPI")
elseif(of_other)
  set(hdf5_family mpich)
  set(whose "MPICH or a relative of it")
endif()
if(NOT hdf5_family STREQUAL KC_MPI_FAMILY AND NOT (of_other AND KC_MPI_FAMILY STREQUAL "unknown"))
  message(FATAL_ERROR "HDF5 and MPI do not go together: ${HDF5_LIBRARY} was built with ${whose}, kcap would be with "
                      "${KC_MPI} (${KC_MPI_FOUND_IN}). Set HDF5_ROOT to a parallel HDF5 of ${KC_MPI} (Debian: install "
                      "libhdf5-${KC_MPI_FAMILY}-dev), or MPI_C_COMPILER to the mpicc that HDF5 was built with")
endif()

add_library(kc::HDF5 INTERFACE IMPORTED)
target_include_directories(kc::HDF5 SYSTEM INTERFACE ${HDF5_INCLUDE_DIR})
target_link_libraries(kc::HDF5 INTERFACE ${HDF5_LIBRARY} MPI::MPI_C)
if(HDF5_LIBRARY MATCHES "\\.a$")
  list(FILTER shown_l EXCLUDE REGEX "^hdf5")
  target_link_libraries(kc::HDF5 INTERFACE ${shown_l} m ${CMAKE_DL_LIBS})
endif()
kc_ask(KC_HDF5 kc::HDF5 [[
#include <hdf5.h>
#ifndef H5_HAVE_PARALLEL
#error "hdf5.h is not of a parallel build"
#endif
const char answer[] = "KCAP_ASKS" H5_VERS_INFO;
herr_t (*const needed)(hid_t, MPI_Comm, MPI_Info) = H5Pset_fapl_mpio;
]])
if(NOT KC_HDF5)
  message(FATAL_ERROR "HDF5: a program cannot be built with ${HDF5_INCLUDE_DIR} and ${HDF5_LIBRARY}:\n${KC_HDF5_said}")
endif()
string(REGEX MATCH "[0-9]+[.][0-9.]*[0-9]" KC_HDF5 "${KC_HDF5}")
