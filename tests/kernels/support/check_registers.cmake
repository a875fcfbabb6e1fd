# Compiles the compute_<ARCH> PTX of SOURCE for the newer devices of the list, as their drivers would,
# and fails on a spill or on local memory.
set(targets "")
foreach(arch IN ITEMS 90 100 103)
  list(APPEND targets -gencode "arch=compute_${ARCH},code=sm_${arch}")
endforeach()
cmake_path(GET SOURCE STEM name)
set(fatbin "${WORK_DIR}/${name}_registers.fatbin")
execute_process(
  COMMAND "${NVCC}" -std=c++20 "-I${SOURCE_DIR}" ${targets} -fatbin
          -Xptxas -v,-warn-spills,-warn-lmem-usage,--warning-as-error
          -o "${fatbin}" "${SOURCE_DIR}/${SOURCE}"
  RESULT_VARIABLE failed ERROR_VARIABLE log OUTPUT_VARIABLE log)
file(REMOVE "${fatbin}")
message("${log}")
if(failed)
  message(FATAL_ERROR "${SOURCE} does not fit the registers of every newer device")
endif()
