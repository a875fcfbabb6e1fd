// Bulk and tensor copies against PTX ISA 9.0, sections 9.7.9.25 to 9.7.9.27, and 5.5: what they
// move, whom they signal and what they refuse, in every ordering mode.
#include "emulator/async/tensor_map.hpp"
#include "tests/emulator/exec/kernel_runner.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <string>
#include <vector>

namespace rackproof::emulator::exec::testing {
namespace {

using async::TensorElement;
using async::TensorMap;
using async::TensorSwizzle;

constexpr std::uint32_t kBoxBytes = 16384;

// %i is the thread, %c the rank, %in, %out and %map addresses, %s the 1024-aligned shared array s,
// %b the mbarrier b with one arrival, %e a predicate: thread 0. Then `body`; DONE waits for phase
// 0.
std::string kernel(const std::string& body, const std::string& target) {
  return header(target) +
         ".visible .entry k(.param .u64 in, .param .u64 out, .param .u64 map)\n{\n.reg .b16 "
         "%h<3>;\n.reg .b32 %i, %c, %n, %s, %b, %r<9>;\n.reg .b64 %in, %out, %map, %t<9>;\n.reg "
         ".b128 %q;\n.reg .pred %e, %p<5>;\n.shared .align 1024 .b8 s[" +
         std::to_string(kBoxBytes) +
         "];\n.shared .align 8 .b64 b;\n.shared .align 16 .b8 v[16];\nld.param.u64 %in, "
         "[in];\nld.param.u64 %out, [out];\nld.param.u64 %map, [map];\nmov.u32 %i, "
         "%tid.x;\nmov.u32 %c, %cluster_ctarank;\nmov.u32 %n, %cluster_nctarank;\nmov.u32 %s, "
         "s;\nmov.u32 %b, b;\nsetp.eq.u32 %e, %i, 0;\n@%e mbarrier.init.shared.b64 [b], "
         "1;\nfence.mbarrier_init.release.cluster;\nbarrier.cluster.arrive;\nbarrier.cluster.wait;"
         "\n" +
         body + "\nret;\n}\n";
}

constexpr const char* kWait =
    "W:\nmbarrier.try_wait.parity.shared.b64 %p1, [b], 0;\n@!%p1 bra W;\n";
// Every thread copies 4 bytes of s to out + 16384 CTA: a warp's row after the other.
std::string copy_out(std::uint32_t bytes) {
  return "mov.u32 %r8, %ctaid.x;\nmul.wide.u32 %t8, %r8, " + std::to_string(kBoxBytes) +
         ";\nadd.s64 %out, %out, %t8;\nshl.b32 %r1, %i, 2;\nO:\nadd.u32 %r2, %s, "
         "%r1;\nld.shared.u32 %r3, [%r2];\ncvt.u64.u32 %t1, %r1;\nadd.s64 %t2, %out, "
         "%t1;\nst.global.u32 [%t2], %r3;\nadd.u32 %r1, %r1, 128;\nsetp.lt.u32 %p2, %r1, " +
         std::to_string(bytes) + ";\n@%p2 bra O;\n";
}

class Bulk {
 public:
  explicit Bulk(const std::string& body, std::uint32_t ctas = 1, std::uint32_t architecture = 100)
      : runner(kernel(body, architecture == 90 ? "sm_90a" : "sm_100a"), architecture),
        in(runner.addresses(), kInputBytes),
        out(runner.addresses(), std::size_t{kBoxBytes} * ctas),
        map(runner.addresses(), TensorMap::kBytes) {
    runner.config().grid = {ctas, 1, 1};
    runner.config().cluster = {ctas, 1, 1};
    runner.config().resident_blocks = ctas;
    for (std::uint32_t i = 0; i < kInputBytes / 4; ++i) {
      in.as<std::uint32_t>()[i] = i * 0x9e3779b9U;
    }
    description.address = in.address();
  }
  Outcome go(async::Ordering ordering = async::Ordering::random, std::uint64_t seed = 0) {
    runner.config().ordering = ordering;
    runner.config().seed = seed;
    std::memcpy(map.as<std::byte>(), static_cast<const void*>(&description), sizeof description);
    return runner.run("k", in.address(), out.address(), map.address());
  }
  void expect_clean(async::Ordering ordering = async::Ordering::random, std::uint64_t seed = 0) {
    const Outcome outcome = go(ordering, seed);
    ASSERT_EQ(outcome.state, GridState::finished)
        << (outcome.fault ? outcome.fault->message : "still running");
    counters = outcome.counters;
  }
  std::string fault(async::Ordering ordering = async::Ordering::random) {
    const Outcome outcome = go(ordering);
    return outcome.fault ? outcome.fault->message : "";
  }
  // Rank 2: rows of 256 elements.
  void describe(TensorElement element, std::array<std::uint16_t, 2> box,
                TensorSwizzle swizzle = TensorSwizzle::none) {
    description.element = element;
    description.rank = 2;
    description.last_index = {255, 31, 0, 0, 0};
    description.strides[0] = async::global_bytes(element, 256);
    description.box = {box[0], box[1], 1, 1, 1};
    description.swizzle = swizzle;
  }

