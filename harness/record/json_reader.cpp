#include "harness/record/fields_run.hpp"
#include "harness/record/json_io.hpp"
#include "harness/record/names.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

namespace rackproof::harness::record {
namespace {

using Json = nlohmann::json;

/// The text in which a JSON pointer escapes "~" and "/" (RFC 6901, section 3).
std::string escaped(const std::string& key) {
  std::string result;
  for (const char c : key) {
    result += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return result;
}

struct Place {
  std::string file;
  std::string pointer;

  [[nodiscard]] Place child(const std::string& key) const {
    return {file, pointer + "/" + escaped(key)};
  }
  [[noreturn]] void fail(const std::string& problem) const {
    throw ReadError(file, pointer, problem);
  }
};

/// Visits the fields of one object and insists that there are no others; see fields.hpp.
class Reader {
 public:
  Reader(const Json& object, Place place) : object_(object), place_(std::move(place)) {
    if (!object.is_object()) {
      place_.fail(std::string("expected an object, found ") + object.type_name());
    }
  }

  template <typename T>
  void operator()(const std::string& key, T& value) {
    decode(at(key), value, place_.child(key));
  }

  template <typename T>
  void operator()(const std::string& key, Reported<T>& value) {
    if (at(key).is_null()) {
      value = Reported<T>::missing(reason(key));
      return;
    }
    T present{};
    (*this)(key, present);
    value = Reported<T>(std::move(present));
  }

  template <typename T>
  void if_present(const std::string& key, std::optional<T>& value) {
    if (object_.contains(key)) {
      (*this)(key, value.emplace());
    }
  }

  void if_not_empty(const std::string& key, std::string& value) {
    if (object_.contains(key)) {
      (*this)(key, value);
    }
  }

  void any_number(const std::string& key, double& value) {
    if (!at(key).is_null()) {
      (*this)(key, value);
      return;
    }
    const std::string word = reason(key);
    if (word != "NaN" && word != "infinity" && word != "-infinity") {
      place_.child(key + "_reason").fail("expected NaN, infinity or -infinity");
    }
    const double infinity = std::numeric_limits<double>::infinity();
    value = word == "NaN" ? std::numeric_limits<double>::quiet_NaN()
                          : (word == "infinity" ? infinity : -infinity);
  }

  void verified(const std::string& key, const Reported<kernels::Verification>&) {
    Reported<bool> verified;
    (*this)(key, verified);
    const Json& verification = at("verification");
    const bool agrees =
        verified ? verification.is_object() && verification.value("passed", !*verified) == *verified
                 : verification.is_null();
    if (!agrees) {
      place_.child(key).fail("disagrees with verification/passed");
    }
  }

  void schema_version() {
    std::string version;
    (*this)("schema_version", version);
    const std::string known(kSchemaVersion);
    if (version.substr(0, version.find('.')) != known.substr(0, known.find('.'))) {
      place_.child("schema_version").fail("version " + version + ", this program reads " + known);
    }
  }

  /// Call once all fields were visited.
  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      if (!used_.contains(key)) {
        place_.child(key).fail("unknown field");
      }
    }
  }

 private:
  const Json& at(const std::string& key) {
    used_.insert(key);
    const auto found = object_.find(key);
    if (found == object_.end()) {
      place_.child(key).fail("the field is missing");
    }
    return *found;
  }

  std::string reason(const std::string& key) {
    std::string text;
    (*this)(key + "_reason", text);
    return text;
  }

  static void expect(bool right, const char* expected, const Json& value, const Place& place) {
    if (!right) {
      place.fail(std::string("expected ") + expected + ", found " + value.type_name());
    }
  }

  static void decode(const Json& json, std::string& value, const Place& place) {
    expect(json.is_string(), "a text", json, place);
    value = json.get<std::string>();
    if (value.empty()) {
      place.fail("empty text; what is missing is null with a reason");
    }
  }
  static void decode(const Json& json, bool& value, const Place& place) {
    expect(json.is_boolean(), "true or false", json, place);
    value = json.get<bool>();
  }
  static void decode(const Json& json, double& value, const Place& place) {
    expect(json.is_number(), "a number", json, place);
    value = json.get<double>();
    if (!std::isfinite(value)) {
      place.fail("the number is too large");
    }
  }
  static void decode(const Json& json, kernels::ComputeCapability& value, const Place& place) {
    std::string text;
    decode(json, text, place);
    const char* const end = text.data() + text.size();
    const auto [dot, major_error] = std::from_chars(text.data(), end, value.major);
    if (major_error != std::errc{} || dot == end || *dot != '.') {
      place.fail("expected a compute capability like \"10.3\"");
    }
    const auto [rest, minor_error] = std::from_chars(dot + 1, end, value.minor);
    if (minor_error != std::errc{} || rest != end) {
      place.fail("expected a compute capability like \"10.3\"");
    }
  }
  static void decode(const Json& json, std::vector<std::string>& values, const Place& place) {
    expect(json.is_array(), "an array", json, place);
    for (std::size_t i = 0; i < json.size(); ++i) {
      expect(json[i].is_string(), "a text", json[i], place.child(std::to_string(i)));
      values.push_back(json[i].get<std::string>());
    }
  }
  static void decode(const Json& json, std::map<std::string, std::string>& values,
                     const Place& place) {
    expect(json.is_object(), "an object", json, place);
    for (const auto& [key, item] : json.items()) {
      expect(item.is_string(), "a text", item, place.child(key));
      values.emplace(key, item.get<std::string>());
    }
  }
  static void decode(const Json& json, std::map<std::string, double, std::less<>>& values,
                     const Place& place) {
    expect(json.is_object(), "an object", json, place);
    for (const auto& [key, item] : json.items()) {
      decode(item, values[key], place.child(key));
    }
  }
  static void decode(const Json& json, kernels::ParamMap& values, const Place& place) {
    expect(json.is_object(), "an object", json, place);
    for (const auto& [key, item] : json.items()) {
      values.emplace(key, parameter(item, place.child(key)));
    }
  }

