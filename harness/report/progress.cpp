#include "harness/report/progress.hpp"

#include "harness/record/names.hpp"
#include "harness/report/format.hpp"
#include "harness/report/summary.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <ostream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace rackproof::harness::report {
namespace {

constexpr std::string_view kClearLine = "\r\033[K";

std::string verification_words(const record::Benchmark& benchmark) {
  const VerificationCount counted = count_verified(benchmark);
  return counted.wrong == 0 && counted.unknown == 0
             ? "verified"
             : fmt::format("{} of {} verified", counted.verified, benchmark.gpus.size());
}

/// What came out, in one line without counter and times.
std::string result(const record::Benchmark& benchmark) {
  if (benchmark.status != record::Status::ok) {
    return fmt::format("{}: {}", status_words(benchmark.status), benchmark.status_reason);
  }
  const auto rate = per_gpu(benchmark);
  if (!rate) {
    return fmt::format("no figure: {}", rate.reason());
  }
  return fmt::format("{} per GPU ({}), {}", figure(rate->median, rate->unit),
                     record::name_of(rate->basis), verification_words(benchmark));
}

}  // namespace

ProgressPrinter::ProgressPrinter(std::ostream& out, std::size_t benchmarks, Options options)
    : out_(out),
      benchmarks_(benchmarks),
      options_(std::move(options)),
      began_s_(options_.now_s()) {}

std::string ProgressPrinter::counter() const {
  const std::string total = std::to_string(benchmarks_);
  return fmt::format("[{:>{}}/{}]", finished_, total.size(), total);
}

std::string ProgressPrinter::time_left() const {
  if (finished_ == 0 || finished_ >= benchmarks_) {
    return "";
  }
  const double per_benchmark_s = (options_.now_s() - began_s_) / static_cast<double>(finished_);
  return "about " + waiting_time(per_benchmark_s * static_cast<double>(benchmarks_ - finished_)) +
         " left";
}

void ProgressPrinter::show_live(const std::string& line) {
  out_ << kClearLine << line.substr(0, options_.columns - 1) << std::flush;
}

void ProgressPrinter::start(std::string_view name) {
  if (options_.live) {
    const std::string left = time_left();
    show_live(fmt::format("{} {}{}{}", counter(), left, left.empty() ? "" : ": ", name));
  }
}

void ProgressPrinter::finish(const record::Benchmark& benchmark) {
  ++finished_;
  const std::string line = fmt::format("{} {}  {}", counter(), benchmark.name, result(benchmark));
  const bool bad =
      benchmark.status == record::Status::wrong || benchmark.status == record::Status::failed;
  if (!options_.live) {
    const std::string left = time_left();
    out_ << line << (left.empty() ? "" : ", ") << left << std::endl;
  } else if (bad) {
    out_ << kClearLine << line << std::endl;
  } else {
    show_live(line);
  }
}

void ProgressPrinter::end() {
  if (options_.live) {
    out_ << kClearLine << std::flush;
  }
}

ProgressPrinter::Options progress_options_for(int file_descriptor) {
  ProgressPrinter::Options options;
  const char* const terminal = std::getenv("TERM");
  options.live = ::isatty(file_descriptor) == 1 &&
                 (terminal == nullptr || std::string_view(terminal) != "dumb");
  winsize window{};
  if (options.live && ::ioctl(file_descriptor, TIOCGWINSZ, &window) == 0 && window.ws_col > 1) {
    options.columns = window.ws_col;
  }
  options.now_s = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  return options;
}

}  // namespace rackproof::harness::report
