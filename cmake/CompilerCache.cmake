# ccache makes a rebuild after a branch switch or a clean free; nothing depends on it.
find_program(RACKPROOF_CCACHE ccache)
mark_as_advanced(RACKPROOF_CCACHE)
if(RACKPROOF_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${RACKPROOF_CCACHE}" CACHE STRING "C++ compiler launcher")
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${RACKPROOF_CCACHE}" CACHE STRING "CUDA compiler launcher")
endif()
