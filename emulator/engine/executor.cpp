#include "emulator/engine/executor.hpp"

#include "emulator/engine/host_touch.hpp"
#include "emulator/exec/own_threads.hpp"

#include <algorithm>
#include <cstdio>

namespace rackproof::emulator::engine {
namespace {

// What the operation behind `primary`, launched programmatically, follows. `before`: what has ended
// before `primary`.
check::OperationClock order_of_dependents(const check::OperationClock& before,
                                          const Operation& primary) {
  check::OperationClock order = primary.order().before;
  if (!primary.has_triggered_before_wait()) {
    order.join(before);
  }
  return order;
}

}  // namespace

Stream* Executor::create_stream(DeviceQueue& device, Stream::Kind kind, unsigned flags,
                                int priority) {
  auto stream = std::make_unique<Stream>();
  stream->device = &device;
  stream->kind = kind;
  stream->flags = flags;
  stream->priority = priority;
  const std::scoped_lock lock(mutex_);
  stream->id = next_stream_id_++;
  device.streams.push_back(stream.get());
  handles_.insert(stream.get());
  return stream.release();
}

bool Executor::destroy_stream(Stream* stream) {
  const std::scoped_lock lock(mutex_);
  if (handles_.erase(stream) == 0) {
    return false;
  }
  stream->is_destroyed = true;
  reap(*stream);
  return true;
}

bool Executor::is_stream(const Stream* stream) {
  const std::scoped_lock lock(mutex_);
  return handles_.contains(const_cast<Stream*>(stream));
}

void Executor::reap(Stream& stream) {
  if (!stream.is_destroyed || !stream.queue.empty()) {
    return;
  }
  std::erase(stream.device->streams, &stream);
  std::erase(active_, &stream);
  delete &stream;
}

TicketPtr Executor::enqueue(Stream& stream, std::unique_ptr<Operation> operation,
                            std::vector<TicketPtr> extra) {
  std::unique_lock lock(mutex_);
  TicketPtr ticket = operation->ticket_;
  if (stream.device->fault.load() != cudaSuccess) {
    complete_tickets(*operation, stream.now_ps, stream.order);
    return ticket;
  }
  operation->dependencies_ = std::move(extra);
  operation->earliest_ps_ = host_time_ps_.load();
  operation->order_.before = host_order_;
  if (stream.kind == Stream::Kind::legacy) {
    for (const Stream* other : stream.device->streams) {
      if (other->kind == Stream::Kind::blocking && other->last) {
        operation->dependencies_.push_back(other->last);
      }
    }
  } else if (stream.kind == Stream::Kind::blocking && stream.device->legacy->last) {
    operation->dependencies_.push_back(stream.device->legacy->last);
  }
  stream.last = ticket;
  unknown_[stream.id] = {stream.device, ticket};
  host_pages_.close();
  Operation& entry = *operation;
  if (stream.queue.empty()) {
    active_.push_back(&stream);
  }
  stream.queue.push_back(std::move(operation));
  if (stream.queue.size() == 1 && entry.is_instant() && make_ready(stream, entry)) {
    entry.is_claimed_ = true;
    lock.unlock();
    StepResult result = [&entry] {
      const EmulatorWork work;
      return entry.step(entry.start_ps_);
    }();
    lock.lock();
    finish(stream, std::move(result));
    return ticket;
  }
  ensure_thread();
  is_woken_ = true;
  work_.notify_one();
  return ticket;
}

bool Executor::make_ready(Stream& stream, Operation& operation, const Operation* primary) const {
  if (operation.start_ps_ >= 0) {
    return true;
  }
  TimePs start = std::max(stream.now_ps, operation.earliest_ps_);
  for (const TicketPtr& dependency : operation.dependencies_) {
    if (!dependency->is_done) {
      return false;
    }
    start = std::max(start, dependency->end_time_ps);
    operation.order_.before.join(dependency->order);
  }
  operation.order_.is_programmatic = operation.is_programmatic();
  operation.order_.before.join(primary != nullptr ? order_of_dependents(stream.order, *primary)
                               : operation.is_programmatic() ? stream.dependents_order
                                                             : stream.order);
  operation.order_.stream = stream.id;
  operation.order_.sequence = ++stream.operations;
  operation.dependencies_.clear();
  operation.start_ps_ = start;
  return true;
}

void Executor::finish(Stream& stream, StepResult result) {
  DeviceQueue& device = *stream.device;
  Operation& operation = *stream.queue.front();
  const bool has_failed = result.state == StepResult::State::failed;
  stream.now_ps = has_failed ? operation.start_ps_ : result.end_time_ps;
  if (operation.meets_host()) {
    operation.order_.before.join(host_order_);
    host_order_.join(operation.order_.before);
  }
  const bool lets_begin = operation.has_triggered();
  if (lets_begin) {
    stream.dependents_order = order_of_dependents(stream.order, operation);
  }
  stream.order.join(operation.order_.before);
  stream.order.note(operation.order_.stream, operation.order_.sequence);
  if (!lets_begin) {
    stream.dependents_order = stream.order;
  }
  complete_tickets(operation, stream.now_ps, stream.order);
  host_pages_.close_again();
  stream.queue.pop_front();
  if (stream.queue.empty()) {
    std::erase(active_, &stream);
  } else if (Operation& next = *stream.queue.front(); next.start_ps_ >= 0) {
    next.start_ps_ = std::max(next.start_ps_, stream.now_ps);
    next.end_prerequisite();
  }
  reap(stream);
  if (has_failed) {
    fail(device, result);
  }
  is_woken_ = true;
  work_.notify_one();
}

void Executor::fail(DeviceQueue& device, const StepResult& result) {
  std::fprintf(stderr, "rackproof emulator: device %d: %s\n", device.ordinal,
               result.problem.c_str());
  device.fault.store(result.error);
  drop_all(device);
}

void Executor::complete_tickets(Operation& operation, TimePs end,
                                const check::OperationClock& order) {
  operation.further_tickets_.push_back(operation.ticket_);
  for (const TicketPtr& ticket : operation.further_tickets_) {
    ticket->order.join(order);
    if (!ticket->is_done) {
      ticket->is_done = true;
      ticket->end_time_ps = end;
    }
  }
  completion_.notify_all();
}

// Work behind a fault never runs; whoever waits for it gets the sticky error instead.
void Executor::drop_all(DeviceQueue& device) {
  const std::vector<Stream*> streams = device.streams;
  for (Stream* stream : streams) {
    while (!stream->queue.empty() && !stream->queue.back()->is_claimed_) {
      Operation& operation = *stream->queue.back();
      complete_tickets(operation, stream->now_ps, stream->order);
      stream->queue.pop_back();
    }
    if (stream->queue.empty()) {
      std::erase(active_, stream);
    }
    reap(*stream);
  }
}

void Executor::wake() {
  const std::scoped_lock lock(mutex_);
  is_woken_ = true;
  work_.notify_one();
}

void Executor::ensure_thread() {
  if (!has_thread_) {
    has_thread_ = true;
    std::thread([this] {
      exec::name_own_thread();
      run();
    }).detach();
  }
}

}  // namespace rackproof::emulator::engine
