# SPDX-License-Identifier: BSD-3-Clause
# Defines BLIS::BLIS, preferring the OpenMP flavour where Debian installs two.
find_path(BLIS_INCLUDE_DIR blis.h
  HINTS ${BLIS_ROOT} $ENV{BLIS_ROOT}
  PATH_SUFFIXES blis-openmp include/blis include blis)
find_library(BLIS_LIBRARY NAMES blis
  HINTS ${BLIS_ROOT} $ENV{BLIS_ROOT}
  PATH_SUFFIXES blis-openmp lib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BLIS REQUIRED_VARS BLIS_LIBRARY BLIS_INCLUDE_DIR)
if(BLIS_FOUND AND NOT TARGET BLIS::BLIS)
  add_library(BLIS::BLIS UNKNOWN IMPORTED)
  set_target_properties(BLIS::BLIS PROPERTIES
    IMPORTED_LOCATION ${BLIS_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${BLIS_INCLUDE_DIR})
endif()
