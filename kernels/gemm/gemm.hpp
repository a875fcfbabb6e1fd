#pragma once
/// GEMM: D = alpha * A * B + beta * C.
///
/// Layouts ("TN" in BLAS terms, as in torch.nn.Linear with x = A and weight = B):
///   A  M x K, row-major: A[m][k] at a + m * lda + k
///   B  stored as N x K row-major ("K-major"): B[n][k] at b + n * ldb + k; the product uses its
///      transpose
///   C, D  M x N, row-major and dense (row n+1 follows row n without a gap)
/// lda and ldb are K rounded up to 16 bytes, so that every row starts on a 16-byte boundary; the
/// padding is never read. Any M, N, K >= 1 (int8: K <= kLargestInt8K).
///
///   A, B                 C, D   in between
///   bf16, fp16           same   exact products, fp32 sums, rounded once at the end
///   fp8_e4m3, fp8_e5m2   bf16   the same; A and B have one format
///   tf32                 fp32   the same; the low 13 bits of A and B are 0 and not read
///   fp32, fp64           same   fused multiply-adds
///   int8                 int32  exact; alpha is 1, beta 0 or 1
///   mxfp8, mxfp4, nvfp4  bf16   exact products of elements and their scales, fp32 sums; K is a
///                               multiple of 32; scales as kernels/common/block_scale.hpp has them

#include "kernels/common/element_type.hpp"
#include "kernels/operation.hpp"

namespace rackproof::kernels::gemm {

struct GemmShape {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
};

/// 2^14 is the largest product, so that every sum of K of them and an element of C (inputs: -128 to
/// 127) stays below 2^31.
inline constexpr std::int64_t kLargestInt8K = (std::int64_t{1} << 17) - 1;

/// What C and D hold if A and B hold `operand`. Throws ParamError naming "type" if no GEMM
/// multiplies that type.
[[nodiscard]] ElementType result_type_of(ElementType operand);

/// Bytes of an element of A or B with its share of a scale: 0.5625 in nvfp4.
[[nodiscard]] double operand_bytes(ElementType operand);

/// The scalars of the definition. beta = 0 means that C does not exist.
struct GemmScalars {
  float alpha = 1.0F;
  float beta = 0.0F;
};

class GemmProblem final : public Problem {
 public:
  /// Throws ParamError naming "type", "m", "n", "k", "alpha" or "beta" if it is out of range.
  GemmProblem(ElementType type, GemmShape shape, GemmScalars scalars = {});

  [[nodiscard]] ElementType type() const { return type_; }  ///< of A and B
  [[nodiscard]] ElementType result_type() const { return result_type_; }
  [[nodiscard]] const GemmShape& shape() const { return shape_; }
  [[nodiscard]] const GemmScalars& scalars() const { return scalars_; }
  [[nodiscard]] bool has_c() const { return scalars_.beta != 0.0F; }
  /// Elements between rows of A and of B.
  [[nodiscard]] std::int64_t leading_dimension() const;

  /// "gemm/bf16/m8192n8192k8192", then "/alpha<x>" and "/beta<x>" unless they are 1 and 0.
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] ParamMap params() const override;
  /// flops 2MNK (a multiply-add is 2, of integers too; alpha and beta are not counted), bytes of
  /// MK + NK operands and of MN results (and MN more for C).
  [[nodiscard]] Work work() const override;
  [[nodiscard]] ThroughputUnit unit() const override {
    return is_integer(type_) ? ThroughputUnit::tops : ThroughputUnit::tflops;
  }
  [[nodiscard]] std::string_view peak() const override;
  /// One buffer set; rotated sets add at most PrepareOptions::rotate_beyond_bytes.
  [[nodiscard]] std::uint64_t footprint_bytes() const override;

 private:
  ElementType type_;
  ElementType result_type_;
  GemmShape shape_;
  GemmScalars scalars_;
};

/// Requests: {"shape": "square_waves" | "explicit" | "model_layer" | "memory_share", "type": ...};
/// README.md lists their keys.
[[nodiscard]] const Operation& gemm_operation();

}  // namespace rackproof::kernels::gemm