  static constexpr std::size_t kInputBytes = 65536;
  KernelRunner runner;
  Buffer in;
  Buffer out;
  Buffer map;
  TensorMap description;
  GridCounters counters;
};

constexpr async::Ordering kOrderings[] = {async::Ordering::eager, async::Ordering::late,
                                          async::Ordering::random};

TEST(Bulk, CopiesIntoSharedMemoryAndSignals) {
  for (const async::Ordering ordering : kOrderings) {
    Bulk run(
        "@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], 4096;\n@%e "
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%s], [%in], 1024, "
        "[%b];\n@%e cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%s+1024], "
        "[%in+8192], 3072, [%b];\n" +
        std::string(kWait) + copy_out(4096));
    run.expect_clean(ordering, 3);
    for (std::uint32_t i = 0; i < 1024; ++i) {
      ASSERT_EQ(run.out.as<std::uint32_t>()[i],
                run.in.as<std::uint32_t>()[i < 256 ? i : 2048 + i - 256]);
    }
    EXPECT_EQ(run.counters.bulk_load_bytes, 4096U);
    EXPECT_EQ(run.counters.bulk_requests, 2U);
  }
}

TEST(Bulk, MulticastReachesEveryCta) {
  // Rank 1 loads for ranks 0 and 2; the others' mbarriers get an arrival only.
  Bulk run(
      "setp.eq.u32 %p3, %c, 1;\nsetp.ne.u32 %p4, %c, 2;\nsetp.ne.and.u32 %p2, %c, 0, "
      "%p4;\nselp.u32 %r4, 0, 2048, %p2;\n@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], "
      "%r4;\nmov.u16 %h1, 5;\nand.pred %p3, %p3, %e;\n@%p3 "
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
      "[%s], [%in], 2048, [%b], %h1;\n" +
          std::string(kWait) + "@%p2 bra END;\n" + copy_out(2048) +
          "END:\nbarrier.cluster.arrive;\nbarrier.cluster.wait;",
      4);
  run.expect_clean();
  for (std::uint32_t i = 0; i < 512; ++i) {
    ASSERT_EQ(run.out.as<std::uint32_t>()[i], run.in.as<std::uint32_t>()[i]);
    ASSERT_EQ(run.out.as<std::uint32_t>()[2 * kBoxBytes / 4 + i], run.in.as<std::uint32_t>()[i]);
    ASSERT_EQ(run.out.as<std::uint32_t>()[kBoxBytes / 4 + i], 0U);
  }
  EXPECT_EQ(run.counters.bulk_load_bytes, 2048U);
  EXPECT_EQ(run.counters.bulk_shared_bytes, 4096U);
}

// Fills s with the thread's words, and makes them visible to the asynchronous proxy.
std::string fill(std::uint32_t bytes) {
  return "shl.b32 %r1, %i, 2;\nF:\nadd.u32 %r2, %s, %r1;\nadd.u32 %r3, %r1, 7;\nst.shared.u32 "
         "[%r2], %r3;\nadd.u32 %r1, %r1, 128;\nsetp.lt.u32 %p2, %r1, " +
         std::to_string(bytes) + ";\n@%p2 bra F;\nfence.proxy.async.shared::cta;\nbar.sync 0;\n";
}
constexpr const char* kCommitAndWait =
    "@%e cp.async.bulk.commit_group;\n@%e cp.async.bulk.wait_group 0;\n";

// Which lane of an instruction stores last is undefined, as of a store, and no race; which of two
// instructions does is one.
TEST(Bulk, LanesOfOneInstructionMayStoreToOnePlace) {
  const std::string store = "cp.async.bulk.global.shared::cta.bulk_group [%out], [%s], 1024;\n";
  const std::string wait = "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\n";
  for (const async::Ordering ordering : kOrderings) {
    Bulk once(fill(1024) + store + wait);
    once.expect_clean(ordering);
    EXPECT_EQ(once.out.as<std::uint32_t>()[5], 4U * 5 + 7);
    Bulk twice(fill(1024) + store + store + wait);
    EXPECT_NE(twice.fault(ordering).find("is not ordered after the"), std::string::npos);
  }
}

TEST(Bulk, CopiesAndReducesIntoGlobalMemory) {
  struct Case {
    const char* instruction;
    std::uint32_t (*expected)(std::uint32_t old, std::uint32_t value, std::uint32_t index);
  };
  const Case cases[] = {
      {"cp.async.bulk.global.shared::cta.bulk_group [%out], [%s], 1024;",
       [](std::uint32_t, std::uint32_t value, std::uint32_t) { return value; }},
      {"mov.u16 %h1, 0xf00f;\n@%e cp.async.bulk.global.shared::cta.bulk_group.cp_mask [%out], "
       "[%s], "
       "1024, %h1;",
       [](std::uint32_t old, std::uint32_t value, std::uint32_t index) {
         return index % 4 == 0 || index % 4 == 3 ? value : old;
       }},
      {"cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%out], [%s], 1024;",
       [](std::uint32_t old, std::uint32_t value, std::uint32_t) { return old + value; }},
      {"cp.reduce.async.bulk.global.shared::cta.bulk_group.min.s32 [%out], [%s], 1024;",
       [](std::uint32_t old, std::uint32_t value, std::uint32_t) {
         return static_cast<std::int32_t>(old) < static_cast<std::int32_t>(value) ? old : value;
       }},
      {"cp.reduce.async.bulk.global.shared::cta.bulk_group.xor.b32 [%out], [%s], 1024;",
       [](std::uint32_t old, std::uint32_t value, std::uint32_t) { return old ^ value; }}};
  for (const Case& each : cases) {
    for (const async::Ordering ordering : kOrderings) {
      Bulk run(fill(1024) + "@%e " + each.instruction + "\n" + kCommitAndWait);
      for (std::uint32_t i = 0; i < 256; ++i) {
        run.out.as<std::uint32_t>()[i] = i * 0x85ebca6bU;
      }
      run.expect_clean(ordering, 1);
      for (std::uint32_t i = 0; i < 256; ++i) {
        ASSERT_EQ(run.out.as<std::uint32_t>()[i], each.expected(i * 0x85ebca6bU, 4 * i + 7, i))
            << each.instruction << i;
      }
    }
  }
}

TEST(Bulk, FloatingPointReductionsRoundOnce) {
  Bulk run(
      fill(1024) +
      "@%e cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%out], [%s], 16;\n@%e "
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f64 [%out+16], [%s+16], 16;\n@%e "
      "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.noftz.bf16 [%out+32], [%s+32], "
      "16;\n@%e cp.reduce.async.bulk.global.shared::cta.bulk_group.max.f16 [%out+48], [%s+48], "
      "16;\n" +
      kCommitAndWait);
  run.out.as<float>()[0] = 1.5F;
  run.out.as<std::uint16_t>()[24] = 0xbc00;
  run.expect_clean();
  // 7 as bits is a subnormal: flushed in f32, kept in bf16; f16 is the larger of -1 and tiny.
  EXPECT_EQ(run.out.as<float>()[0], 1.5F);
  EXPECT_EQ(run.out.as<std::uint32_t>()[1], 0U);
  EXPECT_EQ(run.out.as<std::uint64_t>()[2], std::uint64_t{27} << 32 | 23);
  EXPECT_EQ(run.out.as<std::uint16_t>()[16], 39U);
  EXPECT_EQ(run.out.as<std::uint16_t>()[24], 55U);
}

TEST(Bulk, CopiesBetweenCtasOfACluster) {
  for (const async::Ordering ordering : kOrderings) {
    Bulk run(
        "@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], 1040;\n" + fill(1024) +
            "xor.b32 %r4, %c, 1;\nmapa.shared::cluster.u32 %r5, %s, %r4;\nmapa.shared::cluster.u32 "
            "%r6, %b, %r4;\nadd.u32 %r7, %r5, 1024;\n@%e "
            "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r7], [%s], "
            "1024, [%r6];\n@%e st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 "
            "[%r5+2048], {%r4, %r4, 3, 4}, [%r6];\n" +
            std::string(kWait) + "add.u32 %s, %s, 1024;\n" + copy_out(1152) +
            "barrier.cluster.arrive;\nbarrier.cluster.wait;",
        2);
    run.expect_clean(ordering, 5);
    for (std::uint32_t cta = 0; cta < 2; ++cta) {
      const std::uint32_t* const out = run.out.as<std::uint32_t>() + cta * kBoxBytes / 4;
      for (std::uint32_t i = 0; i < 256; ++i) {
        ASSERT_EQ(out[i], 4 * i + 7);
      }
      EXPECT_EQ(out[256], cta);
      EXPECT_EQ(out[259], 4U);
    }
  }
}

std::string load_tile(const std::string& coordinates, std::uint32_t bytes,
                      const std::string& mode = "") {
  return "@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], " + std::to_string(bytes) +
         ";\n@%e cp.async.bulk.tensor." + (mode.empty() ? "2d" : "2d") + ".shared::cluster.global" +
         mode + ".mbarrier::complete_tx::bytes [%s], [%map, {" + coordinates + "}], [%b];\n" +
         kWait + copy_out(bytes);
}

// What lies at column and row of the tensor, 0 outside.
template <class T>
T element_at(Bulk& run, std::int64_t column, std::int64_t row) {
  const bool inside = column >= 0 && column < 256 && row >= 0 && row < 32;
  return inside ? run.in.as<T>()[row * 256 + column] : T{};
}

TEST(Bulk, LoadsTilesOfAllElementSizesAndSwizzles) {
  const TensorSwizzle swizzles[] = {TensorSwizzle::none,
                                    TensorSwizzle::span_32,
                                    TensorSwizzle::span_64,
                                    TensorSwizzle::span_128,
                                    TensorSwizzle::span_128_atom_32,
                                    TensorSwizzle::span_128_atom_32_flip_8,
                                    TensorSwizzle::span_128_atom_64};
  const std::uint32_t spans[] = {128, 32, 64, 128, 128, 128, 128};
  for (std::size_t mode = 0; mode < std::size(swizzles); ++mode) {
    const auto width = static_cast<std::uint16_t>(spans[mode] / 2);
    Bulk run(load_tile("-8, 28", spans[mode] * 8));
    run.describe(TensorElement::u16, {width, 8}, swizzles[mode]);
    run.expect_clean();
    for (std::uint32_t row = 0; row < 8; ++row) {
      for (std::uint32_t column = 0; column < width; ++column) {
        // The box lies on a 1024-byte boundary: its offsets swizzle like addresses.
        const std::uint64_t place = async::swizzled(swizzles[mode], row * spans[mode] + 2 * column);
        ASSERT_EQ(run.out.as<std::uint16_t>()[place / 2],
                  element_at<std::uint16_t>(run, std::int64_t{column} - 8, 28 + row))
            << mode << " " << row << " " << column;
      }
    }
  }
  // The published patterns: 16-byte chunk c of row r goes to chunk c ^ r (128B), c ^ (r/2) (64B,
  // two rows a line), c ^ (r/4) (32B).
  EXPECT_EQ(async::swizzled(TensorSwizzle::span_128, 3 * 128 + 5 * 16), 3 * 128 + (5 ^ 3) * 16U);
  EXPECT_EQ(async::swizzled(TensorSwizzle::span_64, 6 * 64 + 2 * 16), 6 * 64 + (2 ^ 3) * 16U);
  EXPECT_EQ(async::swizzled(TensorSwizzle::span_32, 4 * 32 + 1 * 16), 4 * 32 + (1 ^ 1) * 16U);
}

TEST(Bulk, FillsAndConvertsElements) {
  Bulk nan(load_tile("240, 31", 128 * 2));
  nan.describe(TensorElement::f32, {32, 2});
  nan.description.fill = async::TensorFill::nan;
  nan.expect_clean();
  EXPECT_EQ(nan.out.as<std::uint32_t>()[15], nan.in.as<std::uint32_t>()[31 * 256 + 255]);
  EXPECT_EQ(nan.out.as<std::uint32_t>()[16], 0x7fffffffU);
  EXPECT_EQ(nan.out.as<std::uint32_t>()[33], 0x7fffffffU);

  Bulk tf32(load_tile("0, 0", 128));
  tf32.describe(TensorElement::tf32_ftz, {32, 1});
  const std::uint32_t inputs[] = {0x3f801000, 0x3f803000, 0x3f801001, 0x00000005, 0x7f800000};
  std::memcpy(tf32.in.as<std::byte>(), inputs, sizeof inputs);
  tf32.expect_clean();
  const std::uint32_t expected[] = {0x3f800000, 0x3f804000, 0x3f802000, 0, 0x7f800000};
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(tf32.out.as<std::uint32_t>()[i], expected[i]) << i;
  }
}

