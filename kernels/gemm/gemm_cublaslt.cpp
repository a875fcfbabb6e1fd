#include "kernels/gemm/gemm_cublaslt.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/common/library_baseline.hpp"
#include "kernels/gemm/gemm_buffers.hpp"

#include <cublasLt.h>

namespace rackproof::kernels::gemm {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

/// The functions that this file calls, found by name: nothing links cuBLASLt.
struct CublasLt {
  SharedLibrary library{"libcublasLt.so.13", "libcublasLt.so.12"};

  template <typename Function>
  Function find(const char* name) const {
    return reinterpret_cast<Function>(library ? library.symbol(name) : nullptr);
  }
#define RACKPROOF_CUBLASLT(name) \
  decltype(&cublasLt##name) name = find<decltype(&cublasLt##name)>("cublasLt" #name)
  RACKPROOF_CUBLASLT(Create);
  RACKPROOF_CUBLASLT(Destroy);
  RACKPROOF_CUBLASLT(GetVersion);
  RACKPROOF_CUBLASLT(MatmulDescCreate);
  RACKPROOF_CUBLASLT(MatmulDescDestroy);
  RACKPROOF_CUBLASLT(MatmulDescSetAttribute);
  RACKPROOF_CUBLASLT(MatrixLayoutCreate);
  RACKPROOF_CUBLASLT(MatrixLayoutDestroy);
  RACKPROOF_CUBLASLT(MatmulPreferenceCreate);
  RACKPROOF_CUBLASLT(MatmulPreferenceDestroy);
  RACKPROOF_CUBLASLT(MatmulPreferenceSetAttribute);
  RACKPROOF_CUBLASLT(MatmulAlgoGetHeuristic);
  RACKPROOF_CUBLASLT(Matmul);
#undef RACKPROOF_CUBLASLT

  [[nodiscard]] bool is_complete() const {
    return Create != nullptr && Destroy != nullptr && GetVersion != nullptr &&
           MatmulDescCreate != nullptr && MatmulDescDestroy != nullptr &&
           MatmulDescSetAttribute != nullptr && MatrixLayoutCreate != nullptr &&
           MatrixLayoutDestroy != nullptr && MatmulPreferenceCreate != nullptr &&
           MatmulPreferenceDestroy != nullptr && MatmulPreferenceSetAttribute != nullptr &&
           MatmulAlgoGetHeuristic != nullptr && Matmul != nullptr;
  }
};

/// Loaded once and never unloaded: the library registers handlers that outlive main.
const CublasLt& cublaslt() {
  static const CublasLt* const library = new CublasLt();
  return *library;
}

/// A call that failed, as the reason for having no baseline.
class CublasLtError : public runtime::NotAvailable {
 public:
  CublasLtError(const char* call, cublasStatus_t status)
      : NotAvailable(std::string("cuBLASLt: ") + call + " answered status " +
                     std::to_string(static_cast<int>(status))) {}
};

void check(const char* call, cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw CublasLtError(call, status);
  }
}

/// Owns an opaque cuBLASLt object.
template <typename T>
class Handle {
 public:
  using Destroy = cublasStatus_t (*)(T);
  explicit Handle(Destroy destroy) : destroy_(destroy) {}
  ~Handle() {
    if (value_ != nullptr) {
      destroy_(value_);
    }
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  [[nodiscard]] T get() const { return value_; }
  [[nodiscard]] T* out() { return &value_; }

 private:
  T value_ = nullptr;
  Destroy destroy_;
};

cudaDataType_t data_type(ElementType type) {
  switch (type) {
    case ElementType::bf16:
      return CUDA_R_16BF;
    case ElementType::fp16:
      return CUDA_R_16F;
    case ElementType::fp32:
    case ElementType::tf32:
      return CUDA_R_32F;
    case ElementType::fp64:
      return CUDA_R_64F;
    case ElementType::fp8_e4m3:
      return CUDA_R_8F_E4M3;
    case ElementType::fp8_e5m2:
      return CUDA_R_8F_E5M2;
    case ElementType::int8:
      return CUDA_R_8I;
    case ElementType::mxfp8:
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      throw std::invalid_argument("the baseline has no block-scaled types");
    case ElementType::int32:
      break;
  }
  return CUDA_R_32I;
}

/// Rows of the tables of supported types in cuBLAS's documentation of cublasLtMatmul().
struct Arithmetic {
  cublasComputeType_t compute;
  cudaDataType_t scale;
};
Arithmetic arithmetic_of(ElementType type) {
  switch (type) {
    case ElementType::tf32:
      return {CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F};
    case ElementType::fp64:
      return {CUBLAS_COMPUTE_64F, CUDA_R_64F};
    case ElementType::int8:
    case ElementType::int32:
      return {CUBLAS_COMPUTE_32I, CUDA_R_32I};
    case ElementType::bf16:
    case ElementType::fp16:
    case ElementType::fp32:
    case ElementType::fp8_e4m3:
    case ElementType::fp8_e5m2:
    case ElementType::mxfp8:
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      break;
  }
  return {CUBLAS_COMPUTE_32F, CUDA_R_32F};
}

/// alpha or beta in the type that the library reads.
class Scale {
 public:
  Scale(cudaDataType_t type, float value)
      : type_(type),
        fp32_(value),
        fp64_(static_cast<double>(value)),
        int32_(static_cast<std::int32_t>(value)) {}
  [[nodiscard]] const void* data() const {
    return type_ == CUDA_R_64F   ? static_cast<const void*>(&fp64_)
           : type_ == CUDA_R_32I ? static_cast<const void*>(&int32_)
                                 : &fp32_;
  }

