#include "harness/report/html_text.hpp"

#include "harness/record/names.hpp"
#include "harness/report/format.hpp"

#include <fmt/format.h>

namespace rackproof::harness::report {

std::string escape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string breakable(std::string_view name) {
  std::string result;
  for (const char c : escape(name)) {
    result += c;
    result += c == '/' ? "<wbr>" : "";
  }
  return result;
}

std::string basis_badge(record::Basis basis) {
  const std::string_view word = record::name_of(basis);
  return fmt::format(R"(<span class="badge {0}">{0}</span>)", word);
}

std::string missing(std::string_view reason) {
  return fmt::format(
      R"(<span class="missing" title="{0}">&ndash;<span class="aloud">{0}</span></span>)",
      escape(reason));
}

std::string figure_or_missing(const record::Reported<record::Throughput>& rate) {
  return rate ? figure(rate->value) : missing(rate.reason());
}

std::string html_duration(double seconds) {
  std::string text = duration(seconds);
  const std::size_t micro = text.find(" us");
  return micro == std::string::npos ? text : text.replace(micro, 3, " &micro;s");
}

std::string fact(std::string_view name, const std::string& value) {
  return fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape(name), value);
}

std::string fact(std::string_view name, const record::Reported<std::string>& value) {
  return fact(
      name, value ? escape(*value)
                  : fmt::format("<span class=\"missing\">none: {}</span>", escape(value.reason())));
}

}  // namespace rackproof::harness::report
