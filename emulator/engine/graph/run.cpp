#include "emulator/engine/graph/run.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/events.hpp"
#include "emulator/engine/graph/condition.hpp"

#include <algorithm>
#include <utility>

namespace rackproof::emulator::engine::graph {
namespace {

class NothingOperation final : public Operation {
 public:
  StepResult step(TimePs start) override { return StepResult::done(start); }
};

class RecordOperation final : public Operation {
 public:
  explicit RecordOperation(TicketPtr ticket) : ticket_(std::move(ticket)) {}
  StepResult step(TimePs start) override {
    Core::instance().executor().complete(ticket_, start);
    return StepResult::done(start);
  }

 private:
  TicketPtr ticket_;
};

class WaitOperation final : public Operation {
 public:
  explicit WaitOperation(TicketPtr ticket) : ticket_(std::move(ticket)) {}
  StepResult step(TimePs start) override {
    if (ticket_ == nullptr) {
      return StepResult::done(start);
    }
    check::OperationClock earlier;
    const auto end = Core::instance().executor().end_of(ticket_, &earlier);
    learn(earlier);
    return end ? StepResult::done(std::max(start, *end)) : StepResult::waiting();
  }

 private:
  TicketPtr ticket_;
};

// Nodes are numbered as they begin, over all graphs inside the one that was launched.
using Numbers = std::shared_ptr<std::uint32_t>;

// Every node remembers all nodes before it: beyond so many, nodes count as ordered.
constexpr std::size_t kMostOrderedNodes = 4096;

// An operation with nodes inside.
class Nested : public Operation {
 public:
  /// Those that have ended.
  [[nodiscard]] const check::NodeSet& ended() const { return ended_; }

