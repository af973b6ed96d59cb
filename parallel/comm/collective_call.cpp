#include "parallel/comm/collective_call.h"

#include <fmt/core.h>

namespace tokenwerk {
namespace {

std::string text_of_amount(const CollectiveCall& call) {
  if (!call.dtype) return fmt::format("{} bytes", call.count);
  const Index bytes = call.count * static_cast<Index>(size_of(*call.dtype));
  return fmt::format("{} {} ({} bytes)", call.count, name_of(*call.dtype), bytes);
}

std::string text_of_peers(const CollectiveCall& call) {
  std::string out;
  if (call.to >= 0) out += fmt::format(" to rank {}", call.to);
  if (call.from >= 0) out += fmt::format(" from rank {}", call.from);
  return out;
}

}  // namespace

std::string CollectiveCall::text() const {
  const std::string name(name_of(collective));
  switch (collective) {
    case Collective::all_reduce:
    case Collective::reduce_scatter:
      return fmt::format("{}, {} of {}", name, reduction == Reduction::sum ? "sum" : "max",
                         text_of_amount(*this));
    case Collective::broadcast:
      return fmt::format("{} from rank {}, {}", name, root, text_of_amount(*this));
    case Collective::exchange: return name + text_of_peers(*this) + ", " + text_of_amount(*this);
    case Collective::barrier: return name;
    case Collective::all_gather:
    case Collective::all_to_all: break;
  }
  return name + ", " + text_of_amount(*this);
}

std::string text_of_ranks(std::span<const int> ranks) {
  std::string out;
  for (std::size_t first = 0; first < ranks.size();) {
    std::size_t last = first;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    out += out.empty() ? "" : ",";
    out += first == last ? fmt::format("{}", ranks[first])
                         : fmt::format("{}-{}", ranks[first], ranks[last]);
    first = last + 1;
  }
  return out;
}

std::string text_of(const RankGroup& group) {
  const int last = group.rank_at(group.size - 1);
  if (group.size == 1) return fmt::format("rank {}", group.first);
  if (group.stride == 1) return fmt::format("ranks {}-{}", group.first, last);
  if (group.size == 2) return fmt::format("ranks {},{}", group.first, last);
  return fmt::format("ranks {},{}..{}", group.first, group.rank_at(1), last);
}

}  // namespace tokenwerk
