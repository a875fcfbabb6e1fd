// Who waits for tickets, and what waiting tells the host.
#include "emulator/engine/executor.hpp"

#include <algorithm>

namespace rackproof::emulator::engine {
namespace {

// The program's own code stands among the streams, whose numbers begin at 1.
constexpr std::uint64_t kHostStream = 0;

}  // namespace

bool Executor::is_done(const TicketPtr& ticket) {
  const std::scoped_lock lock(mutex_);
  if (ticket && ticket->is_done) {
    raise_host_time(ticket->end_time_ps);
    learn(*ticket);
  }
  return !ticket || ticket->is_done;
}

bool Executor::has_finished(const TicketPtr& ticket) {
  const std::scoped_lock lock(mutex_);
  return !ticket || ticket->is_done;
}

std::optional<TimePs> Executor::end_of(const TicketPtr& ticket, check::OperationClock* order) {
  const std::scoped_lock lock(mutex_);
  if (ticket->is_done && order != nullptr) {
    *order = ticket->order;
  }
  return ticket->is_done ? std::optional(ticket->end_time_ps) : std::nullopt;
}

void Executor::complete(const TicketPtr& ticket, TimePs end) {
  const std::scoped_lock lock(mutex_);
  // Of what the operation did so far nothing more is known than that it has been done.
  for (const Stream* stream : active_) {
    ticket->order.join(stream->order);
    ticket->order.note(stream->id, stream->operations);
  }
  ticket->is_done = true;
  ticket->end_time_ps = end;
  is_woken_ = true;
  work_.notify_one();
  completion_.notify_all();
}

void Executor::block_until_done(std::unique_lock<std::mutex>& lock, const TicketPtr& ticket) {
  if (ticket->is_done) {
    return;
  }
  awaited_.push_back(ticket.get());
  completion_.wait(lock, [&] { return ticket->is_done; });
  awaited_.erase(std::find(awaited_.begin(), awaited_.end(), ticket.get()));
}

void Executor::wait(const TicketPtr& ticket) {
  if (!ticket) {
    return;
  }
  std::unique_lock lock(mutex_);
  block_until_done(lock, ticket);
  raise_host_time(ticket->end_time_ps);
  learn(*ticket);
}

void Executor::await(const TicketPtr& ticket) {
  std::unique_lock lock(mutex_);
  block_until_done(lock, ticket);
  learn(*ticket);
}

// The host has seen that the ticket is done.
void Executor::learn(const Ticket& ticket) {
  host_order_.join(ticket.order);
  std::erase_if(unknown_, [this](const auto& entry) {
    const Ticket& last = *entry.second.last;
    return last.is_done && host_order_.covers(last.order);
  });
  if (unknown_.empty()) {
    host_pages_.open();
  }
}

void Executor::tell_host(const check::OperationOrder& order) {
  const std::scoped_lock lock(mutex_);
  host_order_.join(order.before);
  if (order.node != 0) {  // clocks do not tell the nodes of an execution apart
    host_order_.note(order.stream, order.sequence);
  }
}

check::OperationOrder Executor::order_of_host() {
  const std::scoped_lock lock(mutex_);
  check::OperationOrder order;
  order.stream = kHostStream;
  order.sequence = ++host_accesses_;
  order.before = host_order_;
  host_order_.note(order.stream, order.sequence);
  return order;
}

void Executor::fail_device(DeviceQueue& device, const std::string& problem) {
  const std::scoped_lock lock(mutex_);
  fail(device, StepResult::failed(cudaErrorLaunchFailure, problem));
}

TicketPtr Executor::last(Stream& stream) {
  const std::scoped_lock lock(mutex_);
  return stream.last;
}

std::vector<TicketPtr> Executor::last_of_all(DeviceQueue& device) {
  const std::scoped_lock lock(mutex_);
  std::vector<TicketPtr> tickets;
  for (const Stream* stream : device.streams) {
    if (stream->last) {
      tickets.push_back(stream->last);
    }
  }
  for (const auto& [stream, unknown] : unknown_) {  // also of streams destroyed since
    if (unknown.device == &device) {
      tickets.push_back(unknown.last);
    }
  }
  return tickets;
}

void Executor::drain(DeviceQueue& device) {
  for (const TicketPtr& ticket : last_of_all(device)) {
    wait(ticket);
  }
}

void Executor::clear_fault(DeviceQueue& device) {
  device.fault.store(cudaSuccess);
}

void Executor::raise_host_time(TimePs time) {
  if (time > host_time_ps_.load()) {
    host_time_ps_.store(time);
  }
}

}  // namespace rackproof::emulator::engine
