# SPDX-License-Identifier: BSD-3-Clause
# Writes OUT when its text changes: version, commit, compiler, flags and mpirun of this build.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "unknown")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT [[
#define KC_VERSION "@VERSION@"
#define KC_COMMIT "@commit@"
#define KC_COMPILER "@COMPILER@"
#define KC_FLAGS "@FLAGS@"
#define KC_MPIRUN "@MPIRUN@"
]] @ONLY)
