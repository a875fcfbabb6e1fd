# add_arch_kernels(TARGET <library> ARCH <80|89|90a|100f|103a> SOURCES <file.cu>...)
#
# Compiles SOURCES as an object library for one architecture and adds the objects to TARGET.
# Each fatbin holds the SASS and the PTX of its own target; the emulator executes the PTX.
# A register spill fails the build; ptxas -v prints registers, spills and shared memory.
function(add_arch_kernels)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;ARCH" "SOURCES")
  if(NOT arg_TARGET OR NOT arg_ARCH OR NOT arg_SOURCES)
    message(FATAL_ERROR "add_arch_kernels needs TARGET, ARCH and SOURCES")
  endif()
  # Several folders add kernels of one architecture to the same library.
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME folder)
  set(objects "${arg_TARGET}_${folder}_sm${arg_ARCH}")
  add_library(${objects} OBJECT ${arg_SOURCES})
  # The architecture is passed to nvcc directly: CMake 3.25 rejects family targets such as 100f
  # as a variable, and its "-virtual"/"-real" pair would compile the PTX twice.
  set_target_properties(${objects} PROPERTIES CUDA_ARCHITECTURES OFF)
  target_compile_options(${objects} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-gencode arch=compute_${arg_ARCH}$<COMMA>code=[sm_${arg_ARCH}$<COMMA>compute_${arg_ARCH}]>"
    "$<$<COMPILE_LANGUAGE:CUDA>:-lineinfo>"
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Xptxas -v>"
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Xptxas -warn-spills>"
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Xptxas -warn-lmem-usage>"
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-Xptxas --warning-as-error>")
  target_include_directories(${objects} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${objects} PRIVATE rackproof::warnings rackproof::runtime)
  target_sources(${arg_TARGET} PRIVATE $<TARGET_OBJECTS:${objects}>)
endfunction()