TEST(Bulk, SpreadsPackedElements) {
  for (const auto& [element, chunk] :
       {std::pair{TensorElement::b4x16_p64, 8U}, {TensorElement::b6x16_p32, 12U}}) {
    Bulk run(load_tile("128, 1", 256));
    run.describe(element, {128, 2});
    run.expect_clean();
    const std::uint32_t pitch = 16 * chunk;
    for (std::uint32_t at = 0; at < 256; ++at) {
      if (at % 16 < chunk) {
        const std::uint32_t row = at / 128;
        ASSERT_EQ(run.out.as<std::uint8_t>()[at],
                  run.in.as<std::uint8_t>()[(1 + row) * pitch + 8 * chunk + at % 128 / 16 * chunk +
                                            at % 16]);
      }
    }
  }
}

TEST(Bulk, GathersAndScattersRows) {
  Bulk run(
      load_tile("16, 7, 3, 40, 0", 4 * 64, ".tile::gather4") +
      "fence.proxy.async.shared::cta;\nbar.sync 0;\n@%e "
      "cp.async.bulk.tensor.2d.global.shared::cta.tile::scatter4.bulk_group [%map, {64, 20, 21, "
      "33, 23}], [%s];\n" +
      kCommitAndWait);
  run.describe(TensorElement::u32, {16, 1});
  run.expect_clean();
  const std::uint32_t rows[] = {7, 3, 40, 0};
  for (std::uint32_t row = 0; row < 4; ++row) {
    for (std::uint32_t column = 0; column < 16; ++column) {
      const auto value = element_at<std::uint32_t>(run, 16 + column, rows[row]);
      ASSERT_EQ(run.out.as<std::uint32_t>()[16 * row + column], value);
      if (row != 2) {
        ASSERT_EQ(element_at<std::uint32_t>(run, 64 + column, 20 + row), value);
      }
    }
  }
}

