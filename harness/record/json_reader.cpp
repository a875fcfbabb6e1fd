#include "harness/record/fields_run.hpp"
#include "harness/record/json_decode.hpp"
#include "harness/record/json_io.hpp"
#include "harness/record/names.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

namespace rackproof::harness::record {
namespace {

using Json = nlohmann::json;

/// Visits the fields of one object and insists that there are no others; see fields.hpp.
class Reader {
 public:
  Reader(const Json& object, DocumentPlace place) : object_(object), place_(std::move(place)) {
    if (!object.is_object()) {
      place_.fail(std::string("expected an object, found ") + object.type_name());
    }
  }

  template <typename T>
  void operator()(const std::string& key, T& value) {
    read(at(key), value, place_.child(key));
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

  static void read(const Json& json, std::vector<std::string>& values, const DocumentPlace& place) {
    decode(json, values, place);
  }
  template <typename T>
  static void read(const Json& json, std::vector<T>& values, const DocumentPlace& place) {
    expect(json.is_array(), "an array", json, place);
    for (std::size_t i = 0; i < json.size(); ++i) {
      read(json[i], values.emplace_back(), place.child(std::to_string(i)));
    }
  }

  template <typename T>
  static void read(const Json& json, T& value, const DocumentPlace& place) {
    if constexpr (requires { decode(json, value, place); }) {
      decode(json, value, place);
    } else if constexpr (std::is_enum_v<T>) {
      read_word(json, value, place);
    } else if constexpr (std::is_integral_v<T>) {
      decode_integer(json, value, place);
    } else {
      Reader reader(json, place);
      fields(reader, value);
      reader.finish();
    }
  }

  template <typename Enum>
  static void read_word(const Json& json, Enum& value, const DocumentPlace& place) {
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

  const Json& object_;
  DocumentPlace place_;
  std::set<std::string> used_;
};

/// Rebuilds the rank-to-GPU table, which the document holds as the rank of each GPU.
void place_ranks(Record& record, const DocumentPlace& place) {
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
  } catch (const Json::exception& error) {  // also a number that no double holds
    throw ReadError(file, "", std::string("not JSON: ") + error.what());
  }
  const DocumentPlace root{file, ""};
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
