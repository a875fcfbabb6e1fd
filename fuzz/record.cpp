// The record's reader: any text is either a ReadError or a record that survives a round trip.
#include "harness/record/record.hpp"

#include "fuzz/require.hpp"
#include "harness/record/json_io.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace record = rackproof::harness::record;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const record::Record first = record::from_json(text, "fuzz.json");
    const std::string written = record::to_json(first);
    rackproof::fuzz::require(record::to_json(record::from_json(written, "fuzz.json")) == written,
                             "what is read and written reads and writes the same");
  } catch (const record::ReadError&) {
  } catch (const record::InvalidRecord&) {
  }
  return 0;
}
