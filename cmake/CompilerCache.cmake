# ccache makes a rebuild after a branch switch or a clean free; nothing depends on it.
find_program(RACKPROOF_CCACHE ccache)
mark_as_advanced(RACKPROOF_CCACHE)
if(RACKPROOF_CCACHE)
  # Without this ccache does not cache what uses a precompiled header.
  set(launcher "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      "${RACKPROOF_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${launcher}" CACHE STRING "C++ compiler launcher")
  set(CMAKE_CUDA_COMPILER_LAUNCHER "${RACKPROOF_CCACHE}" CACHE STRING "CUDA compiler launcher")
endif()
