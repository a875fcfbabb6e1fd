#include "kernels/common/timing_kernels.hpp"

#include "runtime/event.hpp"
#include "runtime/stream.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels {
namespace {

TEST(Delay, LastsAsLongAsAskedOnTheDevice) {
  const runtime::Stream stream;
  runtime::Event start;
  runtime::Event stop;
  constexpr double kDelay_s = 50e-6;
  start.record(stream.get());
  enqueue_delay(stream.get(), kDelay_s);
  stop.record(stream.get());
  stream.synchronize();
  EXPECT_GE(elapsed_s(start, stop), 0.9 * kDelay_s);
}

TEST(L2Flush, CoversTheCacheTwice) {
  int device = 0;
  int l2_bytes = 0;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, device));
  L2Flush flush;
  EXPECT_GE(flush.bytes(), 2 * static_cast<std::size_t>(l2_bytes));
  const runtime::Stream stream;
  flush.enqueue(stream.get());
  stream.synchronize();
}

}  // namespace
}  // namespace rackproof::kernels
