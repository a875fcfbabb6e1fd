#include "kernels/common/library_baseline.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels {
namespace {

TEST(LibraryBaseline, IsRefusedOnADeviceThatIsNoGpu) {
  const std::optional<NotSupported> reason = device_is_not_a_gpu();
  ASSERT_TRUE(reason.has_value());
  EXPECT_NE(reason->reason.find("runs on a GPU only"), std::string::npos) << reason->reason;
}

TEST(SharedLibrary, TakesTheFirstThatIsFound) {
  const SharedLibrary library{"librackproof-none.so", "libm.so.6"};
  ASSERT_TRUE(static_cast<bool>(library)) << library.error();
  EXPECT_NE(library.symbol("cos"), nullptr);
  EXPECT_EQ(library.symbol("rackproof_none"), nullptr);
}

TEST(SharedLibrary, KeepsTheLoadersMessage) {
  const SharedLibrary library{"librackproof-none.so"};
  EXPECT_FALSE(static_cast<bool>(library));
  EXPECT_NE(library.error().find("librackproof-none.so"), std::string::npos);
}

}  // namespace
}  // namespace rackproof::kernels