 private:
  cudaDataType_t type_;
  float fp32_;
  double fp64_;
  std::int32_t int32_;
};

/// cuBLASLt is column-major, so it computes the transpose: D^T (N x M) = B * A^T, where our
/// K-major B is its K x N matrix to be transposed and our A its K x M matrix.
class CublasLtWorkload final : public Workload {
 public:
  CublasLtWorkload(const GemmProblem& problem, const PrepareOptions& options)
      : problem_(problem),
        arithmetic_(arithmetic_of(problem.type())),
        buffers_(problem, options),
        workspace_(kWorkspaceBytes) {
    check("cublasLtCreate", cublaslt().Create(handle_.out()));
    check("cublasLtMatmulDescCreate",
          cublaslt().MatmulDescCreate(operation_.out(), arithmetic_.compute, arithmetic_.scale));
    const cublasOperation_t transpose = CUBLAS_OP_T;
    check("cublasLtMatmulDescSetAttribute",
          cublaslt().MatmulDescSetAttribute(operation_.get(), CUBLASLT_MATMUL_DESC_TRANSA,
                                            &transpose, sizeof(transpose)));
    const GemmShape& shape = problem.shape();
    create_layout(b_layout_, problem.type(), shape.k, shape.n, problem.leading_dimension());
    create_layout(a_layout_, problem.type(), shape.k, shape.m, problem.leading_dimension());
    create_layout(d_layout_, problem.result_type(), shape.n, shape.m, shape.n);
    choose_algorithm();
  }

  void launch(cudaStream_t stream) override {
    GemmBuffers::Set& set = buffers_.advance();
    const Scale alpha(arithmetic_.scale, problem_.scalars().alpha);
    const Scale beta(arithmetic_.scale, problem_.scalars().beta);
    const void* c = problem_.has_c() ? set.c.data() : set.d.data();
    check("cublasLtMatmul",
          cublaslt().Matmul(handle_.get(), operation_.get(), alpha.data(), set.b.data(),
                            b_layout_.get(), set.a.data(), a_layout_.get(), beta.data(), c,
                            d_layout_.get(), set.d.data(), d_layout_.get(), &choice_.algo,
                            workspace_.data(), workspace_.size_bytes(), stream));
  }

