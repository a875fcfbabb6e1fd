#pragma once
/// The contract of an operation (gemm, attention, memory, ...): what the harness knows of a kernel.
///
/// An operation turns what a suite asks for into problems whose sizes follow from the device
/// (plan), and a problem into a workload that can be launched, verified and accounted for.
/// Adding an operation is filling this in and one line in kernels/registry.cpp.

#include "kernels/params.hpp"

#include <cuda_runtime_api.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rackproof::kernels {

struct ComputeCapability {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ComputeCapability&) const = default;
};
[[nodiscard]] std::string to_string(ComputeCapability cc);

/// What a plan may depend on: the device and its place in the job. Filled by harness/topology.
struct SizingContext {
  ComputeCapability cc;
  int multiprocessors = 0;
  std::uint64_t memory_bytes = 0;  ///< free device memory when the run began
  std::uint64_t l2_bytes = 0;
  std::uint64_t shared_memory_per_block_bytes = 0;  ///< opt-in limit
  int gpus = 0;                                     ///< ranks in the job
  int gpus_per_node = 0;                            ///< ranks in this node
};

/// The minimum of work that any correct kernel must do; owned by the operation's work table.
/// Bytes are compulsory DRAM traffic: every input read once, every output written once. Where the
/// L2 is measured they are what it must deliver.
struct Work {
  /// Operations, of integers too; 0 where their rate says nothing (memory operations).
  double flops = 0;
  double bytes = 0;
  double accesses = 0;  ///< each waits for the one before it; 0 but where latency is measured
};

/// 1e12 floating-point or integer operations/s, 1e9 byte/s, 1e-9 s for each dependent access (a
/// latency: less is better).
enum class ThroughputUnit : std::uint8_t { tflops, tops, gb_per_s, ns_per_access };
/// "TFLOP/s", "TOP/s", "GB/s", "ns/access".
[[nodiscard]] std::string_view to_string(ThroughputUnit unit);
[[nodiscard]] constexpr bool is_less_better(ThroughputUnit unit) {
  return unit == ThroughputUnit::ns_per_access;
}
/// The figure of `work` done in `time_s`, which is above 0.
[[nodiscard]] double figure_of(const Work& work, ThroughputUnit unit, double time_s);

/// One fully specified problem; immutable, printable, device-independent.
class Problem {
 public:
  virtual ~Problem() = default;
  /// Unique and stable: "gemm/bf16/m8192n8192k8192".
  [[nodiscard]] virtual std::string name() const = 0;
  /// Every parameter that defines the problem, for the record.
  [[nodiscard]] virtual ParamMap params() const = 0;
  [[nodiscard]] virtual Work work() const = 0;
  [[nodiscard]] virtual ThroughputUnit unit() const = 0;
  /// Key of the compute peak in configs/racks/*.json (gpu.tflops), e.g. "bf16"; empty: memory only.
  [[nodiscard]] virtual std::string_view peak() const = 0;
  /// Device memory of one buffer set; sets that launches rotate through come on top.
  [[nodiscard]] virtual std::uint64_t footprint_bytes() const = 0;
  /// Why no datasheet rate bounds this problem; empty where one does.
  [[nodiscard]] virtual std::string no_roofline() const { return {}; }
  /// The inputs shall be in the L2: launches do not rotate through buffer sets, whatever the suite
  /// says.
  [[nodiscard]] virtual bool wants_warm_l2() const { return false; }
};

/// A problem and the sentence that says why it has this size ("2 full waves of 128x256 tiles on 152
/// SMs").
struct PlannedProblem {
  std::shared_ptr<const Problem> problem;
  std::string reason;
};

/// Why something was not run: a state of its own, recorded with its reason; never a zero.
struct NotSupported {
  std::string reason;
};

/// Static resources of the kernel that runs, as the driver reports them.
struct KernelResources {
  std::string kernel;  ///< symbol name
  int registers_per_thread = 0;
  int spill_bytes_per_thread = 0;  ///< local memory; 0 by construction
  int shared_bytes_per_block = 0;  ///< static + dynamic
  int threads_per_block = 0;
  std::int64_t blocks = 0;
  /// Why this kernel and none of the variant's others.
  std::string choice = "the only one for this problem";
};

/// One element that is not what the reference says.
struct WrongElement {
  std::uint64_t index = 0;  ///< linear index in the output
  std::string coordinate;   ///< "row 17, column 4"
  double expected = 0;
  double actual = 0;
};

