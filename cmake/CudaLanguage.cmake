# CMake 3.25 has no C++20 dialect for nvcc 13; newer versions do and skip this block.
if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)

# Shared: the loader's library path decides between NVIDIA's runtime and the emulator's.
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)

if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13.0)
  message(FATAL_ERROR "Rackproof needs nvcc >= 13.0, found ${CMAKE_CUDA_COMPILER_VERSION} at "
                      "${CMAKE_CUDA_COMPILER}. Run ./run once: it fetches a toolkit into .deps/.")
endif()

# A run path that LD_LIBRARY_PATH overrides; older linkers default to the opposite.
add_link_options("LINKER:--enable-new-dtags")
