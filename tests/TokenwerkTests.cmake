# tokenwerk_tests(NAME LABEL PATTERN... LIBRARIES ...) makes one gtest program of all files that match, but for those of
# several processes (*_dist_test.cpp), and registers each of its tests with ctest under the label, but for suites that are
# named Long.
function(tokenwerk_tests name label)
  cmake_parse_arguments(ARG "" "" "PATTERNS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARG_PATTERNS})
  list(FILTER sources EXCLUDE REGEX "_dist_test\\.cpp$")
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} tokenwerk_test_support GTest::gtest GTest::gtest_main tokenwerk_common)
  target_compile_definitions(${name} PRIVATE TW_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}")
  gtest_discover_tests(${name} TEST_PREFIX ${label}. TEST_FILTER -Long* PROPERTIES LABELS ${label} TIMEOUT 600 DISCOVERY_TIMEOUT 60)
endfunction()

# tokenwerk_mpi_tests(NAME RANKS ... PATTERNS ... LIBRARIES ...) makes one gtest program of all files that
# match, with tests/support/mpi_main.cpp, and registers it with ctest once per rank count, label dist.
function(tokenwerk_mpi_tests name)
  cmake_parse_arguments(ARG "" "" "RANKS;PATTERNS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARG_PATTERNS})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/support/mpi_main.cpp ${sources})
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} tokenwerk_test_support GTest::gtest tokenwerk_common)
  foreach(ranks ${ARG_RANKS})
    tokenwerk_mpi_test(${name}_${ranks}_ranks ${ranks} COMMAND ${name})
  endforeach()
endfunction()

# tokenwerk_mpi_test(NAME RANKS COMMAND TARGET ARGUMENTS... ENVIRONMENT A=B... EXIT CODE | OUTPUT FILE) registers one run
# under mpirun, which must end with the code, or well and write exactly what stands in the file.
# More ranks than cores: ranks give way while they wait, and none is bound.
function(tokenwerk_mpi_test name ranks)
  cmake_parse_arguments(ARG "" "EXIT;OUTPUT" "COMMAND;ENVIRONMENT" ${ARGN})
  if(DEFINED ARG_EXIT)
    set(expect ${PROJECT_SOURCE_DIR}/tests/support/expect_exit.sh ${ARG_EXIT})
  elseif(DEFINED ARG_OUTPUT)
    set(expect ${PROJECT_SOURCE_DIR}/tests/support/expect_output.sh ${ARG_OUTPUT})
  endif()
  list(POP_FRONT ARG_COMMAND target)
  add_test(NAME dist.${name} COMMAND ${expect} ${MPIEXEC_EXECUTABLE} --oversubscribe --bind-to none
    ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:${target}> ${ARG_COMMAND})
  set(environment OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
    OMPI_MCA_btl_vader_single_copy_mechanism=none OMP_NUM_THREADS=1 ${ARG_ENVIRONMENT})
  set_tests_properties(dist.${name} PROPERTIES LABELS dist TIMEOUT 600 PROCESSORS 2 ENVIRONMENT "${environment}")
endfunction()

# tokenwerk_test_objects(NAME SOURCES... LIBRARIES ...): NAME_test_objects, for tests that run on several devices, each of
# which has a program of its own (tests/gpu).
function(tokenwerk_test_objects name)
  cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
  add_library(${name}_test_objects OBJECT ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name}_test_objects PRIVATE ${ARG_LIBRARIES} tokenwerk_test_support GTest::gtest tokenwerk_common)
endfunction()

include(GoogleTest)