/// Outcome of comparing one output with the float64 reference.
struct Verification {
  bool passed = false;
  std::uint64_t checked_elements = 0;  ///< compared one by one with the reference
  std::uint64_t total_elements = 0;
  std::uint64_t wrong_elements = 0;
  std::optional<WrongElement> first_wrong;
  double max_error = 0;  ///< largest |actual - expected| / tolerance scale, see `measure`
  double tolerance = 0;  ///< bound on max_error
  std::string measure;   ///< what max_error is, and where the bound comes from
};

/// A raw view of the output: the harness plants a wrong element in it to test the verifier.
struct OutputView {
  void* data = nullptr;
  std::uint64_t elements = 0;
  std::uint32_t element_bytes = 0;
};

/// A problem on a device with its buffers, ready to be timed. Not copyable, owned by one rank.
class Workload {
 public:
  virtual ~Workload() = default;
  /// Enqueues one execution; never synchronises. Successive calls rotate through `buffer_sets()`.
  virtual void launch(cudaStream_t stream) = 0;
  /// Number of disjoint input/output sets that successive launches rotate through.
  [[nodiscard]] virtual int buffer_sets() const = 0;
  [[nodiscard]] virtual KernelResources resources() const = 0;
  /// The output of the most recent launch.
  [[nodiscard]] virtual OutputView output() = 0;
  /// Compares the output of the most recent launch with the float64 reference. Synchronises.
  [[nodiscard]] virtual Verification verify(cudaStream_t stream) = 0;
};

/// How inputs are drawn; recorded with every figure, since data changes power and clocks.
inline constexpr std::string_view kInputDistribution = "uniform [-1, 1), seeded";
inline constexpr std::string_view kIntegerInputDistribution = "uniform -128 to 127, seeded";

struct PrepareOptions {
  std::uint64_t seed = 0;
  /// Rotate over enough buffer sets that together they exceed this (cold L2); 0: one set.
  std::uint64_t rotate_beyond_bytes = 0;
};

/// One implementation of an operation. Listed in priority order; the first that fits is used.
struct Variant {
  std::string_view name;  ///< "sm80"
  ComputeCapability minimum_cc;
  ComputeCapability maximum_cc;  ///< inclusive; {99, 9} for "and newer"
};

class Operation {
 public:
  virtual ~Operation() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;     ///< "gemm"
  [[nodiscard]] virtual std::string_view summary() const = 0;  ///< one line for `rackproof list`
  [[nodiscard]] virtual std::span<const Variant> variants() const = 0;

  /// Turns one suite entry into problems. Throws ParamError naming the offending key.
  [[nodiscard]] virtual std::vector<PlannedProblem> plan(ParamReader& request,
                                                         const SizingContext& context) const = 0;

  /// Empty if `variant` can run `problem` on `cc`, else the reason.
  [[nodiscard]] virtual std::optional<NotSupported> unsupported(const Variant& variant,
                                                                const Problem& problem,
                                                                ComputeCapability cc) const = 0;

  /// Allocates and fills the buffers on the current device.
  [[nodiscard]] virtual std::unique_ptr<Workload> prepare(const Variant& variant,
                                                          const Problem& problem,
                                                          const PrepareOptions& options) const = 0;

  /// The library's answer to the same problem (cuBLASLt for gemm), or why there is none.
  [[nodiscard]] virtual std::variant<std::unique_ptr<Workload>, NotSupported> baseline(
      const Problem& problem, const PrepareOptions& options) const = 0;
  /// Name of the baseline library with its version, or empty.
  [[nodiscard]] virtual std::string baseline_name() const = 0;
};

/// All operations, in the order of `rackproof list`.
[[nodiscard]] std::span<const Operation* const> operations();
/// nullptr if there is none of that name.
[[nodiscard]] const Operation* find_operation(std::string_view name);

/// The variant that runs `problem` on `cc`: the first of operation.variants() that supports it.
/// RACKPROOF_VARIANT=<operation>:<name>[,...] forces one; a forced variant that cannot run
/// is NotSupported, never silently replaced.
[[nodiscard]] std::variant<const Variant*, NotSupported> choose_variant(const Operation& operation,
                                                                        const Problem& problem,
                                                                        ComputeCapability cc);

}  // namespace rackproof::kernels
