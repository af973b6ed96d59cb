#pragma once
/// Hosts that a run leaves out, each with the reason: a text file, "n3  # why" on a line of its
/// own.

#include <filesystem>
#include <string>
#include <vector>

#include "launch/supervisor/hosts.h"

namespace tokenwerk {

struct Exclusion {
  std::string host;
  std::string reason;  ///< one line; may be empty
  friend bool operator==(const Exclusion&, const Exclusion&) = default;
};

/// From a list, "n1,n[3-5]", or from a file with a host a line, where what follows # is the reason;
/// a file may name nobody. Throws one ConfigError that lists every fault.
[[nodiscard]] std::vector<Exclusion> read_exclusions(const std::string& file_or_list);

/// What such a file says in lines of comment after the first. Throws DataError where it cannot be
/// read.
[[nodiscard]] std::vector<std::string> read_remarks(const std::filesystem::path& file);

/// The file appears whole or not at all. Remarks are lines of comment before the hosts. Throws
/// DataError where it cannot be written.
void write_exclusions(const std::filesystem::path& file, const std::vector<Exclusion>& exclusions,
                      const std::vector<std::string>& remarks = {});

/// Those of `hosts` that are not excluded.
[[nodiscard]] std::vector<Host> without(const std::vector<Host>& hosts,
                                        const std::vector<Exclusion>& exclusions);

/// The exclusions that name none of the hosts.
[[nodiscard]] std::vector<Exclusion> strangers(const std::vector<Exclusion>& exclusions,
                                               const std::vector<Host>& hosts);

}  // namespace tokenwerk
