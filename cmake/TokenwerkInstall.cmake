# Installs the program, the libraries with their headers, and a package: find_package(tokenwerk) gives
# tokenwerk::core, tokenwerk::parallel and tokenwerk::models. tests/install builds a consumer against it.
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/tokenwerk)
install(TARGETS tokenwerk_core tokenwerk_parallel tokenwerk_models
  EXPORT tokenwerk
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT tokenwerk
  NAMESPACE tokenwerk:: FILE tokenwerkTargets.cmake DESTINATION ${package_folder})

# Include paths are those of the repository: #include "core/tensor.h". Back ends and whatever shows a foreign header
# (mpi.h) are no interface.
foreach(folder core parallel models)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tokenwerk/${folder}
    FILES_MATCHING PATTERN "*.h" PATTERN "cpu" EXCLUDE PATTERN "cuda" EXCLUDE
    PATTERN "mpi_check.h" EXCLUDE PATTERN "operation.h" EXCLUDE PATTERN "mpi_communicator.h" EXCLUDE
    PATTERN "nccl_*.h" EXCLUDE)
endforeach()

configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/tokenwerkConfig.cmake.in ${PROJECT_BINARY_DIR}/package/tokenwerkConfig.cmake
  INSTALL_DESTINATION ${package_folder} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/tokenwerkConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/package/tokenwerkConfig.cmake
  ${PROJECT_BINARY_DIR}/package/tokenwerkConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/TokenwerkForeign.cmake
  DESTINATION ${package_folder})
