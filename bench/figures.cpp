#include "bench/figures.hpp"

#include <cstdio>

namespace rackproof::bench {

const std::vector<Figure>& figures() {
  static const std::vector<Figure> list = {
      {"fma loop", "G thread-instr/s", 2},
      {"integer loop", "G thread-instr/s", 3},
      {"copy 4 bytes", "G thread-instr/s", 0.8},
      {"copy 16 bytes", "G thread-instr/s", 0.8},
      {"divergent loop", "G thread-instr/s", 1.5},
      {"tiled fp32 GEMM 512^3", "s", 0.5, false},
      {"mma.sync bf16 GEMM 1024^3", "s", 2, false},
      {"PTX parse", "MB/s", 30, true, false},
      {"start of an empty program", "ms", 50, false, false},
      {"memory per byte touched", "bytes", 1.1, false, false},
  };
  return list;
}

bool print_comparison(const Values& checks_off, const Values& checks_on,
                      const Values& two_threads) {
  bool all_met = true;
  std::printf("%-27s %-17s %9s %9s %5s  %9s %6s  %9s %6s\n", "figure", "unit", "target", "one core",
              "", "checks on", "slower", "2 threads", "faster");
  const auto value_of = [](const Values& values, std::string_view name, double& value) {
    const auto found = values.find(name);
    value = found == values.end() ? 0 : found->second;
    return found != values.end();
  };
  for (const Figure& figure : figures()) {
    double off = 0;
    const bool met = value_of(checks_off, figure.name, off) && figure.met(off);
    all_met = all_met && met;
    std::printf("%-27.*s %-17.*s %s%8.4g %9.4g %5s", static_cast<int>(figure.name.size()),
                figure.name.data(), static_cast<int>(figure.unit.size()), figure.unit.data(),
                figure.higher_is_better ? ">" : "<", figure.target, off, met ? "ok" : "MISS");
    if (double on = 0; figure.compared_with_checks) {
      const bool have = value_of(checks_on, figure.name, on);
      const double slower = have ? figure.times_worse(on, off) : 0;
      const bool fine = have && slower <= kChecksMaySlowDown;
      all_met = all_met && fine;
      std::printf("  %9.4g %5.1fx%s", on, slower, fine ? "" : " MISS");
    }
    if (double two = 0; value_of(two_threads, figure.name, two)) {
      std::printf("  %9.4g %5.2fx", two, figure.times_worse(off, two));
    }
    std::printf("\n");
  }
  return all_met;
}

}  // namespace rackproof::bench
