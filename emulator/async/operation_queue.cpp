#include "emulator/async/operation_queue.hpp"

#include <algorithm>
#include <utility>

namespace rackproof::emulator::async {
namespace {

// An operation that lands by itself does so within this many scheduling steps of its cluster.
constexpr std::uint32_t kMaxSteps = 8;

}  // namespace

OperationQueue::Ticket OperationQueue::issue(Pipe pipe, std::function<void()> land, Signal signal) {
  Operation operation;
  operation.ticket = next_ticket_++;
  operation.pipe = pipe;
  operation.signal = signal;
  operation.moment = Moment::draw(ordering_, random_, kMaxSteps);
  operation.land = std::move(land);
  const Ticket ticket = operation.ticket;
  const bool lands_now = operation.moment.immediate();
  pending_.push_back(std::move(operation));
  if (lands_now) {
    drain(ticket);
  }
  return ticket;
}

// Landing may issue operations, and may land others by demand: indices do not survive it.
void OperationQueue::land_at(std::size_t index) {
  const Ticket ticket = pending_[index].ticket;
  const Pipe pipe = pending_[index].pipe;
  while (pipe != kUnordered) {
    const auto first = std::find_if(pending_.begin(), pending_.end(),
                                    [pipe](const Operation& each) { return each.pipe == pipe; });
    if (first == pending_.end() || first->ticket >= ticket) {
      break;
    }
    const std::function<void()> land = std::move(first->land);
    pending_.erase(first);
    land();
  }
  const auto self = std::find_if(pending_.begin(), pending_.end(),
                                 [ticket](const Operation& each) { return each.ticket == ticket; });
  if (self != pending_.end()) {
    const std::function<void()> land = std::move(self->land);
    pending_.erase(self);
    land();
  }
}

void OperationQueue::drain(Ticket ticket) {
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (pending_[i].ticket == ticket) {
      land_at(i);
      return;
    }
  }
}

void OperationQueue::drain_pipe(Pipe pipe) {
  for (std::size_t i = pending_.size(); i-- > 0;) {
    if (pending_[i].pipe == pipe) {
      land_at(i);
      return;
    }
  }
}

void OperationQueue::drain_all() {
  while (!pending_.empty()) {
    land_at(0);
  }
}

void OperationQueue::demand(Signal signal) {
  std::vector<Ticket> wanted;
  for (const Operation& each : pending_) {
    if (each.signal == signal) {
      wanted.push_back(each.ticket);
    }
  }
  if (wanted.empty()) {
    return;
  }
  if (ordering_ != Ordering::random) {
    drain(wanted.front());
    return;
  }
  // Whoever polls sees some land at once and waits for others.
  if (random_.below(2) != 0) {
    drain(wanted[random_.below(static_cast<std::uint32_t>(wanted.size()))]);
  }
}

void OperationQueue::step() {
  std::vector<Ticket> due;
  for (Operation& each : pending_) {
    if (each.moment.step()) {
      due.push_back(each.ticket);
    }
  }
  for (const Ticket ticket : due) {
    drain(ticket);
  }
}

bool OperationQueue::force() {
  if (pending_.empty()) {
    return false;
  }
  land_at(ordering_ == Ordering::random ? random_.below(static_cast<std::uint32_t>(pending_.size()))
                                        : 0);
  return true;
}

}  // namespace rackproof::emulator::async
