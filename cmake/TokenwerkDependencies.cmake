# Everything foreign, found once; nothing is downloaded. The README names the Debian packages.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
set(MPI_CXX_SKIP_MPICXX TRUE) # the C interface is all we use
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)

# tokenwerk_library(TARGET HEADER LIBRARY) finds a library that has no (or a demanding) CMake package.
function(tokenwerk_library target header library)
  string(TOUPPER ${target} prefix)
  find_path(${prefix}_INCLUDE_DIR ${header} PATH_SUFFIXES ${ARGN})
  find_library(${prefix}_LIBRARY NAMES ${library} PATH_SUFFIXES ${ARGN})
  if(NOT ${prefix}_INCLUDE_DIR OR NOT ${prefix}_LIBRARY)
    message(FATAL_ERROR "${target} not found: wants ${header} and lib${library} (see README.md for the packages)")
  endif()
  add_library(tokenwerk_foreign::${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(tokenwerk_foreign::${target} PROPERTIES
    IMPORTED_LOCATION ${${prefix}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${${prefix}_INCLUDE_DIR})
endfunction()

tokenwerk_library(dnnl dnnl.hpp dnnl)             # its package file demands OpenCL headers, the library does not
tokenwerk_library(xxhash xxhash.h xxhash)
tokenwerk_library(hdf5 hdf5.h hdf5 hdf5/serial)   # the serial build: the parallel one is not thread-safe
