#include "launch/replay_check.h"

#include <fmt/core.h>

#include <algorithm>

#include "launch/replica_vote.h"
#include "parallel/comm/control.h"

namespace tokenwerk {

ReplayVerdict verdict_of(std::span<const ReplayHashes> ring) {
  ReplayVerdict verdict;
  const std::size_t size = ring.size();
  const auto differs = [&](std::size_t replica) {
    return ring[replica].before != ring[(replica + size - 1) % size].own;
  };
  for (std::size_t replica = 0; replica < size; ++replica) {
    if (!differs(replica)) continue;
    verdict.differing.push_back(replica);
    if (differs((replica + 1) % size)) verdict.odd.push_back(replica);
  }
  // Of half or more, as of both of two, no side can be believed.
  if (2 * verdict.odd.size() >= size) verdict.odd.clear();
  return verdict;
}

ReplayCheck::ReplayCheck(MpiEnvironment& environment, Communicator& ranks, Parallelism& parallelism,
                         TrainStep& step, const TokenDataset& data, const Recipe& recipe)
    : ranks_(&ranks),
      mesh_(&parallelism.mesh()),
      step_(&step),
      reader_(parallelism.world().device(), data, recipe.training.micro_batch),
      order_(data.sample_count(), static_cast<std::uint64_t>(recipe.training.seed)),
      host_(environment.host()),
      every_(recipe.training.verify_replay.value()),
      global_batch_(recipe.training.global_batch),
      micro_batch_(recipe.training.micro_batch),
      data_(environment.make_communicator(ranks.device(), *mesh_, Axis::data)) {}

std::uint64_t ReplayCheck::hash_of(Stream& stream, Index replica, Index first_sample) {
  const SampleRange part =
      part_of({first_sample, first_sample + global_batch_}, replica, data_->size());
  std::vector<Index> samples;
  for (Index i = part.first; i < std::min(part.first + micro_batch_, part.last); ++i)
    samples.push_back(order_.sample_at(i));
  GradientHash hash(fault_);
  const auto read = [&](Index) { return reader_.read(stream, samples); };
  hash.add(step_->differentiate({.rows = reader_.rows(), .read = read}, hash));
  return hash.value();
}

void ReplayCheck::check(Stream& stream, Index step, Index first_sample, RunLog& log,
                        const std::function<void()>& before_end) {
  const Index here = data_->rank(), size = data_->size();
  if (size == 1) return;
  const ReplayHashes mine{.own = hash_of(stream, here, first_sample),
                          .before = hash_of(stream, (here + size - 1) % size, first_sample)};
  (void)reader_.take_seconds();
  std::vector<ReplayHashes> ring(static_cast<std::size_t>(size));
  data_->all_gather_bytes(std::as_writable_bytes(std::span(ring)),
                          std::as_bytes(std::span(&mine, std::size_t{1})));
  const ReplayVerdict verdict = verdict_of(ring);
  const ReplicaFinding finding =
      verdict.differing.empty() ? ReplicaFinding() : finding_of(verdict, step);
  end_by(shared_finding(*ranks_, finding), step, log, before_end);
}

ReplicaFinding ReplayCheck::finding_of(const ReplayVerdict& verdict, Index step) const {
  constexpr std::size_t most_ranks = 4;
  const std::vector<std::string> hosts = gather_strings(*data_, host_);
  const std::vector<Index> ranks = mesh_->ranks_along(Axis::data, ranks_->rank());
  if (verdict.odd.empty()) {
    std::vector<std::string> pairs;
    for (const std::size_t replica : verdict.differing) {
      const std::size_t before = (replica + ranks.size() - 1) % ranks.size();
      pairs.push_back(fmt::format("{} on {} and {} on {}", ranks[before], hosts[before],
                                  ranks[replica], hosts[replica]));
    }
    return {.text = fmt::format("after step {} a micro-batch gives other bits on ranks {}: which "
                                "of them computes wrongly cannot be told",
                                step, list_of(pairs, most_ranks)),
            .knows = 1};
  }
  std::vector<std::string> lines;
  for (const std::size_t replica : verdict.odd)
    lines.push_back(fmt::format(
        "rank {} host {}: after step {} computes other gradients of the same micro-batches than "
        "the replicas before and after it, with the same weights{}",
        ranks[replica], hosts[replica], step,
        mesh_->ranks() == std::ssize(ranks) ? "" : "; or a rank of its replica does"));
  lines.resize(std::min(lines.size(), most_ranks));
  const std::size_t first = verdict.odd.front();
  return {joined(lines, "\n"), ranks[first], hosts[first], 2};
}

}  // namespace tokenwerk
