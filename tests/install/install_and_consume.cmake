# Run by ctest as a script; fails where a step fails.
function(run)
  list(JOIN ARGN " " words)
  message(STATUS "${words}")
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "exit ${status}: ${words}")
  endif()
endfunction()

file(REMOVE_RECURSE ${scratch})
run(${CMAKE_COMMAND} --install ${build} --prefix ${scratch}/installed)
# The staging folder moves before it is used: nothing in it may hold an absolute path.
file(RENAME ${scratch}/installed ${scratch}/moved)
foreach(project consumer examples)
  run(${CMAKE_COMMAND} -S ${${project}} -B ${scratch}/${project} -G ${generator}
    -D CMAKE_BUILD_TYPE=${build_type} -D CMAKE_CXX_FLAGS=${flags} -D CMAKE_PREFIX_PATH=${scratch}/moved)
  run(${CMAKE_COMMAND} --build ${scratch}/${project})
endforeach()
run(${CMAKE_COMMAND} -E chdir ${scratch} ${scratch}/consumer/consumer)
run(${support}/expect_output.sh ${examples}/data_parallel.1.txt ${scratch}/examples/data_parallel)
set(data ${scratch}/moved/share/tokenwerk)
run(${scratch}/moved/bin/tokenwerk train ${data}/examples/llama3-405b.toml --check --ranks 10240)
run(bash -n ${data}/slurm/srun.sbatch)