TEST(Bulk, LoadsFiveDimensionsWithStrides) {
  Bulk run(
      "@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], 256;\nmov.u32 %r1, 1;\n@%e "
      "cp.async.bulk.tensor.5d.shared::cta.global.tile.mbarrier::complete_tx::bytes [%s], "
      "[%map, {0, %r1, -1, 1, 2}], [%b];\n" +
      std::string(kWait) + copy_out(256));
  TensorMap& map = run.description;
  map.element = TensorElement::u8;
  map.rank = 5;
  map.last_index = {15, 3, 2, 2, 3};
  map.strides = {16, 64, 192, 576};
  map.box = {16, 3, 2, 2, 2};
  map.element_strides = {1, 2, 1, 1, 1};
  run.expect_clean();
  for (std::uint32_t at = 0; at < 256; ++at) {
    const std::int64_t x = at % 16;
    const std::int64_t step = at / 16;
    const std::int64_t place[4] = {1 + 2 * (step % 2), -1 + step / 2 % 2, 1 + step / 4 % 2,
                                   2 + step / 8};
    std::int64_t offset = x;
    bool inside = true;
    for (std::size_t i = 0; i < 4; ++i) {
      inside = inside && place[i] >= 0 && place[i] <= map.last_index[i + 1];
      offset += place[i] * static_cast<std::int64_t>(map.strides[i]);
    }
    ASSERT_EQ(run.out.as<std::uint8_t>()[at], inside ? run.in.as<std::uint8_t>()[offset] : 0) << at;
  }
}

