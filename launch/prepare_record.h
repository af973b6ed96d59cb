#pragma once
/// `P.prepared.json`: what a preparation has made, and from what.

#include <string>
#include <vector>

#include "launch/prepare.h"

namespace tokenwerk {

/// A file of a preparation: what follows the prefix in its name, and where its content lies now.
struct PreparedFile {
  std::string suffix;
  std::string content_path;
};

[[nodiscard]] std::string record_path(const std::string& prefix);

/// The record as text, closed by a checksum of itself. Reads the files to sum them up.
[[nodiscard]] std::string make_record(const PrepareOptions& options, const PrepareReport& report,
                                      const std::vector<PreparedFile>& files);

/// Suffixes of the files that the record beside this prefix lists; none when there is no record or
/// it is damaged.
[[nodiscard]] std::vector<std::string> recorded_suffixes(const std::string& prefix);

}  // namespace tokenwerk
