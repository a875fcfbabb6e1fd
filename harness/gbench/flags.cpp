#include "harness/gbench/flags.hpp"

#include "harness/config/error.hpp"
#include "harness/config/spelling.hpp"

#include <algorithm>
#include <array>
#include <regex>

namespace rackproof::harness::gbench {
namespace {

struct Flag {
  const char* name;
  const char* values;   ///< regular expression; the empty text stands for a flag without "=..."
  const char* refusal;  ///< why it may not be used, or null
};

constexpr const char* kOwnSampling =
    "ranks sample in lockstep; set \"statistics\" in the suite file instead";
constexpr const char* kFlagSwitch = "|true|false|yes|no|on|off|1|0";

constexpr std::array kFlags{
    Flag{"benchmark_filter", ".*", nullptr},
    Flag{"benchmark_format", "console|json|csv", nullptr},
    Flag{"benchmark_out", ".+", nullptr},
    Flag{"benchmark_out_format", "console|json|csv", nullptr},
    Flag{"benchmark_color", "|auto|true|false|yes|no|on|off|1|0", nullptr},
    Flag{"benchmark_counters_tabular", kFlagSwitch, nullptr},
    Flag{"benchmark_context", "[^=]+=.*", nullptr},
    Flag{"v", "-?[0-9]+", nullptr},
    Flag{"benchmark_list_tests", "", "rackproof plan lists what would run"},
    Flag{"benchmark_repetitions", "", kOwnSampling},
    Flag{"benchmark_min_time", "", kOwnSampling},
    Flag{"benchmark_min_warmup_time", "", kOwnSampling},
    Flag{"benchmark_enable_random_interleaving", "", "ranks must run in the same order"},
    Flag{"benchmark_report_aggregates_only", "", kOwnSampling},
    Flag{"benchmark_display_aggregates_only", "", kOwnSampling},
    Flag{"benchmark_perf_counters", "", "device work is not in the host's counters"},
    Flag{"benchmark_time_unit", "", "times are in seconds in the record"},
};

std::string name_of(const std::string& flag) {
  return flag.substr(2, flag.find('=') == std::string::npos ? flag.npos : flag.find('=') - 2);
}

void check_flag(const std::string& text) {
  const std::string place = "after \"--\"";
  if (!text.starts_with("--")) {
    throw config::ConfigError(place, "\"" + text +
                                         "\" is not a flag; Google Benchmark flags look like "
                                         "--benchmark_filter=REGEX");
  }
  const std::string name = name_of(text);
  const auto* const flag = std::find_if(kFlags.begin(), kFlags.end(),
                                        [&](const Flag& known) { return name == known.name; });
  if (flag == kFlags.end()) {
    std::vector<std::string> names;
    for (const Flag& known : kFlags) {
      if (known.refusal == nullptr) {
        names.emplace_back(known.name);
      }
    }
    throw config::ConfigError(
        place, "unknown Google Benchmark flag --" + name + config::suggestion(name, names));
  }
  if (flag->refusal != nullptr) {
    throw config::ConfigError(place, "--" + name + " cannot be used: " + flag->refusal);
  }
  const std::size_t equals = text.find('=');
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (!std::regex_match(value, std::regex(flag->values))) {
    throw config::ConfigError(
        place, "--" + name + " does not take \"" + value + "\" (allowed: " + flag->values + ")");
  }
}

}  // namespace

std::optional<std::string> flag_value(const std::vector<std::string>& flags,
                                      std::string_view name) {
  const std::string prefix = "--" + std::string(name) + "=";
  const auto found = std::find_if(flags.rbegin(), flags.rend(), [&](const std::string& flag) {
    return flag.starts_with(prefix);
  });
  return found == flags.rend() ? std::nullopt : std::optional(found->substr(prefix.size()));
}

void check_flags(const std::vector<std::string>& flags) {
  std::for_each(flags.begin(), flags.end(), check_flag);
  try {
    static_cast<void>(passes_filter(flags, ""));
  } catch (const std::regex_error& error) {
    throw config::ConfigError("--benchmark_filter", "\"" + *flag_value(flags, "benchmark_filter") +
                                                        "\" is not a regular expression (" +
                                                        error.what() + ")");
  }
}

bool passes_filter(const std::vector<std::string>& flags, const std::string& displayed) {
  std::string filter = flag_value(flags, "benchmark_filter").value_or("");
  if (filter.empty() || filter == "all") {
    return true;
  }
  const bool is_negated = filter.front() == '-';
  if (is_negated) {
    filter.erase(0, 1);
  }
  return std::regex_search(displayed, std::regex(filter)) != is_negated;
}

std::string displayed_name(const std::string& name) {
  // One iteration of our own sampling, timed by hand.
  return name + "/iterations:1/manual_time";
}

}  // namespace rackproof::harness::gbench
