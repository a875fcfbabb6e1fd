#include "harness/report/text_table.hpp"

#include <algorithm>
#include <ostream>
#include <stdexcept>

namespace rackproof::harness::report {
namespace {

/// Columns that a terminal gives to UTF-8 text of single-width characters.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

void TextTable::add_row(std::vector<std::string> cells) {
  if (cells.size() != columns_.size()) {
    throw std::invalid_argument("a table row needs one cell per column");
  }
  rows_.push_back(std::move(cells));
}

void TextTable::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t widest = width(columns_[c].title);
    for (const std::vector<std::string>& row : rows_) {
      widest = std::max(widest, width(row[c]));
    }
    widths.push_back(widest);
  }
  const auto print_line = [&](auto cell) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string text = cell(c);
      const std::string padding(widths[c] - width(text), ' ');
      line += "  " + (columns_[c].align == Align::left ? text + padding : padding + text);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  print_line([&](std::size_t c) { return columns_[c].title; });
  print_line([&](std::size_t c) { return std::string(widths[c], '-'); });
  for (const std::vector<std::string>& row : rows_) {
    print_line([&](std::size_t c) { return row[c]; });
  }
}

}  // namespace rackproof::harness::report