 protected:
  check::NodeSet ended_;
};

class Run final : public Nested {
 public:
  Run(std::shared_ptr<const Plan> plan, std::vector<UserObjectReference> holds,
      std::vector<std::shared_ptr<Condition>> conditions, std::vector<TicketPtr>& records,
      Numbers numbers)
      : numbers_(std::move(numbers)),
        plan_(std::move(plan)),
        holds_(std::move(holds)),
        conditions_(std::move(conditions)),
        nodes_(plan_->nodes.size()) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].operation = make(plan_->nodes[i], records);
      nodes_[i].open_dependencies = plan_->nodes[i].dependencies.size();
      nodes_[i].open_ends = nodes_[i].open_dependencies;
      for (const std::uint32_t dependency : plan_->nodes[i].programmatic) {
        nodes_[dependency].has_programmatic_dependents =
            plan_->nodes[i].is_enabled && nodes_.size() <= kMostOrderedNodes;
      }
    }
  }

  StepResult step(TimePs start) override {
    if (!is_started_) {
      is_started_ = true;
      end_ = start;
      for (const auto& condition : conditions_) {
        if (condition->assigns_default) {
          condition->value.store(condition->default_value);
        }
      }
      for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_[i].start = start;
        if (nodes_[i].open_dependencies == 0) {
          make_ready(i);
        }
      }
    }
    bool has_progressed = false;
    stalled_ = nullptr;
    bool are_all_stalled = true;
    // What becomes ready meanwhile has its first turn in this step too.
    for (std::size_t turn = 0; turn < ready_.size();) {
      const std::size_t index = ready_[turn];
      if (nodes_[index].has_programmatic_dependents) {
        nodes_[index].operation->expect_dependents();
      }
      StepResult result = nodes_[index].operation->step(nodes_[index].start);
      if (result.state == StepResult::State::failed) {
        if (const int device = device_of(plan_->nodes[index].work); device >= 0) {
          Core::instance().device(device).fault.store(result.error);
        }
        return result;
      }
      const bool is_stalled = result.state == StepResult::State::stalled;
      stalled_ = is_stalled ? nodes_[index].operation.get() : stalled_;
      are_all_stalled = are_all_stalled && is_stalled;
      has_progressed =
          has_progressed || (!is_stalled && result.state != StepResult::State::waiting);
      if (result.state == StepResult::State::done) {
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(turn));
        finish(index, result.end_time_ps);
      } else {
        if (nodes_[index].has_programmatic_dependents &&
            nodes_[index].operation->starts_dependents()) {
          start_dependents(index);
        }
        ++turn;
      }
    }
    if (ready_.empty()) {
      return StepResult::done(end_);
    }
    return has_progressed    ? StepResult::progressed()
           : are_all_stalled ? StepResult::stalled()
                             : StepResult::waiting();
  }

  StepResult give_up() override { return stalled_->give_up(); }

 private:
  struct State {
    std::unique_ptr<Operation> operation;
    std::size_t open_dependencies = 0;  ///< that keep it from beginning
    std::size_t open_ends = 0;          ///< that have not ended
    TimePs start = 0;
    std::uint32_t number = 0;
    std::shared_ptr<const check::NodeSet> earlier;  ///< those before it
    std::shared_ptr<const check::NodeSet> awaited;  ///< those that griddepcontrol.wait waits for
    std::shared_ptr<check::NodeSet> ended;          ///< it and those before it, once it has ended
    bool has_programmatic_dependents = false;
    bool started_dependents = false;     ///< before it has ended
    bool triggered = false;              ///< its programmatic dependents do not follow it,
    bool triggered_before_wait = false;  ///< nor what it awaits
  };

  std::unique_ptr<Operation> make(const PlanNode& node, std::vector<TicketPtr>& records) const;

  // All its dependencies have ended.
  void make_ready(std::size_t index) {
    ready_.push_back(index);
    if (plan_->nodes.size() > kMostOrderedNodes) {
      return;
    }
    auto earlier = std::make_shared<check::NodeSet>();
    auto awaited = std::make_shared<check::NodeSet>();
    if (order().earlier_nodes != nullptr) {
      earlier->join(*order().earlier_nodes);
    }
    State& node = nodes_[index];
    const PlanNode& plan = plan_->nodes[index];
    for (const std::uint32_t dependency : plan.dependencies) {
      State& before = nodes_[dependency];
      note_trigger(before);
      if (!before.triggered ||
          std::count(plan.programmatic.begin(), plan.programmatic.end(), dependency) == 0) {
        earlier->join(*before.ended);
        continue;
      }
      earlier->join(*before.earlier);
      if (!before.triggered_before_wait) {
        earlier->join(*before.awaited);
      }
      awaited->join(*before.awaited);
      awaited->insert(before.number);
      node.operation->begin_early();
    }
    check::OperationOrder place = order();
    place.node = ++*numbers_;
    place.earlier_nodes = earlier;
    place.is_programmatic = !plan.programmatic.empty();
    place.awaited_nodes = awaited;
    node.number = place.node;
    node.ended = std::make_shared<check::NodeSet>(*earlier);
    node.ended->join(*awaited);
    node.earlier = std::move(earlier);
    node.awaited = std::move(awaited);
    node.operation->place(std::move(place));
    if (node.open_ends == 0) {
      node.operation->end_prerequisite();
    }
  }

  static void note_trigger(State& node) {
    if (node.operation != nullptr && node.operation->has_triggered()) {
      node.triggered = true;
      node.triggered_before_wait = node.operation->has_triggered_before_wait();
    }
  }

  // It goes on beside those that its kernel has let begin.
  void start_dependents(std::size_t index) {
    if (std::exchange(nodes_[index].started_dependents, true)) {
      return;
    }
    for (const std::uint32_t dependent : plan_->nodes[index].dependents) {
      if (is_programmatic_edge(index, dependent)) {
        nodes_[dependent].start = std::max(nodes_[dependent].start, nodes_[index].start);
        if (--nodes_[dependent].open_dependencies == 0) {
          make_ready(dependent);
        }
      }
    }
  }
  bool is_programmatic_edge(std::size_t from, std::uint32_t to) const {
    const PlanNode& plan = plan_->nodes[to];
    return plan.is_enabled && std::count(plan.programmatic.begin(), plan.programmatic.end(),
                                         static_cast<std::uint32_t>(from)) != 0;
  }

  void note_end(State& node) {
    if (node.ended == nullptr) {
      return;
    }
    if (const auto* nested = dynamic_cast<const Nested*>(node.operation.get())) {
      node.ended->join(nested->ended());
    }
    node.ended->insert(node.number);
    ended_.join(*node.ended);
  }

  void finish(std::size_t index, TimePs end) {
    note_end(nodes_[index]);
    note_trigger(nodes_[index]);
    learn(nodes_[index].operation->order().before);
    nodes_[index].operation.reset();
    end_ = std::max(end_, end);
    for (const std::uint32_t dependent : plan_->nodes[index].dependents) {
      State& next = nodes_[dependent];
      next.start = std::max(next.start, end);
      const bool has_begun =
          nodes_[index].started_dependents && is_programmatic_edge(index, dependent);
      if (--next.open_ends == 0 && next.number != 0) {
        next.operation->end_prerequisite();
      }
      if (!has_begun && --next.open_dependencies == 0) {
        make_ready(dependent);
      }
    }
  }

  Numbers numbers_;
  std::shared_ptr<const Plan> plan_;
  std::vector<UserObjectReference> holds_;
  std::vector<std::shared_ptr<Condition>> conditions_;
  std::vector<State> nodes_;
  std::vector<std::size_t> ready_;
  TimePs end_ = 0;
  bool is_started_ = false;
  Operation* stalled_ = nullptr;  ///< one of those that said so in the last step
};

