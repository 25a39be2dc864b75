# SPDX-License-Identifier: BSD-3-Clause
# Where libraries are found. NAME_ROOT, a variable of CMake or of the environment, is the folder that holds
# include/ and lib/ of one; where it is set nothing else is looked at.

# kc_forget(KEY VALUE VARIABLE...): the VARIABLEs in the cache, where KEY was another VALUE last time.
macro(kc_forget key value)
  if(DEFINED KCAP_USED_${key} AND NOT "${value}" STREQUAL "${KCAP_USED_${key}}")
    foreach(variable ${ARGN})
      unset(${variable} CACHE)
    endforeach()
  endif()
  set(KCAP_USED_${key} "${value}" CACHE INTERNAL "what was found last time depends on it")
endmacro()

# kc_root(NAME VARIABLE...): NAME_ROOT into root and what find commands take into places. The VARIABLEs are what is
# found there.
macro(kc_root name)
  set(root "${${name}_ROOT}")
  if(NOT root)
    set(root "$ENV{${name}_ROOT}")
  endif()
  if(root AND NOT IS_DIRECTORY "${root}")
    message(FATAL_ERROR "${name}_ROOT=${root}: no such folder; it is to hold include/ and lib/ of ${name}")
  endif()
  kc_forget(${name}_ROOT "${root}" ${ARGN})
  set(places)
  if(root)
    set(places PATHS "${root}" NO_DEFAULT_PATH)
  endif()
endmacro()

# kc_missing(NAME WHAT DEBIAN): stop; WHAT, such as 'x.h was not', found under root or, where it is empty, anywhere.
function(kc_missing name what debian)
  set(where "in the usual places")
  if(root)
    set(where "under ${name}_ROOT=${root}")
  endif()
  message(FATAL_ERROR "${name}: ${what} found ${where}: install ${debian} (Debian), or set ${name}_ROOT to the "
                      "folder that holds its include/ and lib/")
endfunction()

# kc_folders(RESULT BELOW FOLDER...): each name of BELOW alone and in each FOLDER, then the FOLDERs themselves.
function(kc_folders result below)
  set(all ${below})
  foreach(folder ${ARGN})
    list(TRANSFORM below PREPEND ${folder}/ OUTPUT_VARIABLE deeper)
    list(APPEND all ${deeper})
  endforeach()
  set(${result} ${all} ${ARGN} PARENT_SCOPE)
endfunction()

# kc_library(NAME HEADER x.h DEBIAN package [LIBRARY x] [PACKAGE name in pkg-config] [IN folder...]): defines
# kc::NAME and KC_NAME_FOUND_IN. Without LIBRARY it is headers alone. IN: folders below include/ and lib/ to try first.
function(kc_library name)
  cmake_parse_arguments(PARSE_ARGV 1 L "" "HEADER;DEBIAN;LIBRARY;PACKAGE" "IN")
  kc_root(${name} ${name}_INCLUDE_DIR ${name}_LIBRARY)
  if(L_PACKAGE AND PKG_CONFIG_FOUND AND NOT root)
    pkg_check_modules(PC_${name} QUIET ${L_PACKAGE})
    set(places HINTS ${PC_${name}_INCLUDE_DIRS} ${PC_${name}_LIBRARY_DIRS})
  endif()
  kc_folders(includes "${L_IN}" include include/${CMAKE_LIBRARY_ARCHITECTURE})
  kc_folders(libs "${L_IN}" lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE})
  find_path(${name}_INCLUDE_DIR ${L_HEADER} ${places} PATH_SUFFIXES ${includes})
  if(NOT ${name}_INCLUDE_DIR)
    kc_missing(${name} "${L_HEADER} was not" ${L_DEBIAN})
  endif()
  add_library(kc::${name} INTERFACE IMPORTED)
  target_include_directories(kc::${name} SYSTEM INTERFACE "${${name}_INCLUDE_DIR}")
  set(found "${${name}_INCLUDE_DIR}")
  if(L_LIBRARY)
    find_library(${name}_LIBRARY ${L_LIBRARY} ${places}
                 PATH_SUFFIXES ${libs})
    if(NOT ${name}_LIBRARY)
      kc_missing(${name} "lib${L_LIBRARY} was not" ${L_DEBIAN})
    endif()
    target_link_libraries(kc::${name} INTERFACE "${${name}_LIBRARY}")
    set(found "${${name}_LIBRARY}")
  endif()
  mark_as_advanced(${name}_INCLUDE_DIR ${name}_LIBRARY)
  set(KC_${name}_FOUND_IN "${found}" PARENT_SCOPE)
endfunction()

# kc_ask(RESULT TARGET CODE): the text that follows KCAP_ASKS in a program of this C code linked with the target, or
# nothing, with what the compiler said in RESULT_said. CODE defines the array `answer`.
function(kc_ask result target code)
  set(program ${CMAKE_CURRENT_BINARY_DIR}/kcap_asks)
  file(REMOVE ${program})
  try_compile(works SOURCE_FROM_CONTENT asks.c "${code}
int main(int argc, char **argv) { return answer[argc] + !argv; }
" LINK_LIBRARIES ${target} OUTPUT_VARIABLE said COPY_FILE ${program} COPY_FILE_ERROR copied)
  set(text)
  if(works)
    file(STRINGS ${program} text REGEX "KCAP_ASKS.*" LIMIT_COUNT 1)
    string(REGEX REPLACE ".*KCAP_ASKS" "" text "${text}")
    file(REMOVE ${program})
  endif()
  set(${result} "${text}" PARENT_SCOPE)
  set(${result}_said "${said}" PARENT_SCOPE)
endfunction()