// NHWC with a 3x3 filter and padding 1: pixel p of an image of 4x4 pixels at filter tap (1, 2).
TEST(Bulk, LoadsIm2col) {
  Bulk run(
      "@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], 512;\nmov.u16 %h1, 1;\nmov.u16 %h2, "
      "2;\n@%e cp.async.bulk.tensor.4d.shared::cta.global.im2col.mbarrier::complete_tx::bytes "
      "[%s], [%map, {16, -1, -1, 1}], [%b], {%h1, %h2};\n" +
      std::string(kWait) + copy_out(512));
  TensorMap& map = run.description;
  map.element = TensorElement::u8;
  map.mode = async::TensorMode::im2col;
  map.rank = 4;
  map.last_index = {31, 3, 3, 2, 0};  // C W H N
  map.strides = {32, 128, 512, 0};
  map.channels = 16;
  map.pixels = 32;
  map.lower = {-1, -1, 0};
  map.upper = {-1, -1, 0};
  run.expect_clean();
  for (std::int64_t pixel = 0; pixel < 32; ++pixel) {
    const std::int64_t w = -1 + pixel % 4 + 1;
    const std::int64_t h = -1 + pixel / 4 % 4 + 2;
    const std::int64_t n = 1 + pixel / 16;
    const bool inside = w >= 0 && w < 4 && h >= 0 && h < 4 && n < 3;
    for (std::int64_t channel = 0; channel < 16; ++channel) {
      ASSERT_EQ(run.out.as<std::uint8_t>()[16 * pixel + channel],
                inside ? run.in.as<std::uint8_t>()[n * 512 + h * 128 + w * 32 + 16 + channel] : 0)
          << pixel;
    }
  }
}

// NHWC, filter rows of 3, padding 1: pixels along W of row 2 of one image after the other; the
// halo beside the last of them, of 128 beside each 32nd.
TEST(Bulk, LoadsIm2colAlongW) {
  struct Case {
    bool is_128;
    std::int64_t pixels, halo, shift, step;
  };
  for (const Case& each :
       {Case{false, 24, 2, 0, 1}, Case{false, 16, 1, 1, 2}, Case{true, 128, 1, 1, 1}}) {
    const std::int64_t halos = each.halo * (each.is_128 ? 4 : 1);
    const std::int64_t rows = each.pixels + halos;
    const std::uint32_t bytes = static_cast<std::uint32_t>(rows) * 32;
    Bulk run("@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], " + std::to_string(bytes) +
             ";\nmov.u16 %h1, " + std::to_string(each.halo) + ";\nmov.u16 %h2, " +
             std::to_string(each.shift) +
             ";\n@%e cp.async.bulk.tensor.4d.shared::cta.global.im2col::w" +
             (each.is_128 ? "::128" : "") +
             ".mbarrier::complete_tx::bytes [%s], [%map, {32, 1, 2, 0}], [%b], {%h1, %h2};\n" +
             std::string(kWait) + copy_out(bytes));
    TensorMap& map = run.description;
    map.element = TensorElement::u8;
    map.mode = async::TensorMode::im2col_wide;
    map.is_wide_128 = each.is_128;
    map.rank = 4;
    map.last_index = {63, 4, 3, 40, 0};  // C W H N
    map.strides = {64, 320, 1280, 0};
    map.channels = 32;
    map.pixels = static_cast<std::uint16_t>(each.is_128 ? 1 : each.pixels);
    map.element_strides[1] = static_cast<std::uint8_t>(each.step);
    map.lower = {-1, 0, 0};
    map.upper = {-1, 0, 0};
    map.swizzle = TensorSwizzle::span_64;
    run.expect_clean();
    std::int64_t w = 1 + each.shift;
    std::int64_t n = 0;
    std::int64_t row = 0;
    const auto expect_row = [&](std::int64_t x) {
      const bool inside = x >= 0 && x < 5;
      for (std::int64_t channel = 0; channel < 32; ++channel) {
        const auto place = static_cast<std::int64_t>(async::swizzled(
            TensorSwizzle::span_64, static_cast<std::uint64_t>(32 * row + channel)));
        ASSERT_EQ(
            run.out.as<std::uint8_t>()[place],
            inside ? run.in.as<std::uint8_t>()[n * 1280 + 2 * 320 + x * 64 + 32 + channel] : 0)
            << each.pixels << ": row " << row;
      }
      ++row;
    };
    for (std::int64_t pixel = 0; pixel < each.pixels; ++pixel) {
      expect_row(w);
      const bool ends = each.is_128 ? pixel % 32 == 31 : pixel == each.pixels - 1;
      for (std::int64_t i = 1; ends && i <= each.halo; ++i) {
        expect_row(w + i * each.step);
      }
      w += each.step;
      if (w > 4 - 1 + each.shift) {
        w = -1 + each.shift;
        ++n;
      }
    }
    EXPECT_EQ(row, rows);
  }
}

