# Everything foreign, found once; nothing is downloaded. cmake/debian-packages.txt lists the Debian packages.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
set(MPI_CXX_SKIP_MPICXX TRUE) # the C interface is all we use
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)

include(${CMAKE_CURRENT_LIST_DIR}/TokenwerkForeign.cmake)
if(TOKENWERK_MISSING)
  message(FATAL_ERROR "${TOKENWERK_MISSING}cmake/debian-packages.txt lists the packages.")
endif()
