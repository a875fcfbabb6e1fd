#pragma once
/// A table of aligned columns for a terminal.

#include <iosfwd>
#include <string>
#include <vector>

namespace rackproof::harness::report {

class TextTable {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::right;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell per column. Throws std::invalid_argument otherwise.
  void add_row(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// Titles, a rule, the rows; two spaces before each line and between columns.
  void print(std::ostream& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace rackproof::harness::report