TEST(Bulk, StoresAndReducesTilesInsideTheTensor) {
  for (const char* form :
       {"cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group",
        "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group"}) {
    Bulk run(fill(1024) + "@%e " + form + " [%map, {248, 30}], [%s];\n" + kCommitAndWait);
    run.describe(TensorElement::u32, {32, 8}, TensorSwizzle::span_128);
    const auto before = std::vector<std::uint32_t>(run.in.as<std::uint32_t>(),
                                                   run.in.as<std::uint32_t>() + 33 * 256);
    run.expect_clean();
    const bool adds = form[3] == 'r';
    for (std::uint32_t i = 0; i < 33 * 256; ++i) {
      const std::uint32_t row = i / 256;
      const std::uint32_t column = i % 256;
      std::uint32_t expected = before[i];
      if (row >= 30 && row < 32 && column >= 248) {
        const auto place = static_cast<std::uint32_t>(
            async::swizzled(TensorSwizzle::span_128, (row - 30) * 128 + (column - 248) * 4));
        expected = (adds ? before[i] : 0) + place + 7;
      }
      ASSERT_EQ(run.in.as<std::uint32_t>()[i], expected) << form << i;
    }
  }
}

// With .cta_group::2 a multicast signals the mbarriers of the even or of the odd CTA of each pair.
TEST(Bulk, SignalsTheLeaderOfACtaPair) {
  Bulk run(
      "and.b32 %r4, %b, 0xfeffffff;\nsetp.eq.u32 %p3, %c, 0;\nand.pred %p4, %p3, %e;\n@%p4 "
      "mbarrier.arrive.expect_tx.shared.b64 _, [b], 256;\nbarrier.cluster.arrive;\n"
      "barrier.cluster.wait;\n@%e "
      "cp.async.bulk.tensor.2d.cta_group::2.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%s], [%map, {0, %c}], [%r4];\n@!%p3 bra NEXT;\n" +
          std::string(kWait) + "NEXT:\nbarrier.cluster.arrive;\nbarrier.cluster.wait;\n" +
          copy_out(128),
      2);
  run.describe(TensorElement::u32, {32, 1});
  run.expect_clean();
  for (std::uint32_t cta = 0; cta < 2; ++cta) {
    EXPECT_EQ(run.out.as<std::uint32_t>()[cta * kBoxBytes / 4 + 5],
              element_at<std::uint32_t>(run, 5, cta));
  }
}

TEST(Bulk, TensorMapsCanBeChanged) {
  Bulk run(
      "@%e tensormap.replace.tile.box_dim.global.b1024.b32 [%map], 0, 64;\n@%e "
      "tensormap.replace.tile.elemtype.global.b1024.b32 [%map], 1;\n@%e "
      "tensormap.replace.tile.swizzle_mode.global.b1024.b32 [%map], 3;\n@%e "
      "tensormap.replace.tile.global_stride.global.b1024.b64 [%map], 0, 512;\nadd.s64 %t1, %in, "
      "512;\n@%e tensormap.replace.tile.global_address.global.b1024.b64 [%map], "
      "%t1;\nfence.proxy.tensormap::generic.release.gpu;\nfence.proxy.tensormap::generic."
      "acquire.gpu [%map], 128;\nbar.sync 0;\n" +
      load_tile("0, 0", 256));
  run.describe(TensorElement::u32, {32, 2});
  run.expect_clean();
  EXPECT_EQ(run.out.as<std::uint16_t>()[3], run.in.as<std::uint16_t>()[256 + 3]);
  EXPECT_EQ(run.out.as<std::uint16_t>()[64 + 11], run.in.as<std::uint16_t>()[512 + 3]);
}

