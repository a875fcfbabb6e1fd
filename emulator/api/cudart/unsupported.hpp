#pragma once
/// Exports that the emulator does not implement.

namespace rackproof::emulator::api {

/// Says once on stderr that `name` is not emulated; the value of cudaErrorNotSupported.
int refuse(const char* name);

}  // namespace rackproof::emulator::api