  [[nodiscard]] int buffer_sets() const override { return buffers_.count(); }
  /// The library does not tell what it launches.
  [[nodiscard]] KernelResources resources() const override { return {.kernel = cublaslt_name()}; }
  [[nodiscard]] OutputView output() override { return buffers_.output(); }
  [[nodiscard]] Verification verify(cudaStream_t stream) override {
    RACKPROOF_CUDA(cudaStreamSynchronize(stream));
    return verify_gemm(problem_, buffers_.data(),
                       {.accumulation = accumulation_of(problem_.type())});
  }

 private:
  using Layout = Handle<cublasLtMatrixLayout_t>;

  void create_layout(Layout& layout, ElementType type, std::int64_t rows, std::int64_t columns,
                     std::int64_t leading_dimension) {
    check("cublasLtMatrixLayoutCreate",
          cublaslt().MatrixLayoutCreate(layout.out(), data_type(type),
                                        static_cast<std::uint64_t>(rows),
                                        static_cast<std::uint64_t>(columns), leading_dimension));
  }

  void choose_algorithm() {
    Handle<cublasLtMatmulPreference_t> preference(cublaslt().MatmulPreferenceDestroy);
    check("cublasLtMatmulPreferenceCreate", cublaslt().MatmulPreferenceCreate(preference.out()));
    check("cublasLtMatmulPreferenceSetAttribute",
          cublaslt().MatmulPreferenceSetAttribute(preference.get(),
                                                  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                  &kWorkspaceBytes, sizeof(kWorkspaceBytes)));
    int found = 0;
    check("cublasLtMatmulAlgoGetHeuristic",
          cublaslt().MatmulAlgoGetHeuristic(handle_.get(), operation_.get(), b_layout_.get(),
                                            a_layout_.get(), d_layout_.get(), d_layout_.get(),
                                            preference.get(), 1, &choice_, &found));
    if (found == 0) {
      throw runtime::NotAvailable("cuBLASLt has no algorithm for " + problem_.name());
    }
  }

  GemmProblem problem_;
  Arithmetic arithmetic_;
  GemmBuffers buffers_;
  runtime::DeviceBuffer<std::byte> workspace_;
  Handle<cublasLtHandle_t> handle_{cublaslt().Destroy};
  Handle<cublasLtMatmulDesc_t> operation_{cublaslt().MatmulDescDestroy};
  Layout a_layout_{cublaslt().MatrixLayoutDestroy};
  Layout b_layout_{cublaslt().MatrixLayoutDestroy};
  Layout d_layout_{cublaslt().MatrixLayoutDestroy};
  cublasLtMatmulHeuristicResult_t choice_{};
};

/// Why the library cannot be called here, or nothing.
std::optional<NotSupported> unavailable() {
  if (std::optional<NotSupported> reason = device_is_not_a_gpu()) {
    return reason;
  }
  if (!cublaslt().library) {
    return NotSupported{"cuBLASLt could not be loaded: " + cublaslt().library.error()};
  }
  if (!cublaslt().is_complete()) {
    return NotSupported{"the cuBLASLt that was found lacks a function this program needs"};
  }
  return std::nullopt;
}

}  // namespace

std::variant<std::unique_ptr<Workload>, NotSupported> make_cublaslt_workload(
    const GemmProblem& problem, const PrepareOptions& options) {
  if (std::optional<NotSupported> reason = unavailable()) {
    return *std::move(reason);
  }
  if (problem.type() == ElementType::fp8_e5m2) {
    return NotSupported{"cuBLASLt multiplies e5m2 by e4m3, not by e5m2"};
  }
  if (scale_interval(problem.type()) != 0) {
    return NotSupported{"the baseline of block-scaled types is not implemented here"};
  }
  try {
    return std::make_unique<CublasLtWorkload>(problem, options);
  } catch (const runtime::NotAvailable& error) {
    return NotSupported{error.what()};
  }
}

std::string cublaslt_name() {
  if (unavailable()) {
    return {};
  }
  // MMmmpp in decimal: 130002 is 13.0.2 (cublasLt.h, cublasLtGetVersion).
  const std::size_t version = cublaslt().GetVersion();
  return "cuBLASLt " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) +
         "." + std::to_string(version % 100);
}

}  // namespace rackproof::kernels::gemm