// Changed maps are read through a proxy of their own (PTX ISA 9.0, section 9.7.13.7).
TEST(Bulk, ChangedTensorMapsNeedBothFences) {
  const std::string change = "@%e tensormap.replace.tile.box_dim.global.b1024.b32 [%map], 0, 32;\n";
  const std::string release = "@%e fence.proxy.tensormap::generic.release.gpu;\n";
  const std::string acquire =
      "bar.sync 0;\n@%e fence.proxy.tensormap::generic.acquire.gpu [%map], 128;\n";
  const std::string load = "bar.sync 0;\n" + load_tile("0, 0", 256);
  const auto said = [&](const std::string& body) {
    Bulk run(body + load);
    run.describe(TensorElement::u32, {32, 2});
    return run.fault();
  };
  EXPECT_EQ(said(change + release + acquire), "");
  EXPECT_NE(said(change + acquire).find("generic.release follows the change"), std::string::npos);
  EXPECT_NE(said(change + release).find("generic.acquire of it comes before"), std::string::npos);
  EXPECT_NE(said(acquire + change + release).find("generic.acquire of it"), std::string::npos);
  // The copy releases, the acquire is still needed; nobody fences what is as the host made it.
  const std::string copy =
      "mov.u32 %r1, %i;\nshl.b32 %r1, %r1, 2;\ncvt.u64.u32 %t1, %r1;\nadd.s64 %t2, %map, %t1;\n"
      "ld.global.u32 %r2, [%t2];\nadd.u32 %r3, %s, %r1;\nst.shared.u32 [%r3+8192], %r2;\nbar.warp."
      "sync 0xffffffff;\n@%e tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [%s+8192], 0, 32;"
      "\nbar.warp.sync 0xffffffff;\ntensormap.cp_fenceproxy.global.shared::cta.tensormap::generic."
      "release.gpu.sync.aligned [%map], [%s+8192], 128;\n";
  EXPECT_EQ(said(copy + acquire), "");
  EXPECT_NE(said(copy).find("generic.acquire of it"), std::string::npos);
  EXPECT_EQ(said(""), "");
}

// Fences of .cta scope do for the CTA itself, of .cluster scope within a cluster.
TEST(Bulk, FencesOfTensorMapsHaveScopes) {
  const auto said = [](const std::string& release, const std::string& acquire) {
    Bulk run(
        "setp.eq.u32 %p3, %c, 0;\nand.pred %p4, %p3, %e;\n@%p4 "
        "tensormap.replace.tile.box_dim.global.b1024.b32 [%map], 0, 32;\n@%p4 "
        "fence.proxy.tensormap::generic.release." +
            release +
            ";\nbarrier.cluster.arrive;\nbarrier.cluster.wait;\n@%p3 bra END;\n@%e "
            "fence.proxy.tensormap::generic.acquire." +
            acquire + " [%map], 128;\nbar.sync 0;\n" + load_tile("0, 0", 256) +
            "END:\nbarrier.cluster.arrive;\nbarrier.cluster.wait;",
        2);
    run.describe(TensorElement::u32, {32, 2});
    return run.fault();
  };
  EXPECT_EQ(said("cluster", "cluster"), "");
  EXPECT_EQ(said("sys", "gpu"), "");
  EXPECT_NE(said("cta", "gpu").find("generic.release behind it does not reach"), std::string::npos);
  EXPECT_NE(said("gpu", "cta").find("generic.acquire before its use does not reach"),
            std::string::npos);
}

// st.async and red.async to global memory carry a release.
TEST(Bulk, AsynchronousStoresReleaseGlobalMemory) {
  for (const bool releases : {true, false}) {
    Bulk run(
        "mov.u32 %r1, %ctaid.x;\nsetp.ne.u32 %p1, %r1, 0;\n@%p1 bra READ;\n"
        "st.global.u32 [%out], 7;\n" +
        std::string(releases ? "st.async.release.gpu.global.b32 [%out+128], 1;\n"
                               "red.async.release.gpu.global.add.u32 [%out+128], 1;\n"
                             : "st.relaxed.gpu.global.b32 [%out+128], 2;\n") +
        "bra END;\nREAD:\nld.acquire.gpu.global.u32 %r2, [%out+128];\nsetp.ne.u32 %p2, %r2, "
        "2;\n@%p2 bra READ;\nld.global.u32 %r3, [%out];\nst.global.u32 [%out+256], "
        "%r3;\nEND:\n");
    run.runner.config().grid = {2, 1, 1};
    run.runner.config().cluster = {1, 1, 1};
    run.runner.config().block = {1, 1, 1};
    run.runner.config().resident_blocks = 2;
    const std::string fault = run.fault();
    if (releases) {
      EXPECT_EQ(fault, "");
      EXPECT_EQ(run.out.as<std::uint32_t>()[64], 7U);
    } else {
      EXPECT_NE(fault.find("is not ordered after the write"), std::string::npos) << fault;
    }
  }
}

