#include "harness/measure/codec.hpp"

#include "harness/ranks/message.hpp"
#include "harness/record/fields.hpp"

#include <string>

namespace rackproof::harness::measure {
namespace {

using Json = nlohmann::json;
using record::Reported;

Json write(const record::Range& range) {
  return {range.min, range.median, range.max};
}
void read(const Json& json, record::Range& range) {
  range = {json.at(0).get<double>(), json.at(1).get<double>(), json.at(2).get<double>()};
}

template <typename T>
Json write(const T& value) {
  return value;
}
template <typename T>
void read(const Json& json, T& value) {
  json.get_to(value);
}

Json write(const kernels::Verification& v);
void read(const Json& json, kernels::Verification& v);
Json write(const kernels::KernelResources& r);
void read(const Json& json, kernels::KernelResources& r);
Json write(const record::WorkCounts& w);
void read(const Json& json, record::WorkCounts& w);
Json write(const record::Telemetry& t);
void read(const Json& json, record::Telemetry& t);
Json write(const BaselineMeasurement& b);
void read(const Json& json, BaselineMeasurement& b);

template <typename T>
Json write(const Reported<T>& reported) {
  return reported ? Json{{"value", write(*reported)}} : Json{{"reason", reported.reason()}};
}
template <typename T>
void read(const Json& json, Reported<T>& reported) {
  if (!json.contains("value")) {
    reported = Reported<T>::missing(json.at("reason").get<std::string>());
    return;
  }
  T value{};
  read(json.at("value"), value);
  reported = std::move(value);
}

Json write(const kernels::Verification& v) {
  Json json{{"passed", v.passed},        {"checked", v.checked_elements},
            {"total", v.total_elements}, {"wrong", v.wrong_elements},
            {"max_error", v.max_error},  {"tolerance", v.tolerance},
            {"measure", v.measure}};
  if (v.first_wrong) {
    json["first_wrong"] = {{"index", v.first_wrong->index},
                           {"coordinate", v.first_wrong->coordinate},
                           {"expected", v.first_wrong->expected},
                           {"actual", v.first_wrong->actual}};
  }
  return json;
}

void read(const Json& json, kernels::Verification& v) {
  json.at("passed").get_to(v.passed);
  json.at("checked").get_to(v.checked_elements);
  json.at("total").get_to(v.total_elements);
  json.at("wrong").get_to(v.wrong_elements);
  json.at("max_error").get_to(v.max_error);
  json.at("tolerance").get_to(v.tolerance);
  json.at("measure").get_to(v.measure);
  if (const auto found = json.find("first_wrong"); found != json.end()) {
    kernels::WrongElement& wrong = v.first_wrong.emplace();
    found->at("index").get_to(wrong.index);
    found->at("coordinate").get_to(wrong.coordinate);
    found->at("expected").get_to(wrong.expected);
    found->at("actual").get_to(wrong.actual);
  }
}

Json write(const kernels::KernelResources& r) {
  return {{"kernel", r.kernel},
          {"registers", r.registers_per_thread},
          {"spill", r.spill_bytes_per_thread},
          {"shared", r.shared_bytes_per_block},
          {"threads", r.threads_per_block},
          {"blocks", r.blocks},
          {"choice", r.choice}};
}

void read(const Json& json, kernels::KernelResources& r) {
  json.at("kernel").get_to(r.kernel);
  json.at("registers").get_to(r.registers_per_thread);
  json.at("spill").get_to(r.spill_bytes_per_thread);
  json.at("shared").get_to(r.shared_bytes_per_block);
  json.at("threads").get_to(r.threads_per_block);
  json.at("blocks").get_to(r.blocks);
  json.at("choice").get_to(r.choice);
}

Json write(const record::WorkCounts& w) {
  Json json;
  const auto visit = [&](const char* key, const auto& value) { json[key] = value; };
  record::fields(visit, w);
  return json;
}

void read(const Json& json, record::WorkCounts& w) {
  const auto visit = [&](const char* key, auto& value) { json.at(key).get_to(value); };
  record::fields(visit, w);
}

Json write(const record::Telemetry& t) {
  return {{"sm_clock_mhz", write(t.sm_clock_mhz)},
          {"memory_clock_mhz", write(t.memory_clock_mhz)},
          {"power_w", write(t.power_w)},
          {"temperature_c", write(t.temperature_c)},
          {"energy_j", write(t.energy_j)},
          {"clock_event_reasons", write(t.clock_event_reasons)}};
}

void read(const Json& json, record::Telemetry& t) {
  read(json.at("sm_clock_mhz"), t.sm_clock_mhz);
  read(json.at("memory_clock_mhz"), t.memory_clock_mhz);
  read(json.at("power_w"), t.power_w);
  read(json.at("temperature_c"), t.temperature_c);
  read(json.at("energy_j"), t.energy_j);
  read(json.at("clock_event_reasons"), t.clock_event_reasons);
}

Json write(const BaselineMeasurement& b) {
  return {{"library", b.library}, {"samples_s", b.samples_s}};
}

void read(const Json& json, BaselineMeasurement& b) {
  json.at("library").get_to(b.library);
  json.at("samples_s").get_to(b.samples_s);
}

}  // namespace

std::vector<std::byte> encode(const RankMeasurement& m) {
  return ranks::pack(Json{{"samples_s", m.samples_s},
                          {"throttled_samples", write(m.throttled_samples)},
                          {"verification", write(m.verification)},
                          {"resources", write(m.resources)},
                          {"work_counts", write(m.work_counts)},
                          {"telemetry", write(m.telemetry)},
                          {"baseline", write(m.baseline)},
                          {"buffer_sets", m.buffer_sets},
                          {"warnings", m.warnings}});
}

RankMeasurement decode(std::span<const std::byte> bytes) {
  return ranks::unpack(bytes, "a rank's measurement", [](const Json& json) {
    RankMeasurement m;
    json.at("samples_s").get_to(m.samples_s);
    read(json.at("throttled_samples"), m.throttled_samples);
    read(json.at("verification"), m.verification);
    read(json.at("resources"), m.resources);
    read(json.at("work_counts"), m.work_counts);
    read(json.at("telemetry"), m.telemetry);
    read(json.at("baseline"), m.baseline);
    json.at("buffer_sets").get_to(m.buffer_sets);
    json.at("warnings").get_to(m.warnings);
    return m;
  });
}

}  // namespace rackproof::harness::measure
