#include "harness/cli/commands.hpp"
#include "harness/record/json_io.hpp"
#include "harness/report/console.hpp"
#include "harness/report/html.hpp"

#include <filesystem>
#include <iostream>

namespace rackproof::harness::cli {

ExitCode report(const ReportCommand& command) {
  const record::Record record = record::read_record(command.record);
  report::print_summary(std::cout, record);
  const std::filesystem::path html =
      command.html ? std::filesystem::path(*command.html)
                   : std::filesystem::path(command.record).parent_path() / "report.html";
  report::write_html(record, html);
  std::cout << "report: " << html.string() << '\n';
  return ExitCode::ok;
}

}  // namespace rackproof::harness::cli
