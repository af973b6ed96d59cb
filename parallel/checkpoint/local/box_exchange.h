#pragma once
/// Boxes of files that lie on other hosts.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "parallel/checkpoint/reading.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// What a rank wants from others, by the rank that shall read it.
using RemoteReadings = std::map<int, std::vector<Reading>>;

/// A file of the manifest that lies on this host, open.
using OpenFile = std::function<const Hdf5File&(std::size_t file)>;

/// Bytes of a rank's largest answer, but for a single row that is longer.
inline constexpr std::size_t most_answer_bytes = std::size_t{32} << 20;

/// Collective: every rank gets what it wants and reads what others want through `open`. A rank
/// meets those that it asks or that ask it, one after the other, and nobody else. All ranks have
/// the same manifest. Returns what went wrong on this rank; the targets hold anything where that is
/// not empty on every rank.
[[nodiscard]] std::string exchange_boxes(Communicator& ranks, const Manifest& manifest,
                                         const RemoteReadings& wanted, const OpenFile& open);

}  // namespace tokenwerk