TEST(Bulk, MisuseIsNamed) {
  struct Case {
    const char* body;
    const char* message;
    void (*change)(TensorMap& map) = [](TensorMap&) {};
  };
  const std::string tile =
      "@%e cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx"
      "::bytes [%s], [%map, {0, 0}], [%b];";
  const std::string own = "@%e cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes ";
  const std::string off = own + "[%s+8], [%in], 64, [%b];";
  const std::string size = own + "[%s], [%in], 24, [%b];";
  const std::string source = own + "[%s], [%in+8], 64, [%b];";
  const std::string far = own + "[%s], [%in+65536], 64, [%b];";
  const std::string end = own + "[%s+16384], [%in], 64, [%b];";
  const std::string bad = own + "[%s], [%in], 64, [%s];";
  const Case cases[] = {
      {off.c_str(), "no multiple of 16 bytes"},
      {size.c_str(), "the size of a bulk copy"},
      {source.c_str(), "the global address of a bulk copy"},
      {far.c_str(), "past the end of"},
      {end.c_str(), "is outside the shared memory"},
      {bad.c_str(), "was not initialised"},
      {tile.c_str(), "no tensor map", [](TensorMap& map) { map.magic = 1; }},
      {tile.c_str(), "the tensor map has 3", [](TensorMap& map) { map.rank = 3; }},
      {tile.c_str(), "more than the swizzle's span",
       [](TensorMap& map) { map.swizzle = TensorSwizzle::span_32; }},
      {tile.c_str(), "no multiple of 16 bytes", [](TensorMap& map) { map.box[0] = 3; }},
      {tile.c_str(), "for tiled tensor maps",
       [](TensorMap& map) {
         map.rank = 3;
         map.mode = async::TensorMode::im2col;
         map.channels = 16;
         map.pixels = 1;
       }},
      {"@%e cp.async.bulk.tensor.2d.shared::cta.global.tile.mbarrier::complete_tx::bytes [%s+64], "
       "[%map, {0, 0}], [%b];",
       "no multiple of 128 bytes"},
      {"@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], "
       "64;\nW:\nmbarrier.try_wait.parity.shared.b64 "
       "%p1, [b], 0;\n@!%p1 bra W;",
       "64 bytes of transactions"},
      {"mov.u16 %h1, 2;\n@%e cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes."
       "multicast::cluster [%s], [%in], 64, [%b], %h1;",
       "does not name CTAs of a cluster of 1"},
  };
  for (const Case& each : cases) {
    Bulk run(each.body);
    run.describe(TensorElement::u32, {32, 2});
    each.change(run.description);
    const std::string message = run.fault();
    EXPECT_NE(message.find(each.message), std::string::npos) << each.body << "\n: " << message;
  }
}

// Without its wait the data is not there in `late`; a source that is overwritten before
// wait_group.read is seen by `late`, too.
TEST(Bulk, LateOrderingShowsMissingWaits) {
  Bulk unwaited(
      "@%e st.shared.u32 [%s], 5;\n@%e mbarrier.arrive.expect_tx.shared.b64 _, [b], "
      "64;\n@%e cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%s], [%in], "
      "64, [%b];\n@%e ld.shared.u32 %r1, [%s];\n@%e st.global.u32 [%out], %r1;\n" +
      std::string(kWait));
  unwaited.runner.config().checks.races = false;
  unwaited.in.as<std::uint32_t>()[0] = 77;
  unwaited.expect_clean(async::Ordering::eager);
  EXPECT_EQ(unwaited.out.as<std::uint32_t>()[0], 77U);
  unwaited.expect_clean(async::Ordering::late);
  EXPECT_EQ(unwaited.out.as<std::uint32_t>()[0], 5U);

  const std::string store =
      fill(128) +
      "@%e cp.async.bulk.global.shared::cta.bulk_group [%out], [%s], 64;\n@%e "
      "cp.async.bulk.commit_group;\n";
  const std::string wait = "@%e cp.async.bulk.wait_group.read 0;\n";
  const std::string reuse = "@%e st.shared.u32 [%s], 9;\n@%e cp.async.bulk.wait_group 0;\n";
  Bulk reused(store + reuse);
  reused.runner.config().checks.races = false;
  reused.expect_clean(async::Ordering::late);
  EXPECT_EQ(reused.out.as<std::uint32_t>()[0], 9U);
  Bulk waited(store + wait + reuse);
  waited.expect_clean(async::Ordering::late);
  EXPECT_EQ(waited.out.as<std::uint32_t>()[0], 7U);
}

// Every CTA counts the clusters it did; together they do all of them once.
TEST(Bulk, ClustersTakeThePlaceOfOthers) {
  const std::string body =
      "mov.u32 %r1, %ctaid.x;\nmov.u32 %r4, v;\nmov.u32 %r5, 0;\nL:\nmul.wide.u32 %t1, %r1, "
      "4;\nadd.s64 %t2, %out, %t1;\n@%e red.global.add.u32 [%t2], 1;\n@%e "
      "mbarrier.arrive.expect_tx.shared.b64 _, [b], 16;\n@%e "
      "clusterlaunchcontrol.try_cancel.async.mbarrier::complete_tx::bytes.b128 [%r4], "
      "[%b];\nW:\nmbarrier.try_wait.parity.shared.b64 %p1, [b], %r5;\n@!%p1 bra W;\nxor.b32 %r5, "
      "%r5, 1;\nld.shared.b128 %q, [%r4];\nclusterlaunchcontrol.query_cancel.is_canceled.pred.b128 "
      "%p2, %q;\n@!%p2 bra END;\nclusterlaunchcontrol.query_cancel.get_first_ctaid::x.b32.b128 "
      "%r1, "
      "%q;\nfence.proxy.async.shared::cta;\nbar.sync 0;\nbra L;\nEND:";
  for (const bool steals : {true, false}) {
    Bulk run(body);
    run.runner.config().grid = {100, 1, 1};
    run.runner.config().resident_blocks = 3;
    run.runner.config().steals_clusters = steals;
    run.expect_clean();
    for (std::uint32_t i = 0; i < 100; ++i) {
      ASSERT_EQ(run.out.as<std::uint32_t>()[i], 1U) << i;
    }
    EXPECT_EQ(run.counters.ctas < 100, steals);
  }
}

}  // namespace
}  // namespace rackproof::emulator::exec::testing
