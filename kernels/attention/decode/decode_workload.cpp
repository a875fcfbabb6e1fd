#include "kernels/attention/decode/decode_workload.hpp"

#include "kernels/attention/attention_verify.hpp"
#include "kernels/common/random_fill.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <span>

namespace rackproof::kernels::attention::decode {
namespace {

/// NaN in bf16, fp16 and fp32: what no kernel writes or should read cannot pass.
constexpr int kPoison = 0xff;

using Bytes = runtime::DeviceBuffer<std::byte>;

/// Pages in random order, as after a long time of serving; entries past a sequence's last page
/// name the page that belongs to nobody.
std::vector<std::int32_t> shuffled_page_table(const DecodeProblem& problem, std::uint64_t seed) {
  std::vector<std::int32_t> free_pages(static_cast<std::size_t>(problem.total_pages()));
  std::iota(free_pages.begin(), free_pages.end(), 0);
  std::mt19937_64 generator(seed);
  for (std::size_t i = free_pages.size(); i > 1; --i) {
    std::swap(free_pages[i - 1], free_pages[generator() % i]);
  }
  const auto width = static_cast<std::size_t>(problem.max_pages());
  std::vector<std::int32_t> table(static_cast<std::size_t>(problem.batch()) * width,
                                  static_cast<std::int32_t>(problem.total_pages()));
  std::size_t next = 0;
  for (std::int64_t sequence = 0; sequence < problem.batch(); ++sequence) {
    for (std::int64_t page = 0; page < problem.pages(sequence); ++page) {
      table[static_cast<std::size_t>(sequence) * width + static_cast<std::size_t>(page)] =
          free_pages[next++];
    }
  }
  return table;
}

std::int64_t resident_ctas(const DecodeProblem& problem) {
  enable_decode_sm80(problem);
  return decode_sm80_resident(problem);
}

template <typename T>
runtime::DeviceBuffer<T> upload(const std::vector<T>& values) {
  return runtime::DeviceBuffer<T>(std::span<const T>(values));
}

}  // namespace

DecodeWorkload::DecodeWorkload(const DecodeProblem& problem, const PrepareOptions& options,
                               std::int64_t split_keys)
    : problem_(problem),
      schedule_(make_schedule(
          problem,
          problem.shape().kv_heads * group_tiles(problem.shape().q_heads, problem.shape().kv_heads),
          resident_ctas(problem), split_keys)),
      page_table_(shuffled_page_table(problem, derive_seed(options.seed, 3))),
      items_(upload(schedule_.items)),
      combines_(upload(schedule_.combines)) {
  const auto partial_rows = static_cast<std::size_t>(schedule_.partials * problem_.shape().q_heads);
  partial_o_ = runtime::DeviceBuffer<float>(partial_rows *
                                            static_cast<std::size_t>(problem_.shape().head_dim));
  partial_statistics_ = runtime::DeviceBuffer<SplitStatistics>(partial_rows);
  RACKPROOF_CUDA(cudaMemset(partial_o_.data(), kPoison, partial_o_.size_bytes()));
  RACKPROOF_CUDA(cudaMemset(partial_statistics_.data(), kPoison, partial_statistics_.size_bytes()));
  const std::uint64_t sets = options.rotate_beyond_bytes / problem_.footprint_bytes() + 1;
  for (std::uint64_t set = 0; set < sets; ++set) {
    sets_.push_back(make_set(options.seed));
  }
  // All this ran on the default stream, which the caller's streams do not wait for.
  RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
}

DecodeWorkload::BufferSet DecodeWorkload::make_set(std::uint64_t seed) const {
  const DecodeShape& shape = problem_.shape();
  const std::size_t bytes = element_bytes(shape.type);
  const auto pages = static_cast<std::size_t>(problem_.total_pages());
  const std::size_t page_bytes = problem_.page_elements() * bytes;
  const std::vector<std::int32_t> kv_lens(shape.kv_lens.begin(), shape.kv_lens.end());
  BufferSet set{.q = Bytes(problem_.q_elements() * bytes),
                .k_cache = Bytes((pages + 1) * page_bytes),
                .v_cache = Bytes((pages + 1) * page_bytes),
                .o = Bytes(problem_.q_elements() * bytes),
                .lse = runtime::DeviceBuffer<float>(problem_.lse_elements()),
                .kv_lens = upload(kv_lens),
                .page_table = upload(page_table_)};
  fill_uniform(set.q.data(), shape.type, problem_.q_elements(), derive_seed(seed, 0), nullptr);
  std::uint64_t array = 1;
  for (Bytes* cache : {&set.k_cache, &set.v_cache}) {
    fill_uniform(cache->data(), shape.type, pages * problem_.page_elements(),
                 derive_seed(seed, array++), nullptr);
    // The page of nobody, and the rows behind each sequence's last key.
    const auto poison = [cache](std::size_t first, std::size_t count) {
      if (count > 0) {
        RACKPROOF_CUDA(cudaMemsetAsync(cache->data() + first, kPoison, count, nullptr));
      }
    };
    poison(pages * page_bytes, page_bytes);
    const std::size_t row_bytes = page_bytes / static_cast<std::size_t>(shape.page_size);
    for (std::int64_t sequence = 0; sequence < problem_.batch(); ++sequence) {
      const std::int64_t used = shape.kv_lens[static_cast<std::size_t>(sequence)] % shape.page_size;
      if (used != 0) {
        const auto page = static_cast<std::size_t>(page_table_[static_cast<std::size_t>(
            sequence * problem_.max_pages() + problem_.pages(sequence) - 1)]);
        poison(page * page_bytes + static_cast<std::size_t>(used) * row_bytes,
               static_cast<std::size_t>(shape.page_size - used) * row_bytes);
      }
    }
  }
  RACKPROOF_CUDA(cudaMemsetAsync(set.o.data(), kPoison, set.o.size_bytes(), nullptr));
  RACKPROOF_CUDA(cudaMemsetAsync(set.lse.data(), kPoison, set.lse.size_bytes(), nullptr));
  return set;
}

DecodeArguments DecodeWorkload::arguments_of(BufferSet& set) {
  const DecodeShape& shape = problem_.shape();
  return {
      .q = set.q.data(),
      .k_cache = set.k_cache.data(),
      .v_cache = set.v_cache.data(),
      .o = set.o.data(),
      .lse = set.lse.data(),
      .partial_o = partial_o_.data(),
      .partial_statistics = partial_statistics_.data(),
      .kv_lens = set.kv_lens.data(),
      .page_table = set.page_table.data(),
      .items = items_.data(),
      .combines = combines_.data(),
      .item_count = static_cast<std::int32_t>(items_.size()),
      .combine_count = static_cast<std::int32_t>(combines_.size()),
      .max_pages = static_cast<std::int32_t>(problem_.max_pages()),
      .page_size = static_cast<std::int32_t>(shape.page_size),
      .split_keys = static_cast<std::int32_t>(schedule_.split_keys),
      .q_heads = static_cast<std::int32_t>(shape.q_heads),
      .kv_heads = static_cast<std::int32_t>(shape.kv_heads),
      .group = static_cast<std::int32_t>(shape.q_heads / shape.kv_heads),
      .group_tiles = static_cast<std::int32_t>(group_tiles(shape.q_heads, shape.kv_heads)),
      .scale = static_cast<float>(shape.scale),
  };
}

void DecodeWorkload::launch(cudaStream_t stream) {
  const DecodeArguments arguments = arguments_of(sets_[next_set_]);
  launch_decode_sm80(problem_, arguments, stream);
  if (arguments.combine_count > 0) {
    launch_combine_sm80(problem_, arguments, stream);
  }
  last_set_ = next_set_;
  next_set_ = (next_set_ + 1) % sets_.size();
}

KernelResources DecodeWorkload::resources() const {
  return decode_sm80_resources(problem_, static_cast<std::int64_t>(schedule_.items.size()));
}

OutputView DecodeWorkload::output() {
  return {.data = sets_[last_set_].o.data(),
          .elements = problem_.q_elements(),
          .element_bytes = element_bytes(problem_.shape().type)};
}

std::vector<std::byte> DecodeWorkload::gathered(const Bytes& cache) const {
  const DecodeShape& shape = problem_.shape();
  const std::vector<std::byte> pages = cache.download();
  const std::size_t row_bytes =
      static_cast<std::size_t>(shape.kv_heads * shape.head_dim) * element_bytes(shape.type);
  std::vector<std::byte> rows;
  rows.reserve(static_cast<std::size_t>(problem_.total_keys()) * row_bytes);
  for (std::int64_t sequence = 0; sequence < problem_.batch(); ++sequence) {
    for (std::int64_t key = 0; key < shape.kv_lens[static_cast<std::size_t>(sequence)]; ++key) {
      const std::int64_t page = page_table_[static_cast<std::size_t>(
          sequence * problem_.max_pages() + key / shape.page_size)];
      const auto* const row =
          pages.data() +
          static_cast<std::size_t>(page * shape.page_size + key % shape.page_size) * row_bytes;
      rows.insert(rows.end(), row, row + row_bytes);
    }
  }
  return rows;
}

Verification DecodeWorkload::verify(cudaStream_t stream) {
  return verify_beyond(kHostMultiplyAdds, stream);
}

Verification DecodeWorkload::verify_beyond(double host_multiply_adds, cudaStream_t stream) {
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));
  const BufferSet& set = sets_[last_set_];
  HostArrays arrays{.q = set.q.download(),
                    .k = gathered(set.k_cache),
                    .v = gathered(set.v_cache),
                    .o = set.o.download(),
                    .lse = {}};
  // The packed batch keeps lse by head, decoding by sequence.
  const std::vector<float> lse = set.lse.download();
  arrays.lse.resize(lse.size());
  const AttentionProblem& unpaged = problem_.unpaged();
  for (std::int64_t sequence = 0; sequence < problem_.batch(); ++sequence) {
    for (std::int64_t head = 0; head < problem_.shape().q_heads; ++head) {
      arrays.lse[static_cast<std::size_t>(unpaged.lse_index(sequence, head, 0))] =
          lse[static_cast<std::size_t>(sequence * problem_.shape().q_heads + head)];
    }
  }
  const Bytes k{std::span<const std::byte>(arrays.k)};
  const Bytes v{std::span<const std::byte>(arrays.v)};
  AttentionArguments arguments = make_arguments(unpaged);
  arguments.q = set.q.data();
  arguments.k = k.data();
  arguments.v = v.data();
  return verify_output(unpaged, arrays, arguments, stream, host_multiply_adds);
}

}  // namespace rackproof::kernels::attention::decode
