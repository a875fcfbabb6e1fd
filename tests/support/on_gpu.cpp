// on_gpu PROGRAM [ARGUMENT...]: becomes PROGRAM where there is a GPU; else says why not and ends
// with 77, CTest's code for a skipped test.

#include <cuda_runtime_api.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: on_gpu PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    constexpr int kSkipped = 77;
    std::printf("skipped: no GPU here (%s)\n",
                error != cudaSuccess ? cudaGetErrorString(error) : "the driver lists none");
    return kSkipped;
  }
  execv(argv[1], argv + 1);
  std::fprintf(stderr, "cannot start %s: %s\n", argv[1], std::strerror(errno));
  return 1;
}
