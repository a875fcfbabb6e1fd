#include "harness/record/json_io.hpp"
#include "tests/golden/sample_record.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

namespace rackproof::harness::record {
namespace {

using Json = nlohmann::ordered_json;

const Record& sample() {
  static const Record record = tests::sample_record({});
  return record;
}

Json sample_document() {
  return Json::parse(to_json(sample()));
}

/// The error that reading the changed document gives.
std::string error_after(const std::function<void(Json&)>& change) {
  Json document = sample_document();
  change(document);
  try {
    (void)from_json(document.dump(), "record.json");
  } catch (const ReadError& error) {
    return error.what();
  }
  return "no error";
}

/// The error that writing the changed record gives.
std::string write_error_after(const std::function<void(Record&)>& change) {
  Record record = sample();
  change(record);
  try {
    (void)to_json(record);
  } catch (const InvalidRecord& error) {
    return error.what();
  }
  return "no error";
}

TEST(RecordJson, ReadingGivesBackWhatWasWritten) {
  const std::string text = to_json(sample());
  const Record read = from_json(text, "record.json");
  EXPECT_EQ(to_json(read), text);
  EXPECT_EQ(read.topology.backend, sample().topology.backend);
  EXPECT_EQ(read.topology.driver_version, sample().topology.driver_version);
  ASSERT_EQ(read.topology.gpus(), sample().topology.gpus());
  EXPECT_EQ(gpu_ref(read.topology, 3), gpu_ref(sample().topology, 3));
  EXPECT_EQ(read.benchmarks.front().gpus.front().samples_s,
            sample().benchmarks.front().gpus.front().samples_s);
  EXPECT_EQ(*read.benchmarks.front().gpus.front().work_counts,
            *sample().benchmarks.front().gpus.front().work_counts);
  EXPECT_EQ(read.benchmarks.back().params, sample().benchmarks.back().params);
}

TEST(RecordJson, AMissingFigureIsNullBesideItsReason) {
  const Json document = sample_document();
  EXPECT_TRUE(document["software"]["cublaslt"].is_null());
  EXPECT_EQ(document["software"]["cublaslt_reason"], "not loaded: the library is not here");
  EXPECT_FALSE(document["software"].contains("nccl_reason"));
}

TEST(RecordJson, VerifiedIsTheVerificationsResult) {
  const Json gpus = sample_document()["benchmarks"].back()["gpus"];
  EXPECT_EQ(gpus[0]["verified"], true);
  EXPECT_EQ(gpus[3]["verified"], false);
  EXPECT_EQ(gpus[3]["verification"]["first_wrong"]["coordinate"], "head 0, row 0, column 17");
  EXPECT_FALSE(gpus[0]["verification"].contains("first_wrong"));
}

TEST(RecordJson, WhatAWrongKernelMadeInfiniteIsNamed) {
  Record record = sample();
  kernels::Verification verification = *record.benchmarks.back().gpus.back().verification;
  verification.max_error = std::numeric_limits<double>::infinity();
  verification.first_wrong->actual = std::nan("");
  record.benchmarks.back().gpus.back().verification = verification;
  const std::string text = to_json(record);
  const Json written = Json::parse(text)["benchmarks"].back()["gpus"].back()["verification"];
  EXPECT_TRUE(written["max_error"].is_null());
  EXPECT_EQ(written["max_error_reason"], "infinity");
  EXPECT_EQ(written["first_wrong"]["actual_reason"], "NaN");
  const Record read = from_json(text, "record.json");
  EXPECT_TRUE(std::isnan(read.benchmarks.back().gpus.back().verification->first_wrong->actual));
  EXPECT_EQ(to_json(read), text);
}

TEST(RecordJson, BytesThatAreNotUtf8DoNotLoseTheRecord) {
  Record record = sample();
  record.topology.racks[0].nodes[0].host = "tray\xff";
  EXPECT_EQ(Json::parse(to_json(record))["topology"]["racks"][0]["nodes"][0]["host"],
            "tray\xEF\xBF\xBD");
}

TEST(RecordWriter, RefusesFiguresThatAreNotFinite) {
  EXPECT_EQ(write_error_after([](Record& record) {
              record.benchmarks[0].gpus[1].throughput =
                  Throughput{std::nan(""), kTflops, Basis::modelled};
            }),
            "the record is wrong at /benchmarks/0/gpus/1/throughput/value: the figure is not "
            "finite");
  EXPECT_EQ(write_error_after([](Record& record) {
              record.benchmarks[0].gpus[0].samples_s[2] = std::numeric_limits<double>::infinity();
            }),
            "the record is wrong at /benchmarks/0/gpus/0/samples_s/2: the figure is not finite");
}

TEST(RecordWriter, RefusesEmptyTextsAndMissingReasons) {
  EXPECT_EQ(write_error_after([](Record& record) { record.run.suite.clear(); }),
            "the record is wrong at /run/suite: empty text");
  EXPECT_EQ(write_error_after(
                [](Record& record) { record.software.nccl = Reported<std::string>::missing(""); }),
            "the record is wrong at /software/nccl: missing without a reason");
}

TEST(RecordWriter, RefusesAMeasuredFigureOfAnEmulatedRun) {
  EXPECT_EQ(write_error_after([](Record& record) {
              record.benchmarks[0].gpus[0].throughput = Throughput{1, kTflops, Basis::measured};
            }),
            "the record is wrong at /benchmarks/0/gpus/0/throughput/basis: the basis is not the "
            "one of the run's backend");
}

TEST(RecordReader, NamesTheFileThePlaceAndTheProblem) {
  EXPECT_EQ(error_after([](Json& d) { d["run"]["suit"] = "x"; }),
            "record.json: /run/suit: unknown field");
  EXPECT_EQ(error_after([](Json& d) { d["run"].erase("suite"); }),
            "record.json: /run/suite: the field is missing");
  EXPECT_EQ(error_after([](Json& d) { d["run"]["suite"] = 3; }),
            "record.json: /run/suite: expected a text, found number");
  EXPECT_EQ(error_after([](Json& d) { d["benchmarks"][0]["gpus"][1]["rank"] = 1.5; }),
            "record.json: /benchmarks/0/gpus/1/rank: expected an integer, found number");
  EXPECT_EQ(error_after([](Json& d) {
              d["benchmarks"][0]["gpus"][0]["work_counts"]["global_sectors"] = -1;
            }),
            "record.json: /benchmarks/0/gpus/0/work_counts/global_sectors: the integer is out of "
            "range");
  EXPECT_EQ(error_after([](Json& d) { d["benchmarks"][0]["gpus"][1]["rank"] = 5000000000; }),
            "record.json: /benchmarks/0/gpus/1/rank: the integer is out of range");
  EXPECT_EQ(error_after([](Json& d) { d["run"]["backend"] = "gpus"; }),
            "record.json: /run/backend: 'gpus' is not one of: gpu, emulated");
  EXPECT_EQ(error_after([](Json& d) { d = Json::array(); }),
            "record.json: expected an object, found array");
}

TEST(RecordReader, InsistsOnReasons) {
  EXPECT_EQ(error_after([](Json& d) { d["software"]["nccl"] = nullptr; }),
            "record.json: /software/nccl_reason: the field is missing");
  EXPECT_EQ(error_after([](Json& d) { d["software"]["nccl_reason"] = "for no reason"; }),
            "record.json: /software/nccl_reason: unknown field");
  EXPECT_EQ(error_after([](Json& d) { d["software"]["cublaslt_reason"] = ""; }),
            "record.json: /software/cublaslt_reason: empty text; what is missing is null with a "
            "reason");
}

TEST(RecordReader, RefusesTextsForNumbers) {
  EXPECT_EQ(
      error_after([](Json& d) { d["benchmarks"][0]["gpus"][0]["throughput"]["value"] = "NaN"; }),
      "record.json: /benchmarks/0/gpus/0/throughput/value: expected a number, found string");
}

TEST(RecordReader, RefusesContradictions) {
  EXPECT_EQ(error_after([](Json& d) { d["benchmarks"][0]["gpus"][0]["verified"] = false; }),
            "record.json: /benchmarks/0/gpus/0/verified: disagrees with verification/passed");
  EXPECT_EQ(
      error_after([](Json& d) { d["topology"]["racks"][0]["nodes"][0]["gpus"][1]["rank"] = 0; }),
      "record.json: /topology: rank 0 drives two GPUs");
  EXPECT_EQ(
      error_after([](Json& d) { d["topology"]["racks"][0]["nodes"][0]["gpus"][1]["rank"] = 9; }),
      "record.json: /topology: rank 1 drives no GPU");
}

TEST(RecordReader, RefusesAnotherMajorVersion) {
  EXPECT_EQ(error_after([](Json& d) { d["schema_version"] = "2.0.0"; }),
            "record.json: /schema_version: version 2.0.0, this program reads 1.4.0");
}

TEST(RecordReader, EscapesSlashesInPointers) {
  EXPECT_EQ(error_after([](Json& d) { d["run"]["a/b~c"] = 1; }),
            "record.json: /run/a~1b~0c: unknown field");
}

TEST(RecordReader, NamesAFileThatIsNotJsonOrNotThere) {
  try {
    (void)from_json("{\"run\": ", "half.json");
    FAIL() << "no error";
  } catch (const ReadError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("half.json: not JSON: ", 0), 0U) << error.what();
  }
  EXPECT_THROW((void)read_record("/nonexistent/record.json"), ReadError);
}

TEST(RecordReader, SurvivesEveryTruncation) {
  const std::string text = to_json(sample());
  for (std::size_t length = 0; length < text.size(); length += 9973) {
    EXPECT_THROW((void)from_json(text.substr(0, length), "cut.json"), ReadError) << length;
  }
}

}  // namespace
}  // namespace rackproof::harness::record
