// Writes the sample as record.json, console.txt and report.html: `sample_writer FOLDER [KEY=N]...`
// with the keys racks, nodes, slots (nodes of the rack model) and gpus (per node). Golden files are
// renewed by `sample_writer tests/golden gpus=2` and looked at before they are committed.
#include "harness/record/atomic_file.hpp"
#include "harness/record/json_io.hpp"
#include "harness/report/console.hpp"
#include "harness/report/html.hpp"
#include "tests/golden/sample_record.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

int main(int argc, char** argv) {
  using namespace rackproof;  // NOLINT(google-build-using-namespace)
  if (argc < 2) {
    std::cerr << "usage: sample_writer FOLDER [KEY=N]...\n";
    return 2;
  }
  tests::SampleShape shape;
  const std::map<std::string, int*> keys{{"racks", &shape.racks},
                                         {"nodes", &shape.nodes},
                                         {"slots", &shape.rack_nodes},
                                         {"gpus", &shape.gpus_per_node}};
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto key = keys.find(argument.substr(0, argument.find('=')));
    if (key == keys.end() || argument.find('=') == std::string::npos) {
      std::cerr << "unknown argument " << argument << '\n';
      return 2;
    }
    *key->second = std::atoi(argument.substr(argument.find('=') + 1).c_str());
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const harness::record::Record record = tests::sample_record(shape);
  harness::record::write_record(record, folder / "record.json");
  std::ostringstream console;
  harness::report::print_summary(console, record);
  harness::record::write_file_atomically(folder / "console.txt", console.str());
  harness::report::write_html(record, folder / "report.html");
  return 0;
}
