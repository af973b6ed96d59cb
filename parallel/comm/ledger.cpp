#include "parallel/comm/ledger.h"

#include <algorithm>

namespace tokenwerk {

CallHistory::CallHistory(Ledger& ledger) : ledger_(&ledger) {
  const std::scoped_lock lock(ledger.mutex_);
  ledger.histories_.push_back(this);
}

CallHistory::~CallHistory() {
  const std::scoped_lock lock(ledger_->mutex_);
  std::erase(ledger_->histories_, this);
}

void CallHistory::note(const CollectiveCall& call) {
  if (call.collective == Collective::exchange) return;
  const std::scoped_lock lock(mutex_);
  calls_[count_++ % kept] = call;
}

std::vector<CollectiveCall> CallHistory::latest() const {
  const std::scoped_lock lock(mutex_);
  std::vector<CollectiveCall> out;
  for (std::size_t i = count_ < kept ? 0 : count_ - kept; i < count_; ++i)
    out.push_back(calls_[i % kept]);
  return out;
}

CallAtHand::CallAtHand(Ledger& ledger) : ledger_(&ledger) {
  const std::scoped_lock lock(ledger.mutex_);
  ledger.queues_.push_back(this);
}

CallAtHand::~CallAtHand() {
  const std::scoped_lock lock(ledger_->mutex_);
  std::erase(ledger_->queues_, this);
}

void CallAtHand::begin(const CollectiveCall& call, Clock::time_point since) {
  const std::scoped_lock lock(mutex_);
  busy_ = true;
  since_ = since;
  call_ = call;
}

void CallAtHand::end() {
  const std::scoped_lock lock(mutex_);
  busy_ = false;
}

std::vector<WaitingCall> Ledger::at_hand() const {
  std::vector<WaitingCall> out;
  const std::scoped_lock lock(mutex_);
  for (CallAtHand* queue : queues_) {
    const std::scoped_lock queue_lock(queue->mutex_);
    if (!queue->busy_) continue;
    const std::chrono::duration<double> age = CallAtHand::Clock::now() - queue->since_;
    out.push_back({queue->call_, age.count()});
  }
  std::ranges::sort(out, std::ranges::greater(), &WaitingCall::seconds);
  return out;
}

double Ledger::oldest_seconds() const {
  const std::vector<WaitingCall> waiting = at_hand();
  return waiting.empty() ? 0.0 : waiting.front().seconds;
}

std::vector<CollectiveCall> Ledger::latest() const {
  std::vector<CollectiveCall> out;
  const std::scoped_lock lock(mutex_);
  for (const CallHistory* history : histories_) {
    const std::vector<CollectiveCall> calls = history->latest();
    out.insert(out.end(), calls.begin(), calls.end());
  }
  return out;
}

}  // namespace tokenwerk
