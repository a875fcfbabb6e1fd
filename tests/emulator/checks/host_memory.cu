// What the program's own code does to managed and pinned memory while devices are at work.
#include "tests/emulator/checks/planted.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace {

constexpr int kWords = 4096;

__global__ void count_up(int* words) {
  for (int i = threadIdx.x; i < kWords; i += blockDim.x) {
    words[i] += i;
  }
}
__global__ void copy_first(const int* from, int* to) {
  to[threadIdx.x] = from[threadIdx.x];
}
template <bool kFences>
__global__ void message(int* data, int* flag) {
  *data = 7;
  if (kFences) {
    __threadfence_system();
  }
  *static_cast<volatile int*>(flag) = 1;
}

int* managed() {
  int* words = nullptr;
  cudaMallocManaged(&words, kWords * sizeof(int));
  return words;
}
int read(const int* word) {
  return *static_cast<const volatile int*>(word);
}
void write(int* word, int value) {
  *static_cast<volatile int*>(word) = value;
}

void read_without_waiting(bool is_correct, int*) {
  int* const words = managed();
  count_up<<<1, 256>>>(words);
  if (is_correct) {
    cudaDeviceSynchronize();
  }
  read(&words[kWords - 1]);
}
// By then the kernel has ended, but nothing told the host so.
void read_after_sleeping(bool is_correct, int*) {
  int* const words = managed();
  count_up<<<1, 256>>>(words);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  if (is_correct) {
    cudaStreamSynchronize(nullptr);
  }
  read(&words[1]);
}
void write_while_read(bool is_correct, int* memory) {
  int* const words = managed();
  write(&words[0], 1);
  copy_first<<<1, 64>>>(words, memory);
  write(&words[is_correct ? 64 : 63], 2);  // the kernel reads 64 words
}
void waits_for_another_stream(bool is_correct, int*) {
  int* const words = managed();
  cudaStream_t streams[2];
  for (cudaStream_t& stream : streams) {
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  }
  count_up<<<1, 256, 0, streams[0]>>>(words);
  cudaStreamSynchronize(streams[is_correct ? 0 : 1]);
  read(&words[5]);
}
void waits_for_the_event_before(bool is_correct, int*) {
  int* const words = managed();
  cudaEvent_t event = nullptr;
  cudaEventCreate(&event);
  if (!is_correct) {
    cudaEventRecord(event);
  }
  count_up<<<1, 256>>>(words);
  if (is_correct) {
    cudaEventRecord(event);
  }
  while (cudaEventQuery(event) == cudaErrorNotReady) {
  }
  read(&words[kWords - 1]);
}
void copy_not_awaited(bool is_correct, int* memory) {
  int* const words = managed();
  cudaMemcpyAsync(words, memory, 256, cudaMemcpyDefault);
  if (is_correct) {
    cudaStreamSynchronize(nullptr);
  }
  read(&words[0]);
}
int* pinned() {
  int* words = nullptr;
  cudaMallocHost(&words, kWords * sizeof(int));
  return words;
}
void result_copied_not_awaited(bool is_correct, int* memory) {
  int* const words = pinned();
  count_up<<<1, 256>>>(memory);
  cudaMemcpyAsync(words, memory, kWords * sizeof(int), cudaMemcpyDeviceToHost);
  if (is_correct) {
    cudaStreamSynchronize(nullptr);
  }
  read(&words[9]);
}
// The source may be read, and so may other words be written.
void source_overwritten(bool is_correct, int* memory) {
  int* const words = pinned();
  write(&words[0], 1);
  count_up<<<1, 256>>>(memory);
  cudaMemcpyAsync(memory, words, kWords * sizeof(int) / 2, cudaMemcpyHostToDevice);
  read(&words[0]);
  write(&words[is_correct ? kWords / 2 : kWords / 2 - 1], 2);
}
void small_result_not_awaited(bool is_correct, int* memory) {
  int* word = nullptr;
  cudaMallocHost(&word, sizeof(int));
  cudaMemcpyAsync(word, memory, sizeof(int), cudaMemcpyDeviceToHost);
  if (is_correct) {
    cudaDeviceSynchronize();
  }
  read(word);
}
void message_to_host_without_fence(bool is_correct, int*) {
  int* const words = managed();
  int* const flag = managed();
  void (*const kernel)(int*, int*) = is_correct ? message<true> : message<false>;
  kernel<<<1, 1>>>(words, flag);
  while (read(flag) == 0) {
  }
  read(words);
}
// The host may learn from a function in the stream that work is done.
void function_before_the_kernel(bool is_correct, int*) {
  static std::atomic<bool> is_done;
  is_done = false;
  int* const words = managed();
  const auto tell = [](void*) { is_done = true; };
  if (!is_correct) {
    cudaLaunchHostFunc(nullptr, tell, nullptr);
  }
  count_up<<<1, 256>>>(words);
  if (is_correct) {
    cudaLaunchHostFunc(nullptr, tell, nullptr);
  }
  while (!is_done) {
  }
  read(&words[2]);
}
// The device is synchronised, though its stream has gone.
void stream_destroyed(bool is_correct, int*) {
  int* const words = managed();
  cudaStream_t stream = nullptr;
  cudaStreamCreate(&stream);
  count_up<<<1, 256, 0, stream>>>(words);
  cudaStreamDestroy(stream);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it is gone by then
  if (is_correct) {
    cudaDeviceSynchronize();
  }
  read(&words[3]);
}

}  // namespace

namespace rackproof::test {

const std::vector<Planted>& host_memory_faults() {
  static constexpr const char* kRead = "host's read of managed memory";
  static constexpr const char* kPinnedRead = "host's read of pinned memory";
  constexpr int kAttempts = 20;
  static const std::vector<Planted> faults = {
      {"host_reads_without_waiting", "managed memory read while a kernel writes it", kRead,
       read_without_waiting, false, kAttempts},
      {"host_sleeps_instead_of_waiting",
       "managed memory read after the kernel, but not synchronised", kRead, read_after_sleeping,
       false, kAttempts},
      {"host_writes_what_a_kernel_reads", "managed memory written while a kernel reads it",
       "host's write of managed memory", write_while_read, false, kAttempts},
      {"host_waits_for_another_stream",
       "the wrong stream is synchronised before managed memory is read", kRead,
       waits_for_another_stream, false, kAttempts},
      {"host_waits_for_an_earlier_event", "event recorded before the kernel whose results are read",
       kRead, waits_for_the_event_before, false, kAttempts},
      {"host_does_not_await_a_copy",
       "managed memory read before an asynchronous copy to it is done", kRead, copy_not_awaited,
       false, kAttempts},
      {"host_does_not_await_a_result",
       "pinned memory read before the copy of a result to it is done", kPinnedRead,
       result_copied_not_awaited, false, kAttempts},
      {"host_does_not_await_a_small_result", "one pinned word read before the copy to it is done",
       kPinnedRead, small_result_not_awaited, false, kAttempts},
      {"host_overwrites_the_source_of_a_copy",
       "pinned memory written while an asynchronous copy may read it",
       "host's write of pinned memory", source_overwritten, false, kAttempts},
      {"message_to_host_without_fence", "flag for the host raised without a fence before it",
       nullptr, message_to_host_without_fence, false},
      {"host_function_before_the_kernel",
       "host function that stands before the kernel tells the host", kRead,
       function_before_the_kernel, false, kAttempts},
      {"host_destroys_the_stream", "stream destroyed and not waited for", kRead, stream_destroyed,
       false, kAttempts},
  };
  return faults;
}

}  // namespace rackproof::test
