#pragma once
/// How ranks find each other and agree: small messages over MPI, before and beside NCCL.
///
/// Every call but rank(), size(), roll_call() and abort() is collective: all ranks call it in the
/// same order. Every wait polls and ends at its deadline in a TimeoutError, so a dead rank never
/// hangs the others.

#include "collectives/errors.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::collectives {

/// What a rank said of itself in a roll call.
struct RankReport {
  int rank = 0;
  std::string state;  ///< its phase and what it waited for
};

/// Interface, so that tests can stand in for MPI.
class Bootstrap {
 public:
  virtual ~Bootstrap() = default;
  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;

  /// Every rank's bytes, indexed by rank. Lengths may differ between ranks.
  [[nodiscard]] virtual std::vector<std::vector<std::byte>> all_gather(
      std::span<const std::byte> own, const Deadline& deadline) = 0;
  /// The bytes of `root`; what other ranks pass is ignored.
  [[nodiscard]] virtual std::vector<std::byte> broadcast(std::span<const std::byte> bytes, int root,
                                                         const Deadline& deadline) = 0;
  virtual void barrier(const Deadline& deadline) = 0;
  /// Element-wise over ranks; all pass equally many values.
  [[nodiscard]] virtual std::vector<double> all_reduce_max(std::span<const double> values,
                                                           const Deadline& deadline) = 0;
  [[nodiscard]] virtual std::vector<double> all_reduce_min(std::span<const double> values,
                                                           const Deadline& deadline) = 0;

  /// Not collective: tells every rank where this one is, and listens for `grace_s` to the others.
  /// Returns who answered, this rank included. For ranks that have run into a deadline: they all
  /// call it at about the same time, so whoever is silent is dead or left behind.
  [[nodiscard]] virtual std::vector<RankReport> roll_call(std::string_view state,
                                                          double grace_s) = 0;
  /// Ends the whole job; the launcher reports `exit_code`.
  [[noreturn]] virtual void abort(int exit_code) = 0;

  /// True on all ranks if `own` is true on all ranks.
  [[nodiscard]] bool agree(bool own, const Deadline& deadline);
  [[nodiscard]] double max(double value, const Deadline& deadline);
  [[nodiscard]] double min(double value, const Deadline& deadline);
};

/// How long a rank that ran into a deadline listens for the others.
inline constexpr double kRollCallGrace_s = 2.0;

/// Takes a roll call and throws the TimeoutError that names who is missing.
[[noreturn]] void throw_timeout(Bootstrap& bootstrap, const Deadline& deadline,
                                const std::string& waited_for);

/// MPI, initialised here and finalised by the destructor (unless a deadline has passed before: then
/// MPI_Finalize could wait for the dead, and the destructor leaves it out).
/// Throws BootstrapError when MPI cannot start.
[[nodiscard]] std::unique_ptr<Bootstrap> make_mpi_bootstrap(int& argc, char**& argv);
/// One rank without a launcher and without MPI.
[[nodiscard]] std::unique_ptr<Bootstrap> make_single_bootstrap();

/// Name and version of the MPI library, one line, for the record.
[[nodiscard]] std::string mpi_library_version();

}  // namespace rackproof::collectives
