# The CUDA back end, a module that the program opens when it is asked for. TOKENWERK_CUDA: AUTO builds it where nvcc,
# cuBLASLt, cuDNN and NCCL are found, ON fails naming what is missing, OFF leaves it out.
set(TOKENWERK_CUDA AUTO CACHE STRING "Build the CUDA back end: AUTO, ON or OFF")
set_property(CACHE TOKENWERK_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT TOKENWERK_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "TOKENWERK_CUDA is \"${TOKENWERK_CUDA}\"; it may be AUTO, ON or OFF")
endif()
set(TOKENWERK_CUDA_ARCHITECTURES "80;90;100;120" CACHE STRING "GPU architectures; the last one's PTX comes with them")

# Sets TOKENWERK_CUDA_MISSING to what is not there.
macro(tokenwerk_find_cuda)
  set(TOKENWERK_CUDA_MISSING "")
  if(NOT CMAKE_CUDA_COMPILER)
    find_program(TOKENWERK_NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
    mark_as_advanced(TOKENWERK_NVCC)
    if(TOKENWERK_NVCC)
      set(CMAKE_CUDA_COMPILER ${TOKENWERK_NVCC})
    endif()
  endif()
  if(CMAKE_CUDA_COMPILER)
    # Static or shared is said for each target; without architectures CMake would guess one.
    set(CMAKE_CUDA_ARCHITECTURES OFF)
    enable_language(CUDA)
    # CMake 3.25 does not know nvcc's switch for C++20.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    find_package(CUDAToolkit QUIET)
    list(APPEND CMAKE_MODULE_PATH ${PROJECT_SOURCE_DIR}/cmake)
    find_package(CUDNN 9 QUIET)
    find_package(NCCL 2.23 QUIET)
    foreach(target CUDA::cudart CUDA::cublasLt CUDNN::cudnn NCCL::nccl)
      if(NOT TARGET ${target})
        list(APPEND TOKENWERK_CUDA_MISSING ${target})
      endif()
    endforeach()
  else()
    set(TOKENWERK_CUDA_MISSING nvcc)
  endif()
endmacro()

set(TOKENWERK_HAS_CUDA OFF)
if(NOT TOKENWERK_CUDA STREQUAL OFF)
  tokenwerk_find_cuda()
  if(NOT TOKENWERK_CUDA_MISSING)
    set(TOKENWERK_HAS_CUDA ON)
    message(STATUS "CUDA back end: nvcc ${CMAKE_CUDA_COMPILER_VERSION}, cuDNN ${CUDNN_VERSION}, NCCL ${NCCL_VERSION}, "
      "architectures ${TOKENWERK_CUDA_ARCHITECTURES}")
  elseif(TOKENWERK_CUDA STREQUAL ON)
    list(JOIN TOKENWERK_CUDA_MISSING ", " missing)
    message(FATAL_ERROR "TOKENWERK_CUDA=ON, not found: ${missing}. CUDA_HOME, CUDNN_HOME and NCCL_HOME say where to look")
  else()
    message(STATUS "CUDA back end: left out, not found: ${TOKENWERK_CUDA_MISSING}")
  endif()
endif()

# What of the back end the host compiler reads, once for all libraries of it.
function(tokenwerk_cuda_host_objects)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/cuda/*.cpp
    ${PROJECT_SOURCE_DIR}/parallel/comm/nccl_communicator.cpp ${PROJECT_SOURCE_DIR}/parallel/comm/nccl_watchdog.cpp)
  add_library(tokenwerk_cuda_host OBJECT ${sources})
  set_target_properties(tokenwerk_cuda_host PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(tokenwerk_cuda_host SYSTEM PRIVATE
    ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR} ${NCCL_INCLUDE_DIR})
  target_link_libraries(tokenwerk_cuda_host PRIVATE tokenwerk::parallel tokenwerk_common)
endfunction()

# tokenwerk_cuda_library(NAME KIND GENCODE...): a library of all sources of the back end, its kernels compiled for what
# the flags say. Whoever calls links the runtime, cuBLASLt, cuDNN and NCCL, the real ones or others with their symbols.
function(tokenwerk_cuda_library name kind)
  file(GLOB_RECURSE kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/cuda/*.cu)
  add_library(${name} ${kind} ${kernels} $<TARGET_OBJECTS:tokenwerk_cuda_host>)
  # A product and a sum round once only where the code says so: packs, tails and windows then have the same bits.
  set(options -fmad=false --expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra,-Wshadow ${ARGN})
  target_compile_options(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${options}>")
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON CUDA_RUNTIME_LIBRARY None
    INSTALL_RPATH "\$ORIGIN" INSTALL_RPATH_USE_LINK_PATH ON) # the toolkit's libraries need not be the loader's
  target_link_libraries(${name} PUBLIC tokenwerk::parallel PRIVATE tokenwerk_common)
endfunction()

# The one that ships. The runtime is linked in; the driver's own library never is: the program must start without one.
function(tokenwerk_cuda_module)
  set(gencode "")
  foreach(architecture ${TOKENWERK_CUDA_ARCHITECTURES})
    list(APPEND gencode "-gencode=arch=compute_${architecture},code=sm_${architecture}")
  endforeach()
  list(GET TOKENWERK_CUDA_ARCHITECTURES -1 last)
  list(APPEND gencode "-gencode=arch=compute_${last},code=compute_${last}")
  # A kernel that spills, or keeps anything else in local memory, fails the build; the message names it.
  list(APPEND gencode -Xptxas=--warn-on-spills,--warn-on-local-memory-usage,--warning-as-error)
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12.8)
    list(APPEND gencode --compress-mode=size) # a quarter of the default's bytes; read by drivers of CUDA 12.4 and later
  endif()
  tokenwerk_cuda_library(tokenwerk_cuda SHARED ${gencode})
  set_target_properties(tokenwerk_cuda PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY $<TARGET_FILE_DIR:tokenwerk_core>) # where the program looks: beside tokenwerk's own library
  target_link_libraries(tokenwerk_cuda PRIVATE CUDA::cudart_static CUDA::cublasLt CUDNN::cudnn NCCL::nccl)
  install(TARGETS tokenwerk_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

if(TOKENWERK_HAS_CUDA)
  tokenwerk_cuda_host_objects()
  tokenwerk_cuda_module()
endif()
