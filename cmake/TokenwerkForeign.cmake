# Libraries that have no CMake package, or one that asks for more than the library needs. The build includes this
# file, and so does the installed package, because a static library's users link what it links.

# tokenwerk_library(TARGET HEADER LIBRARY [SUFFIX...]) finds a library and makes it tokenwerk_foreign::TARGET. Where it
# is missing, the target does not exist and TOKENWERK_MISSING says so.
function(tokenwerk_library target header library)
  if(TARGET tokenwerk_foreign::${target})
    return()
  endif()
  string(TOUPPER TOKENWERK_${target} prefix)
  find_path(${prefix}_INCLUDE_DIR ${header} PATH_SUFFIXES ${ARGN})
  find_library(${prefix}_LIBRARY NAMES ${library} PATH_SUFFIXES ${ARGN})
  mark_as_advanced(${prefix}_INCLUDE_DIR ${prefix}_LIBRARY)
  if(NOT ${prefix}_INCLUDE_DIR OR NOT ${prefix}_LIBRARY)
    string(APPEND TOKENWERK_MISSING "${target} not found: wants ${header} and lib${library}. ")
    set(TOKENWERK_MISSING "${TOKENWERK_MISSING}" PARENT_SCOPE)
    return()
  endif()
  add_library(tokenwerk_foreign::${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(tokenwerk_foreign::${target} PROPERTIES
    IMPORTED_LOCATION ${${prefix}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${${prefix}_INCLUDE_DIR})
endfunction()

set(TOKENWERK_MISSING "")
tokenwerk_library(dnnl dnnl.hpp dnnl)             # its package file demands OpenCL headers, the library does not
tokenwerk_library(xxhash xxhash.h xxhash)
tokenwerk_library(hdf5 hdf5.h hdf5 hdf5/serial)   # the serial build: the parallel one is not thread-safe

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(SENTENCEPIECE QUIET IMPORTED_TARGET GLOBAL sentencepiece)
endif()
if(NOT TARGET PkgConfig::SENTENCEPIECE)
  string(APPEND TOKENWERK_MISSING "sentencepiece not found: wants pkg-config and libsentencepiece. ")
endif()
