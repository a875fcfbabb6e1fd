# Compiles the compute_80 PTX of the portable kernel for ARCH, as the driver would, and fails on a
# spill or on local memory.
set(cubin "${WORK_DIR}/attention_sm80_on_${ARCH}.cubin")
execute_process(
  COMMAND "${NVCC}" -std=c++20 "-I${SOURCE_DIR}" -gencode "arch=compute_80,code=sm_${ARCH}" -cubin
          -Xptxas -v,-warn-spills,-warn-lmem-usage,--warning-as-error
          -o "${cubin}" "${SOURCE_DIR}/kernels/attention/attention_sm80.cu"
  RESULT_VARIABLE failed ERROR_VARIABLE log OUTPUT_VARIABLE log)
file(REMOVE "${cubin}")
message("${log}")
if(failed)
  message(FATAL_ERROR "the portable attention kernel does not fit the registers of sm_${ARCH}")
endif()
