#include "emulator/engine/executor.hpp"

#include "emulator/engine/host_touch.hpp"
#include "emulator/exec/own_threads.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace rackproof::emulator::engine {
namespace {

// Eight processes share few cores: operations that wait for others are looked at this often.
constexpr auto kPollInterval = std::chrono::microseconds(100);
// Turns that an operation ahead of its turn has in a row: it does not wait for the one before it,
// as a rule, but it may.
constexpr std::uint32_t kMostTurnsAhead = 256;
// The program's own code stands among the streams, whose numbers begin at 1.
constexpr std::uint64_t kHostStream = 0;
// Who else runs in this process is asked this often while grids are stalled.
constexpr auto kAskInterval = std::chrono::milliseconds(20);

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

bool Executor::make_ready(Stream& stream, Operation& operation) const {
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
  const bool is_ahead = &operation != stream.queue.front().get();
  operation.order_.is_programmatic = operation.is_programmatic();
  operation.order_.before.join(is_ahead ? order_of_dependents(stream.order, *stream.queue.front())
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

Operation* Executor::early_operation(Stream& stream) const {
  if (stream.queue.size() < 2 || stream.queue.front()->start_ps_ < 0) {
    return nullptr;
  }
  Operation& primary = *stream.queue[0];
  Operation& next = *stream.queue[1];
  if (next.start_ps_ >= 0) {
    return &next;
  }
  if (!next.is_programmatic()) {
    return nullptr;
  }
  primary.expect_dependents();
  if (!primary.starts_dependents() || !make_ready(stream, next)) {
    return nullptr;
  }
  next.begin_early();
  return &next;
}

// One turn of an operation ahead of its turn. True: the one before it has to wait meanwhile.
bool Executor::step_early(std::unique_lock<std::mutex>& lock, Stream& stream, Operation& operation,
                          bool& is_stalled) {
  operation.is_claimed_ = true;
  lock.unlock();
  const StepResult result = operation.step(operation.start_ps_);
  lock.lock();
  operation.is_claimed_ = false;
  if (result.state == StepResult::State::failed) {
    fail(*stream.device, result);
    return true;
  }
  is_stalled = result.state != StepResult::State::progressed;
  operation.turns_ahead_ = is_stalled ? 0 : operation.turns_ahead_ + 1;
  return !is_stalled && operation.turns_ahead_ % kMostTurnsAhead != 0;
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

void Executor::run() {
  std::unique_lock lock(mutex_);
  std::vector<Stream*> ready;
  for (;;) {
    is_woken_ = false;
    ready.clear();
    for (Stream* stream : active_) {
      Operation& front = *stream->queue.front();
      if (!front.is_claimed_ && make_ready(*stream, front)) {
        ready.push_back(stream);
      }
    }
    bool has_progressed = false;
    Stream* stalled = nullptr;
    const Operation* stalled_operation = nullptr;
    bool are_all_stalled = true;
    for (Stream* stream : ready) {
      // A fault on this device, found a moment ago, has emptied its streams; and while the lock was
      // open a host thread may have put work there that it does itself.
      if (std::find(active_.begin(), active_.end(), stream) == active_.end() ||
          stream->queue.front()->start_ps_ < 0 || stream->queue.front()->is_claimed_) {
        continue;
      }
      if (Operation* const early = early_operation(*stream)) {
        bool is_stalled = false;
        if (step_early(lock, *stream, *early, is_stalled)) {
          has_progressed = true;
          continue;
        }
        has_progressed = has_progressed || !is_stalled;
      }
      Operation& operation = *stream->queue.front();
      // Only this thread pops unclaimed operations, so the reference stays good without the lock;
      // claiming keeps drop_all() of another thread away from it.
      operation.is_claimed_ = true;
      lock.unlock();
      StepResult result = operation.step(operation.start_ps_);
      lock.lock();
      operation.is_claimed_ = false;
      if (result.state == StepResult::State::done || result.state == StepResult::State::failed) {
        finish(*stream, std::move(result));
        has_progressed = true;
      } else if (stream->device->fault.load() != cudaSuccess) {
        finish(*stream, StepResult::done(operation.start_ps_));
        has_progressed = true;
      } else {
        has_progressed = has_progressed || result.state == StepResult::State::progressed;
        const bool is_stalled = result.state == StepResult::State::stalled;
        if (is_stalled && stalled == nullptr) {
          stalled = stream;
          stalled_operation = &operation;
        }
        are_all_stalled = are_all_stalled && is_stalled;
      }
    }
    if (has_progressed || is_woken_ || stalled == nullptr || !are_all_stalled) {
      is_stalled_ = false;
    }
    if (has_progressed) {
      continue;
    }
    if (stalled != nullptr && are_all_stalled && !is_woken_ && is_hopeless()) {
      give_up(lock, stalled, stalled_operation);
      continue;
    }
    if (ready.empty()) {
      work_.wait(lock, [this] { return is_woken_; });
    } else {
      work_.wait_for(lock, kPollInterval, [this] { return is_woken_; });
    }
  }
}

// Nobody is left who could change what the grids poll, or all had their time to do so.
bool Executor::is_hopeless() {
  const auto now = std::chrono::steady_clock::now();
  if (!is_stalled_) {
    is_stalled_ = true;
    stalled_since_ = now;
    asked_at_ = {};
  }
  if (patience_.count() != 0 && now - stalled_since_ >= patience_) {
    return true;
  }
  if (now - asked_at_ < kAskInterval) {
    return false;
  }
  asked_at_ = now;
  return !shares_memory_.load() && host_is_waiting();
}

void Executor::give_up(std::unique_lock<std::mutex>& lock, Stream* stream,
                       const Operation* operation) {
  // While the lock was open its device may have faulted, and the stream may have gone.
  if (std::find(active_.begin(), active_.end(), stream) == active_.end() ||
      stream->queue.front().get() != operation) {
    return;
  }
  Operation& stalled = *stream->queue.front();
  stalled.is_claimed_ = true;
  lock.unlock();
  StepResult result = stalled.give_up();
  lock.lock();
  stalled.is_claimed_ = false;
  finish(*stream, std::move(result));
}

bool Executor::host_is_waiting() const {
  const auto is_open = [](const Ticket* ticket) { return !ticket->is_done; };
  return std::all_of(awaited_.begin(), awaited_.end(), is_open) &&
         exec::count_other_threads() == awaited_.size();
}

void Executor::run_host_function(std::function<void()> function) {
  const std::scoped_lock lock(host_mutex_);
  if (!has_host_worker_) {
    has_host_worker_ = true;
    std::thread([this] {
      exec::name_own_thread();
      host_worker();
    }).detach();
  }
  host_functions_.push_back(std::move(function));
  host_work_.notify_one();
}

void Executor::host_worker() {
  std::unique_lock lock(host_mutex_);
  for (;;) {
    host_work_.wait(lock, [this] { return !host_functions_.empty(); });
    std::vector<std::function<void()>> batch;
    batch.swap(host_functions_);
    lock.unlock();
    for (const auto& function : batch) {
      function();
      wake();
    }
    lock.lock();
  }
}

}  // namespace rackproof::emulator::engine
