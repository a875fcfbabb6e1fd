#include "harness/record/atomic_file.hpp"
#include "harness/record/fields_run.hpp"
#include "harness/record/json_io.hpp"
#include "harness/record/json_layout.hpp"
#include "harness/record/names.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <optional>
#include <variant>

namespace rackproof::harness::record {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void reject(const std::string& pointer, const std::string& problem) {
  throw InvalidRecord("the record is wrong at " + pointer + ": " + problem);
}

/// Visits the fields of one object; see fields.hpp.
class Writer {
 public:
  Writer(std::string pointer, Basis basis) : pointer_(std::move(pointer)), basis_(basis) {}

  [[nodiscard]] Json take() { return std::move(object_); }

  template <typename T>
  void operator()(const char* key, const T& value) {
    object_[key] = encode(value, pointer_ + "/" + key);
  }

  template <typename T>
  void operator()(const char* key, const Reported<T>& value) {
    if (value) {
      (*this)(key, *value);
      return;
    }
    set_missing(key, value.reason());
  }

  template <typename T>
  void if_present(const char* key, const std::optional<T>& value) {
    if (value) {
      (*this)(key, *value);
    }
  }

  void if_not_empty(const char* key, const std::string& value) {
    if (!value.empty()) {
      object_[key] = value;
    }
  }

  /// A number that a wrong kernel may have made infinite or not a number; JSON has neither.
  void any_number(const char* key, double value) {
    if (std::isfinite(value)) {
      object_[key] = value;
    } else {
      set_missing(key, std::isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity");
    }
  }

  void verified(const char* key, const Reported<kernels::Verification>& verification) {
    if (verification) {
      object_[key] = verification->passed;
    } else {
      set_missing(key, verification.reason());
    }
  }

  void schema_version() { object_["schema_version"] = kSchemaVersion; }

 private:
  void set_missing(const std::string& key, const std::string& reason) {
    if (reason.empty()) {
      reject(pointer_ + "/" + key, "missing without a reason");
    }
    object_[key] = nullptr;
    object_[key + "_reason"] = reason;
  }

  Json encode(const std::string& value, const std::string& pointer) {
    if (value.empty()) {
      reject(pointer, "empty text");
    }
    return value;
  }
  Json encode(double value, const std::string& pointer) {
    if (!std::isfinite(value)) {
      reject(pointer, "the figure is not finite");
    }
    return value;
  }
  Json encode(Basis value, const std::string& pointer) {
    if (value != basis_) {
      reject(pointer, "the basis is not the one of the run's backend");
    }
    return name_of(value);
  }
  Json encode(const kernels::ComputeCapability& value, const std::string&) {
    return std::to_string(value.major) + "." + std::to_string(value.minor);
  }
  // Texts of the user's own: an argument or a variable may be empty.
  Json encode(const std::vector<std::string>& value, const std::string&) { return value; }
  Json encode(const std::map<std::string, std::string>& value, const std::string&) { return value; }
  Json encode(const std::map<std::string, double, std::less<>>& values,
              const std::string& pointer) {
    Json object = Json::object();
    for (const auto& [key, value] : values) {
      object[key] = encode(value, pointer + "/" + key);
    }
    return object;
  }
  Json encode(const kernels::ParamMap& values, const std::string& pointer) {
    Json object = Json::object();
    for (const auto& [key, value] : values) {
      const std::string place = pointer + "/" + key;
      object[key] = std::visit([&](const auto& x) { return encode(x, place); }, value);
    }
    return object;
  }

  template <typename T>
  Json encode(const std::vector<T>& values, const std::string& pointer) {
    Json array = Json::array();
    for (const T& value : values) {
      array.push_back(encode(value, pointer + "/" + std::to_string(array.size())));
    }
    return array;
  }

  template <typename T>
  Json encode(const T& value, const std::string& pointer) {
    if constexpr (std::is_enum_v<T>) {
      return name_of(value);
    } else if constexpr (std::is_arithmetic_v<T>) {
      return value;
    } else {
      Writer writer(pointer, basis_);
      fields(writer, value);
      return writer.take();
    }
  }

  std::string pointer_;
  Basis basis_;
  Json object_ = Json::object();
};

}  // namespace

std::string to_json(const Record& record) {
  Writer writer("", record.run.basis());
  fields(writer, record);
  return lay_out(writer.take());
}

void write_record(const Record& record, const std::filesystem::path& path) {
  write_file_atomically(path, to_json(record));
}

}  // namespace rackproof::harness::record
