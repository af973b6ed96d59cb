#pragma once
/// What the command line needs to know of the ranks it runs on.

#include <functional>
#include <string>
#include <vector>

namespace tokenwerk {

/// This rank among those of the run. A program that was started alone is one rank.
struct Process {
  int rank = 0;
  int size = 1;
  std::string host;
  std::string library;  ///< what carries messages; empty for one rank

  /// Agreement: an empty text if every rank passed an empty one, otherwise one text that names all
  /// faults. Every rank calls together.
  std::function<std::string(const std::string& fault)> gather_faults =
      [](const std::string& fault) { return fault; };
  /// Every rank's text, in rank order. Every rank calls together.
  std::function<std::vector<std::string>(const std::string& mine)> gather =
      [](const std::string& mine) { return std::vector{mine}; };
  /// Ends every rank of the run; empty for one rank.
  std::function<void(int code)> abort_all;

  [[nodiscard]] bool first() const { return rank == 0; }
};

}  // namespace tokenwerk
