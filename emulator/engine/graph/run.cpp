#include "emulator/engine/graph/run.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/events.hpp"
#include "emulator/engine/graph/condition.hpp"

#include <algorithm>

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
    const auto end = Core::instance().executor().end_of(ticket_);
    return end ? StepResult::done(std::max(start, *end)) : StepResult::waiting();
  }

 private:
  TicketPtr ticket_;
};

class Run final : public Operation {
 public:
  Run(std::shared_ptr<const Plan> plan, std::vector<UserObjectReference> holds,
      std::vector<std::shared_ptr<Condition>> conditions, std::vector<TicketPtr>& records)
      : plan_(std::move(plan)),
        holds_(std::move(holds)),
        conditions_(std::move(conditions)),
        nodes_(plan_->nodes.size()) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].operation = make(plan_->nodes[i], records);
      nodes_[i].open_dependencies = plan_->nodes[i].dependencies.size();
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
          ready_.push_back(i);
        }
      }
    }
    bool has_progressed = false;
    // What becomes ready meanwhile has its first turn in this step too.
    for (std::size_t turn = 0; turn < ready_.size();) {
      const std::size_t index = ready_[turn];
      StepResult result = nodes_[index].operation->step(nodes_[index].start);
      if (result.state == StepResult::State::failed) {
        if (const int device = device_of(plan_->nodes[index].work); device >= 0) {
          Core::instance().device(device).fault.store(result.error);
        }
        return result;
      }
      has_progressed = has_progressed || result.state != StepResult::State::waiting;
      if (result.state == StepResult::State::done) {
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(turn));
        finish(index, result.end_time_ps);
      } else {
        ++turn;
      }
    }
    if (ready_.empty()) {
      return StepResult::done(end_);
    }
    return has_progressed ? StepResult::progressed() : StepResult::waiting();
  }

 private:
  static std::unique_ptr<Operation> make(const PlanNode& node, std::vector<TicketPtr>& records);

  void finish(std::size_t index, TimePs end) {
    nodes_[index].operation.reset();
    end_ = std::max(end_, end);
    for (const std::uint32_t dependent : plan_->nodes[index].dependents) {
      nodes_[dependent].start = std::max(nodes_[dependent].start, end);
      if (--nodes_[dependent].open_dependencies == 0) {
        ready_.push_back(dependent);
      }
    }
  }

  struct State {
    std::unique_ptr<Operation> operation;
    std::size_t open_dependencies = 0;
    TimePs start = 0;
  };
  std::shared_ptr<const Plan> plan_;
  std::vector<UserObjectReference> holds_;
  std::vector<std::shared_ptr<Condition>> conditions_;
  std::vector<State> nodes_;
  std::vector<std::size_t> ready_;
  TimePs end_ = 0;
  bool is_started_ = false;
};

// If, while and switch: bodies run one after another, each as a graph of its own.
class ConditionalOperation final : public Operation {
 public:
  explicit ConditionalOperation(const PlanNode& node)
      : condition_(std::get<ConditionalNode>(node.work).condition),
        type_(std::get<ConditionalNode>(node.work).type),
        bodies_(node.parts.begin(), node.parts.end()) {}

  StepResult step(TimePs start) override {
    if (body_ == nullptr) {
      now_ = std::max(now_, start);
      const std::shared_ptr<const Plan> chosen = choose();
      if (chosen == nullptr) {
        return StepResult::done(now_);
      }
      body_ = make_run(chosen);
    }
    StepResult result = body_->step(now_);
    if (result.state != StepResult::State::done) {
      return result;
    }
    now_ = result.end_time_ps;
    body_.reset();
    return type_ == cudaGraphCondTypeWhile ? StepResult::progressed() : StepResult::done(now_);
  }

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

  std::shared_ptr<Condition> condition_;
  cudaGraphConditionalNodeType type_;
  std::vector<std::shared_ptr<const Plan>> bodies_;
  std::unique_ptr<Operation> body_;
  TimePs now_ = 0;
};

std::unique_ptr<Operation> Run::make(const PlanNode& node, std::vector<TicketPtr>& records) {
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
                                 std::vector<std::shared_ptr<Condition>>{}, records);
  }
  if (std::holds_alternative<ConditionalNode>(node.work)) {
    return std::make_unique<ConditionalOperation>(node);
  }
  std::unique_ptr<Operation> operation = make_operation(node.work);
  return operation != nullptr ? std::move(operation) : std::make_unique<NothingOperation>();
}

}  // namespace

std::unique_ptr<Operation> make_run(std::shared_ptr<const Plan> plan,
                                    std::vector<UserObjectReference> holds,
                                    std::vector<std::shared_ptr<Condition>> conditions) {
  std::vector<TicketPtr> records;
  auto run =
      std::make_unique<Run>(std::move(plan), std::move(holds), std::move(conditions), records);
  for (TicketPtr& ticket : records) {
    run->also_completes(std::move(ticket));
  }
  return run;
}

}  // namespace rackproof::emulator::engine::graph
