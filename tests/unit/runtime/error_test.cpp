#include "runtime/error.hpp"

#include "runtime/event.hpp"
#include "runtime/stream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

namespace rackproof::runtime {
namespace {

TEST(CudaErrorTest, NamesFileLineErrorTextAndExpression) {
  try {
    RACKPROOF_CUDA(cudaErrorInvalidValue);
    FAIL() << "the macro must throw";
  } catch (const CudaError& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), cudaErrorInvalidValue);
    EXPECT_NE(text.find("error_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("cudaErrorInvalidValue"), std::string::npos) << text;
    EXPECT_NE(text.find("invalid argument"), std::string::npos) << text;
    EXPECT_NE(text.find("returned"), std::string::npos) << text;
  }
}

TEST(CudaErrorTest, SuccessDoesNotThrow) {
  EXPECT_NO_THROW(RACKPROOF_CUDA(cudaSuccess));
}

TEST(CudaErrorTest, TheNoexceptFormReportsAndGoesOn) {
  testing::internal::CaptureStderr();
  RACKPROOF_CUDA_NOEXCEPT(cudaErrorInvalidValue);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("cudaErrorInvalidValue"),
            std::string::npos);
}

TEST(CudaErrorTest, NotAvailableIsNotACudaError) {
  EXPECT_FALSE((std::is_base_of_v<CudaError, NotAvailable>));
}

TEST(HandleTest, HandlesMoveAndDoNotCopy) {
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<Stream>);
  EXPECT_FALSE(std::is_copy_constructible_v<Stream>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<Event>);
  EXPECT_FALSE(std::is_copy_constructible_v<Event>);
}

}  // namespace
}  // namespace rackproof::runtime
