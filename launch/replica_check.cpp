#include "launch/replica_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "core/log.h"
#include "core/seconds.h"
#include "launch/byte_size.h"
#include "launch/counted.h"
#include "parallel/checkpoint/checksum.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

constexpr std::size_t most_arrays = 3;  // that a message names
constexpr std::size_t most_ranks = 4;

std::size_t bytes_of(const HeldArray& array) {
  return static_cast<std::size_t>(array.values.count()) * size_of(array.values.dtype);
}

/// "model/blocks.0.mlp.up.weight (64, 32) from (0, 0)"
std::string text_of(const HeldArray& array) {
  return fmt::format("{} {} from {}", array.name, array.box.extent.text(), array.box.offset.text());
}

std::string names_of(std::span<const HeldArray> arrays, std::span<const std::size_t> which) {
  std::vector<std::string> names;
  for (const std::size_t i : which) names.push_back(text_of(arrays[i]));
  return list_of(names, most_arrays);
}

std::vector<std::uint64_t> gathered(Communicator& ranks, std::span<const std::uint64_t> mine) {
  std::vector<std::uint64_t> all(mine.size() * static_cast<std::size_t>(ranks.size()));
  ranks.all_gather_bytes(std::as_writable_bytes(std::span(all)), std::as_bytes(mine));
  return all;
}

/// Collective, in a few rounds of 32 bytes: whether all ranks have the same hash.
bool all_alike(Communicator& ranks, std::uint64_t hash) {
  // The halves fit an f64 exactly, and a maximum of negatives is a minimum.
  const auto high = static_cast<double>(hash >> 32), low = static_cast<double>(hash & 0xffffffff);
  double most[] = {high, low, -high, -low};
  all_reduce(ranks, most, Reduction::max);
  return most[0] == -most[2] && most[1] == -most[3];
}

}  // namespace

ReplicaCheck::ReplicaCheck(MpiEnvironment& environment, Communicator& ranks,
                           const Parallelism& parallelism, const ParameterStore& store,
                           const AdamWOptimizer& optimizer, Index every)
    : ranks_(&ranks),
      mesh_(&parallelism.mesh()),
      store_(&store),
      optimizer_(&optimizer),
      host_(environment.host()),
      every_(every),
      data_(environment.make_communicator(ranks.device(), *mesh_, Axis::data)) {
  if (mesh_->shape().shard > 1)
    replicate_ = environment.make_communicator(ranks.device(), *mesh_, Axis::replicate);
}

void ReplicaCheck::check(Index step, RunLog& log, const std::function<void()>& before_end) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<HeldArray> by_axis[2];
  std::size_t held = 0, compared = 0;
  for (HeldArray& array : held_arrays(*store_, *optimizer_)) {
    const bool shard = array.axis == Axis::replicate && replicate_;
    const Communicator& peers = shard ? *replicate_ : *data_;
    const std::size_t bytes = array.counted ? bytes_of(array) : 0;
    held += bytes;
    if (peers.size() == 1) continue;
    compared += bytes;
    by_axis[shard ? 1 : 0].push_back(std::move(array));
  }
  ReplicaFinding mine = compare(*data_, step, by_axis[0]);
  if (replicate_) {
    const ReplicaFinding of_shards = compare(*replicate_, step, by_axis[1]);
    if (of_shards.knows > mine.knows) mine = of_shards;
  }
  const ReplicaFinding found = shared_finding(*ranks_, mine);
  tell_scope(compared, held, seconds_since(start));
  end_by(found, step, log, before_end);
}

ReplicaFinding ReplicaCheck::compare(Communicator& peers, Index step,
                                     std::span<const HeldArray> arrays) const {
  std::vector<std::uint64_t> hashes;
  for (const HeldArray& array : arrays) hashes.push_back(hash_of_bits(array.values));
  const std::uint64_t mine = checksum(
      {reinterpret_cast<const char*>(hashes.data()), hashes.size() * sizeof(std::uint64_t)});
  if (all_alike(peers, mine)) return {};
  return explain(peers, step, arrays, hashes);
}

ReplicaFinding ReplicaCheck::explain(Communicator& peers, Index step,
                                     std::span<const HeldArray> arrays,
                                     std::span<const std::uint64_t> mine) const {
  const ReplicaVote vote = vote_of(gathered(peers, mine), arrays.size());
  const std::vector<std::string> hosts = gather_strings(peers, host_);
  const std::vector<Index> ranks = mesh_->ranks_along(peers.axis(), ranks_->rank());
  // Who can blame speaks before who cannot, and shards before what was copied from them.
  const Index of_shards = peers.axis() == Axis::replicate ? 2 : 1;
  std::vector<std::string> lines;
  for (const auto& [place, differing] : vote.odd) {
    lines.push_back(fmt::format(
        "rank {} host {}: after step {} holds other bits than most of its {} replicas in {}; {}",
        ranks[place], hosts[place], step, peers.size() - 1, names_of(arrays, differing),
        place_of(ranks[place])));
  }
  if (!lines.empty()) {
    lines.resize(std::min(lines.size(), most_ranks));
    const std::size_t first = vote.odd.front().rank;
    return {joined(lines, "\n"), ranks[first], hosts[first], 2 + of_shards};
  }
  std::vector<std::string> of_all;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    of_all.push_back(fmt::format("{} on {}", ranks[i], hosts[i]));
  return {fmt::format("after step {} the replicas on ranks {} hold different bits in {}: no more "
                      "than half of them agree, so which is wrong cannot be told",
                      step, list_of(of_all, most_ranks), names_of(arrays, vote.arrays)),
          std::nullopt, "", of_shards};
}

std::string ReplicaCheck::place_of(Index rank) const {
  const MeshCoordinates c = mesh_->coordinates(rank);
  return fmt::format("its place: pipeline {}, data {}, tensor {}", c.pipeline,
                     mesh_->position(Axis::data, rank), c.tensor);
}

void ReplicaCheck::tell_scope(std::size_t compared, std::size_t held, double seconds) {
  if (std::exchange(told_, true)) return;
  if (compared == 0) {
    if (ranks_->rank() == 0)
      log_warning(
          "training.verify_replicas: no rank holds what another holds: nothing is compared");
    return;
  }
  log_info(
      "every {} and before each save a rank compares {} of the {} that it holds with its replicas, "
      "in {:.3f} s",
      count_of(every_, "step"), size_text(compared), size_text(held), seconds);
}

}  // namespace tokenwerk
