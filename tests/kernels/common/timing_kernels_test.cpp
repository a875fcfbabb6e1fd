#include "kernels/common/timing_kernels.hpp"

#include "runtime/event.hpp"
#include "runtime/stream.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels {
namespace {

double delayed_s(double seconds) {
  const runtime::Stream stream;
  runtime::Event start;
  runtime::Event stop;
  start.record(stream.get());
  enqueue_delay(stream.get(), seconds);
  stop.record(stream.get());
  stream.synchronize();
  return elapsed_s(start, stop);
}

TEST(Delay, GrowsWithWhatIsAskedFor) {
  EXPECT_GT(delayed_s(0), 0);
  EXPECT_GT(delayed_s(200e-6), 4 * delayed_s(20e-6));
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