// If, while and switch: bodies run one after another, each as a graph of its own.
class ConditionalOperation final : public Nested {
 public:
  ConditionalOperation(const PlanNode& node, Numbers numbers)
      : numbers_(std::move(numbers)),
        condition_(std::get<ConditionalNode>(node.work).condition),
        type_(std::get<ConditionalNode>(node.work).type),
        bodies_(node.parts.begin(), node.parts.end()) {}

  StepResult step(TimePs start) override {
    if (body_ == nullptr) {
      now_ = std::max(now_, start);
      const std::shared_ptr<const Plan> chosen = choose();
      if (chosen == nullptr) {
        return StepResult::done(now_);
      }
      std::vector<TicketPtr> none;
      body_ = std::make_unique<Run>(chosen, std::vector<UserObjectReference>{},
                                    std::vector<std::shared_ptr<Condition>>{}, none, numbers_);
      check::OperationOrder place = order();
      auto earlier = std::make_shared<check::NodeSet>(ended_);
      if (place.earlier_nodes != nullptr) {
        earlier->join(*place.earlier_nodes);
      }
      place.earlier_nodes = std::move(earlier);
      body_->place(std::move(place));
    }
    StepResult result = body_->step(now_);
    if (result.state != StepResult::State::done) {
      return result;
    }
    now_ = result.end_time_ps;
    ended_.join(body_->ended());
    learn(body_->order().before);
    body_.reset();
    return type_ == cudaGraphCondTypeWhile ? StepResult::progressed() : StepResult::done(now_);
  }

  StepResult give_up() override { return body_->give_up(); }

 private:
  std::shared_ptr<const Plan> choose() const {
    const std::uint32_t value = condition_->value.load();
    switch (type_) {
      case cudaGraphCondTypeIf:
        return value != 0 ? bodies_[0] : bodies_.size() > 1 ? bodies_[1] : nullptr;
      case cudaGraphCondTypeWhile:
        return value != 0 ? bodies_[0] : nullptr;
      case cudaGraphCondTypeSwitch:
        return value < bodies_.size() ? bodies_[value] : nullptr;
    }
    return nullptr;
  }

  Numbers numbers_;
  std::shared_ptr<Condition> condition_;
  cudaGraphConditionalNodeType type_;
  std::vector<std::shared_ptr<const Plan>> bodies_;
  std::unique_ptr<Run> body_;
  TimePs now_ = 0;
};

std::unique_ptr<Operation> Run::make(const PlanNode& node, std::vector<TicketPtr>& records) const {
  if (!node.is_enabled) {
    return std::make_unique<NothingOperation>();
  }
  if (const auto* record = std::get_if<EventRecordNode>(&node.work)) {
    records.push_back(std::make_shared<Ticket>());
    set_event_ticket(record->event, records.back());
    return std::make_unique<RecordOperation>(records.back());
  }
  if (const auto* wait = std::get_if<EventWaitNode>(&node.work)) {
    return std::make_unique<WaitOperation>(event_ticket(wait->event));
  }
  if (std::holds_alternative<ChildNode>(node.work)) {
    return std::make_unique<Run>(node.parts.front(), std::vector<UserObjectReference>{},
                                 std::vector<std::shared_ptr<Condition>>{}, records, numbers_);
  }
  if (std::holds_alternative<ConditionalNode>(node.work)) {
    return std::make_unique<ConditionalOperation>(node, numbers_);
  }
  std::unique_ptr<Operation> operation = make_operation(node.work);
  return operation != nullptr ? std::move(operation) : std::make_unique<NothingOperation>();
}

}  // namespace

std::unique_ptr<Operation> make_run(std::shared_ptr<const Plan> plan,
                                    std::vector<UserObjectReference> holds,
                                    std::vector<std::shared_ptr<Condition>> conditions) {
  std::vector<TicketPtr> records;
  auto run = std::make_unique<Run>(std::move(plan), std::move(holds), std::move(conditions),
                                   records, std::make_shared<std::uint32_t>(0));
  for (TicketPtr& ticket : records) {
    run->also_completes(std::move(ticket));
  }
  return run;
}

}  // namespace rackproof::emulator::engine::graph