file(GLOB support_sources CONFIGURE_DEPENDS support/*.cpp)
list(FILTER support_sources EXCLUDE REGEX "_main\\.cpp$")
if(support_sources)
  add_library(tokenwerk_test_support STATIC ${support_sources})
  target_link_libraries(tokenwerk_test_support PUBLIC tokenwerk::core GTest::gtest nlohmann_json::nlohmann_json
    OpenMP::OpenMP_CXX tokenwerk_common)
  # Test programs are compiled more often than they are run: in two thirds of the time.
  target_compile_options(tokenwerk_test_support PUBLIC $<$<CONFIG:Release>:-O1>)
else()
  add_library(tokenwerk_test_support INTERFACE)
endif()

# Products of a fixed order are the cpu device's alone.
file(GLOB ops_sources CONFIGURE_DEPENDS core/ops/*_test.cpp)
list(FILTER ops_sources EXCLUDE REGEX "/fixed_product_test")
tokenwerk_test_objects(ops ${ops_sources} LIBRARIES tokenwerk::core)
file(GLOB nn_sources CONFIGURE_DEPENDS core/nn/*_test.cpp)
tokenwerk_test_objects(nn ${nn_sources} LIBRARIES tokenwerk::core)
# Gradients of a fixed order, too, are the cpu device's alone: their exchanges go to ranks that nothing connects.
file(GLOB parallel_sources CONFIGURE_DEPENDS parallel/data/*_test.cpp)
list(FILTER parallel_sources EXCLUDE REGEX "/(ordered_gradients|sum_tree)_test")
tokenwerk_test_objects(parallel ${parallel_sources} parallel/comm/communicator_test.cpp LIBRARIES tokenwerk::parallel)

set_source_files_properties(core/cpu/simd_math_test.cpp PROPERTIES COMPILE_OPTIONS -Wno-psabi) # vectors stay inside
tokenwerk_tests(ops_tests device PATTERNS core/ops/fixed_product_test.cpp core/cpu/*_test.cpp
  LIBRARIES ops_test_objects tokenwerk::core)
tokenwerk_tests(nn_tests unit PATTERNS core/optimizer/*_test.cpp LIBRARIES nn_test_objects tokenwerk::core)
tokenwerk_tests(data_tests unit
  PATTERNS core/log_test.cpp core/tensor_test.cpp core/trace_test.cpp core/simulated/*_test.cpp core/data/*_test.cpp
  LIBRARIES tokenwerk::core PkgConfig::SENTENCEPIECE)
tokenwerk_tests(checkpoint_tests unit PATTERNS parallel/checkpoint/*.cpp LIBRARIES tokenwerk::parallel)
add_test(NAME unit.damaged_checkpoints_long
  COMMAND checkpoint_tests --gtest_also_run_disabled_tests --gtest_filter=*DISABLED_NeverLoadInAThousandForms)
set_tests_properties(unit.damaged_checkpoints_long PROPERTIES LABELS "unit;long" TIMEOUT 600)
tokenwerk_tests(models_tests unit PATTERNS models/*_test.cpp LIBRARIES tokenwerk::models)

# The real program under the real mpirun: each test runs it several times.
target_compile_definitions(tokenwerk_test_support PRIVATE TW_PROGRAM="$<TARGET_FILE:tokenwerk>")
tokenwerk_tests(train_tests train PATTERNS train/*_test.cpp LIBRARIES tokenwerk::core GTest::gmock)
add_dependencies(train_tests tokenwerk)
add_test(NAME train.damaged_checkpoints_long
  COMMAND train_tests --gtest_also_run_disabled_tests --gtest_filter=*DISABLED_NeverInAThousandForms)
set_tests_properties(train.damaged_checkpoints_long PROPERTIES LABELS "train;long" TIMEOUT 3600)
add_test(NAME train.suites_long COMMAND train_tests --gtest_filter=Long*)
set_tests_properties(train.suites_long PROPERTIES LABELS "train;long" TIMEOUT 1200 PROCESSORS 2)
add_test(NAME train.chaos_long
  COMMAND train_tests --gtest_also_run_disabled_tests --gtest_filter=*DISABLED_AHundredKillsChangeNoBit)
set_tests_properties(train.chaos_long PROPERTIES LABELS "train;long" TIMEOUT 3600 PROCESSORS 2)
add_test(NAME train.quickstart COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/train/quickstart.sh ${PROJECT_SOURCE_DIR} $<TARGET_FILE:tokenwerk>)
set_tests_properties(train.quickstart PROPERTIES LABELS train TIMEOUT 600 PROCESSORS 2)

# Every parallelism against one rank, whose runs the tests of one process share. What is named Long runs with the label
# long beside train.
file(GLOB layouts_sources CONFIGURE_DEPENDS parallel/layouts/*.cpp)
add_executable(layouts_tests ${layouts_sources})
target_link_libraries(layouts_tests PRIVATE tokenwerk::parallel tokenwerk_test_support GTest::gtest GTest::gtest_main tokenwerk_common)
add_dependencies(layouts_tests tokenwerk)
add_test(NAME train.layouts COMMAND layouts_tests --gtest_filter=-Long*)
add_test(NAME train.layouts_long COMMAND layouts_tests --gtest_filter=Long*)
set_tests_properties(train.layouts train.layouts_long PROPERTIES LABELS train TIMEOUT 1500 PROCESSORS 2)
set_tests_properties(train.layouts_long PROPERTIES LABELS "train;long" TIMEOUT 3600)

tokenwerk_tests(launch_tests unit PATTERNS launch/*_test.cpp
  LIBRARIES tokenwerk::launch nlohmann_json::nlohmann_json GTest::gmock)
tokenwerk_mpi_tests(launch_mpi_tests RANKS 1 2 4 LIBRARIES tokenwerk::launch PATTERNS launch/*_dist_test.cpp)

tokenwerk_tests(plan_tests unit LIBRARIES tokenwerk::parallel GTest::gmock
  PATTERNS parallel/mesh_test.cpp parallel/comm/collectives_test.cpp parallel/comm/plan_player.cpp
           parallel/comm/explain_hang_test.cpp parallel/comm/hang_watchdog_test.cpp
           parallel/pipeline/*_test.cpp)
tokenwerk_mpi_tests(parallel_tests RANKS 1 2 3 4 8 LIBRARIES parallel_test_objects tokenwerk::parallel
  PATTERNS parallel/comm/clock_test.cpp parallel/comm/control_test.cpp
           parallel/comm/engine_test.cpp parallel/comm/hang_test.cpp
           parallel/data/ordered_gradients_test.cpp parallel/data/sum_tree_test.cpp parallel/tensor/*_test.cpp parallel/checkpoint/*_dist_test.cpp
           parallel/checkpoint/checkpoint_sample.cpp)
tokenwerk_mpi_test(comm_thread 2 COMMAND parallel_tests ENVIRONMENT TOKENWERK_COMM_THREAD=on)
tokenwerk_mpi_test(no_comm_thread 2 COMMAND parallel_tests ENVIRONMENT TOKENWERK_COMM_THREAD=off)
tokenwerk_mpi_test(abort 3 COMMAND parallel_tests --gtest_also_run_disabled_tests --gtest_filter=*AbortEndsEveryRank EXIT 5)
tokenwerk_mpi_test(watchdog 2 COMMAND parallel_tests --gtest_also_run_disabled_tests --gtest_filter=*NamesATestThatHangs
  ENVIRONMENT TOKENWERK_TEST_SECONDS=1)
set_tests_properties(dist.watchdog PROPERTIES
  PASS_REGULAR_EXPRESSION "rank 0: test Watchdog.DISABLED_NamesATestThatHangs still runs after 1 s")

tokenwerk_mpi_test(hang_by_mismatch 3 COMMAND parallel_tests --gtest_also_run_disabled_tests --gtest_filter=*DifferentCallsAreExplained)
set_tests_properties(dist.hang_by_mismatch PROPERTIES
  PASS_REGULAR_EXPRESSION "calls do not match over world .ranks 0-2., number 1: ranks 0-1 call all_reduce[^\n]* at tests/parallel/comm/hang_test.cpp:[0-9]+; rank 2 calls broadcast[^\n]* at tests/parallel/comm/hang_test.cpp:")
tokenwerk_mpi_test(hang_by_absence 3 EXIT 4 COMMAND parallel_tests --gtest_also_run_disabled_tests --gtest_filter=*ARankThatCallsNothingIsToldApart)
set_tests_properties(dist.hang_by_absence PROPERTIES
  PASS_REGULAR_EXPRESSION "rank 1 host [^\n]*: has not come to barrier, [^\n]* it answers, but waits for nobody.*exit code 4, wanted 4")

# Each program of examples/library, at the sizes for which its output stands beside it: data_parallel.2.txt.
file(GLOB outputs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/library/*.txt)
foreach(output ${outputs})
  if(output MATCHES "/([a-z_]+)\\.([0-9]+)\\.txt$")
    tokenwerk_mpi_test(example_${CMAKE_MATCH_1}_${CMAKE_MATCH_2}_ranks ${CMAKE_MATCH_2} OUTPUT ${output}
      COMMAND ${CMAKE_MATCH_1} ${CMAKE_CURRENT_BINARY_DIR}/examples/${CMAKE_MATCH_2})
  endif()
endforeach()
# On ranks that do not divide their sizes they say so, and all of them end.
foreach(program data_parallel tensor_parallel reshard_checkpoint)
  tokenwerk_mpi_test(example_${program}_refuses_3_ranks 3 EXIT 1 COMMAND ${program} ${CMAKE_CURRENT_BINARY_DIR}/examples/3)
  set_tests_properties(dist.example_${program}_refuses_3_ranks PROPERTIES
    PASS_REGULAR_EXPRESSION "rank [012] host [^\n]*3 [a-z ]*ranks.*exit code 1, wanted 1" FAIL_REGULAR_EXPRESSION "terminate called")
endforeach()
