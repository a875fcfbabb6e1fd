# Host code only: device code is checked by the emulator (and by compute-sanitizer on a GPU).
if(RACKPROOF_SANITIZE)
  add_compile_options(
    "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${RACKPROOF_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
  add_link_options("-fsanitize=${RACKPROOF_SANITIZE}")
endif()
