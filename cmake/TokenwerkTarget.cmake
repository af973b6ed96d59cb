# What every target of the project has in common: include root, warnings, arithmetic.

# Header-only target that carries the common properties.
add_library(tokenwerk_common INTERFACE)
target_compile_features(tokenwerk_common INTERFACE cxx_std_20)
set(options
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> # false alarms on string concatenation (GCC bug 105651)
  -ffp-contract=off # sums and products round as written: bits must not depend on the compiler's mood
  $<$<BOOL:${TOKENWERK_WERROR}>:-Werror>)
target_compile_options(tokenwerk_common INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${options}>")

# tokenwerk_folder(NAME SHARED|STATIC SOURCES... ) makes the library of one folder of the house, tokenwerk::NAME. Shared
# are those that a device's module needs as well as the program that opens it: one copy of them in a process.
# Include paths begin at the root of the repository: #include "core/tensor.h".
function(tokenwerk_folder name kind)
  add_library(tokenwerk_${name} ${kind} ${ARGN})
  add_library(tokenwerk::${name} ALIAS tokenwerk_${name})
  set_target_properties(tokenwerk_${name} PROPERTIES
    EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON INSTALL_RPATH "\$ORIGIN"
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_include_directories(tokenwerk_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/tokenwerk>)
  target_link_libraries(tokenwerk_${name} PRIVATE $<BUILD_INTERFACE:tokenwerk_common>)
  target_compile_features(tokenwerk_${name} PUBLIC cxx_std_20)
  # What nearly every source includes, parsed once. The test preset goes without, so that each file still includes what
  # it uses.
  target_precompile_headers(tokenwerk_${name} PRIVATE
    <fmt/core.h> <algorithm> <filesystem> <functional> <memory> <optional> <span> <string> <vector>)
endfunction()
