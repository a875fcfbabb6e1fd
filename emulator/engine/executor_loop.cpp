// The thread that steps what streams hold: fronts, operations ahead of their turn, and what to do
// when nothing moves.
#include "emulator/engine/executor.hpp"
#include "emulator/exec/own_threads.hpp"

#include <algorithm>
#include <chrono>

namespace rackproof::emulator::engine {
namespace {

// Eight processes share few cores: operations that wait for others are looked at this often.
constexpr auto kPollInterval = std::chrono::microseconds(100);
// Turns that an operation ahead of its turn has in a row: it does not wait for the one before it,
// as a rule, but it may.
constexpr std::uint32_t kMostTurnsAhead = 256;
// Operations of a stream that may run ahead of their turn, each of the one before it.
constexpr std::size_t kMostAhead = 3;
// Who else runs in this process is asked this often while grids are stalled.
constexpr auto kAskInterval = std::chrono::milliseconds(20);

}  // namespace

std::size_t Executor::begin_early(Stream& stream) const {
  std::size_t ahead = 0;
  for (; ahead < kMostAhead && ahead + 1 < stream.queue.size(); ++ahead) {
    Operation& primary = *stream.queue[ahead];
    Operation& next = *stream.queue[ahead + 1];
    if (next.start_ps_ >= 0) {
      continue;
    }
    if (primary.start_ps_ < 0 || !next.is_programmatic()) {
      break;
    }
    primary.expect_dependents();
    if (!primary.starts_dependents() || !make_ready(stream, next, &primary)) {
      break;
    }
    next.begin_early();
  }
  return ahead;
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
      // The one that is furthest ahead has its turn first.
      bool is_overtaken = false;
      for (std::size_t i = begin_early(*stream); i > 0 && !is_overtaken; --i) {
        bool is_stalled = false;
        is_overtaken = step_early(lock, *stream, *stream->queue[i], is_stalled);
        has_progressed = has_progressed || is_overtaken || !is_stalled;
      }
      if (is_overtaken) {
        continue;
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

}  // namespace rackproof::emulator::engine
