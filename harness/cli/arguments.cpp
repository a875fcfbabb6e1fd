#include "harness/cli/arguments.hpp"

#include "harness/config/error.hpp"
#include "harness/config/spelling.hpp"
#include "rackproof_build_info.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace rackproof::harness::cli {
namespace {

/// A check whose text is a sentence: what the value must be and what was found.
template <typename Value>
CLI::Validator must_be(const std::string& what, bool (*is_allowed)(Value)) {
  return {[what, is_allowed](std::string& text) {
            Value value{};
            const char* end = text.data() + text.size();
            const auto parsed = std::from_chars(text.data(), end, value);
            const bool is_good = parsed.ec == std::errc{} && parsed.ptr == end && is_allowed(value);
            return is_good ? std::string() : "must be " + what + ", found \"" + text + "\"";
          },
          ""};
}

void add_target(CLI::App& command, Target& target) {
  command.add_option("--emulate", target.emulate,
                     "emulate this rack: a name of configs/racks/ or a path");
  command.add_option("--trays", target.trays, "trays of the emulated rack (default 1)")
      ->check(must_be<int>("a whole number from 1", [](int value) { return value >= 1; }));
  command.add_option("--suite", target.suite,
                     "what to run: a name of configs/suites/ or a path (default: acceptance on "
                     "GPUs, smoke on the emulator)");
  command.add_option("--filter", target.filter,
                     "only benchmarks whose name matches this regular expression");
}

/// CLI11's text in one line, with the nearest flag for one that is not known.
std::string explain(const CLI::App& app, const CLI::ParseError& error,
                    const std::vector<std::string>& words) {
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  const CLI::App* command = app.get_subcommands().empty() ? &app : app.get_subcommands().front();
  if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) {
    return text;  // must_be() has said it all
  }
  if (command == &app && !words.empty() && !words.front().starts_with("-")) {
    std::vector<std::string> commands;
    for (const CLI::App* known : app.get_subcommands({})) {
      commands.push_back(known->get_name());
    }
    return "unknown command " + words.front() + config::suggestion(words.front(), commands);
  }
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    std::vector<std::string> flags;
    for (const CLI::Option* option : command->get_options()) {
      flags.push_back(option->get_name(false, true));
    }
    for (const std::string& word : words) {
      const std::string name = word.substr(0, word.find('='));
      if (text.find(name) != std::string::npos && name.starts_with("--")) {
        return "unknown flag " + name + config::suggestion(name, flags);
      }
    }
  }
  return text + "; see rackproof " + (command == &app ? std::string() : command->get_name() + " ") +
         "--help";
}

}  // namespace

Arguments parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  arguments.words = words;

  const auto separator = std::find(words.begin(), words.end(), "--");
  const std::vector<std::string> own(words.begin(), separator);

  CLI::App app{"Proves what a GB300 NVL72 rack delivers.", "rackproof"};
  app.set_version_flag("--version", "rackproof " + std::string(build_info::kVersion));
  app.require_subcommand(1);

  app.add_subcommand("list", "operations, variants, collectives, suites and racks");

  PlanCommand plan;
  CLI::App* plan_app =
      app.add_subcommand("plan", "every problem with its size and the reason, without running");
  add_target(*plan_app, plan.target);

  RunCommand run;
  CLI::App* run_app = app.add_subcommand("run", "plan, measure, verify, write record and report");
  add_target(*run_app, run.target);
  run_app->add_option("--out", run.out,
                      "folder of the results (default results/local/<UTC time>-<suite>)");
  run_app->add_option("--seed", run.seed, "seed of the random inputs (default 1)")
      ->check(must_be<std::uint64_t>("a whole number from 0 to 18446744073709551615",
                                     [](std::uint64_t) { return true; }));
  run_app
      ->add_option("--timeout", run.timeout_s,
                   "longest time in seconds that one step may take (default 300)")
      ->check(must_be<double>("a number of seconds above 0",
                              [](double value) { return value > 0 && std::isfinite(value); }));
  run_app->add_option("--plant", run.plant,
                      "REGEX[@RANK]: corrupt one element of each matching result before it is "
                      "verified; the run must end with exit code 5");
  run_app->footer("Everything after -- goes to Google Benchmark.");

  ReportCommand report;
  CLI::App* report_app = app.add_subcommand("report", "render a record again");
  report_app->add_option("record", report.record, "record.json of a run")->required();
  report_app->add_option("--html", report.html, "where the HTML goes (default: beside the record)");

  WorkCommand work;
  CLI::App* work_app = app.add_subcommand(
      "work", "count the work of canonical problems on the emulator, compare with the baseline");
  work_app->add_option("--emulate", work.emulate,
                       "emulate this rack: a name of configs/racks/ or a path");
  work_app->add_option("--suite", work.suite, "canonical problems (default work)");
  CLI::Option* filter = work_app->add_option(
      "--filter", work.filter, "only problems whose name matches this regular expression");
  work_app->add_option("--baselines", work.baselines,
                       "folder of the baselines (default results/baselines/work; of another rack "
                       "than gb300-nvl72 the folder of its name there)");
  work_app->add_flag("--update", work.update, "write the baselines anew")->excludes(filter);
  work_app->add_flag("--json", work.json, "print JSON instead of a table");

  try {
    std::vector<std::string> reversed(own.rbegin(), own.rend());  // CLI11 takes them from the back
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    arguments.command =
        Help{app.get_subcommands().empty() ? app.help() : app.get_subcommands().front()->help()};
    return arguments;
  } catch (const CLI::CallForVersion& version) {
    arguments.command = Help{std::string(version.what()) + "\n"};
    return arguments;
  } catch (const CLI::ParseError& error) {
    throw config::ConfigError("command line", explain(app, error, own));
  }

  const std::vector<std::string> rest(separator == words.end() ? separator : separator + 1,
                                      words.end());
  if (run_app->parsed()) {
    run.benchmark_flags = rest;
    arguments.command = std::move(run);
    return arguments;
  }
  if (!rest.empty()) {
    throw config::ConfigError("command line", "only `run` takes flags after \"--\"");
  }
  if (plan_app->parsed()) {
    arguments.command = std::move(plan);
  } else if (report_app->parsed()) {
    arguments.command = std::move(report);
  } else if (work_app->parsed()) {
    arguments.command = std::move(work);
  } else {
    arguments.command = ListCommand{};
  }
  return arguments;
}

}  // namespace rackproof::harness::cli