  template <typename T>
  static kernels::ParamValue decoded(const Json& json, const Place& place) {
    T value{};
    decode(json, value, place);
    return value;
  }
  static kernels::ParamValue parameter(const Json& json, const Place& place) {
    if (json.is_boolean()) {
      return decoded<bool>(json, place);
    }
    if (json.is_number_integer()) {
      return decoded<std::int64_t>(json, place);
    }
    if (json.is_number()) {
      return decoded<double>(json, place);
    }
    if (json.is_array()) {
      return !json.empty() && json.front().is_string()
                 ? decoded<std::vector<std::string>>(json, place)
                 : decoded<std::vector<std::int64_t>>(json, place);
    }
    return decoded<std::string>(json, place);
  }

  template <typename T>
  static void decode(const Json& json, std::vector<T>& values, const Place& place) {
    expect(json.is_array(), "an array", json, place);
    for (std::size_t i = 0; i < json.size(); ++i) {
      decode(json[i], values.emplace_back(), place.child(std::to_string(i)));
    }
  }

  template <typename T>
  static void decode(const Json& json, T& value, const Place& place) {
    if constexpr (std::is_enum_v<T>) {
      decode_word(json, value, place);
    } else if constexpr (std::is_integral_v<T>) {
      decode_integer(json, value, place);
    } else {
      Reader reader(json, place);
      fields(reader, value);
      reader.finish();
    }
  }

  template <typename Enum>
  static void decode_word(const Json& json, Enum& value, const Place& place) {
    std::string word;
    decode(json, word, place);
    std::string known;
    for (const auto& [enumerator, name] : names_of(Enum{})) {
      if (name == word) {
        value = enumerator;
        return;
      }
      known += (known.empty() ? "" : ", ") + std::string(name);
    }
    place.fail("'" + word + "' is not one of: " + known);
  }

  template <typename Integer>
  static void decode_integer(const Json& json, Integer& value, const Place& place) {
    expect(json.is_number_integer(), "an integer", json, place);
    const bool fits = json.is_number_unsigned() ? std::in_range<Integer>(json.get<std::uint64_t>())
                                                : std::in_range<Integer>(json.get<std::int64_t>());
    if (!fits) {
      place.fail("the integer is out of range");
    }
    value = json.get<Integer>();
  }

  const Json& object_;
  Place place_;
  std::set<std::string> used_;
};

/// Rebuilds the rank-to-GPU table, which the document holds as the rank of each GPU.
void place_ranks(Record& record, const Place& place) {
  topology::Topology& topology = record.topology;
  topology.backend = record.run.backend;
  topology.driver_version = record.software.driver.value_or("");
  std::map<int, topology::Place> by_rank;
  for (std::size_t r = 0; r < topology.racks.size(); ++r) {
    for (std::size_t n = 0; n < topology.racks[r].nodes.size(); ++n) {
      const std::vector<topology::Gpu>& gpus = topology.racks[r].nodes[n].gpus;
      for (std::size_t g = 0; g < gpus.size(); ++g) {
        if (!by_rank.emplace(gpus[g].rank, topology::Place{r, n, g}).second) {
          place.fail("rank " + std::to_string(gpus[g].rank) + " drives two GPUs");
        }
      }
    }
  }
  for (const auto& [rank, where] : by_rank) {
    if (rank != static_cast<int>(topology.places.size())) {
      place.fail("rank " + std::to_string(topology.places.size()) + " drives no GPU");
    }
    topology.places.push_back(where);
  }
}

}  // namespace

ReadError::ReadError(std::string file, std::string pointer, const std::string& problem)
    : std::runtime_error(file + ": " + (pointer.empty() ? "" : pointer + ": ") + problem),
      file_(std::move(file)),
      pointer_(std::move(pointer)) {}

Record from_json(std::string_view text, const std::string& file) {
  Json document;
  try {
    document = Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw ReadError(file, "", std::string("not JSON: ") + error.what());
  }
  const Place root{file, ""};
  Record record;
  Reader reader(document, root);
  fields(reader, record);
  reader.finish();
  place_ranks(record, root.child("topology"));
  return record;
}

Record read_record(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) {
    throw ReadError(path.string(), "", "cannot read the file");
  }
  return from_json(text.str(), path.string());
}

}  // namespace rackproof::harness::record
