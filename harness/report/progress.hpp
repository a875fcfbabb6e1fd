#pragma once
/// What a run says while it goes on.

#include "harness/record/benchmark.hpp"

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace rackproof::harness::report {

/// On a terminal one line that is overwritten, with the time left; elsewhere one line per finished
/// benchmark. Results that are wrong or failed always get a line of their own.
class ProgressPrinter {
 public:
  struct Options {
    bool live = false;         ///< the stream is a terminal
    std::size_t columns = 80;  ///< of the terminal; a live line is cut to it
    /// Seconds of a steady clock; tests bring their own.
    std::function<double()> now_s;
  };

  ProgressPrinter(std::ostream& out, std::size_t benchmarks, Options options);

  void start(std::string_view name);
  void finish(const record::Benchmark& benchmark);
  /// Removes the live line.
  void end();

 private:
  [[nodiscard]] std::string counter() const;
  [[nodiscard]] std::string time_left() const;
  void show_live(const std::string& line);

  std::ostream& out_;
  std::size_t benchmarks_;
  std::size_t finished_ = 0;
  Options options_;
  double began_s_;
};

/// Live on a terminal, plain elsewhere (also where TERM is "dumb"), with the steady clock.
[[nodiscard]] ProgressPrinter::Options progress_options_for(int file_descriptor);

}  // namespace rackproof::harness::report
