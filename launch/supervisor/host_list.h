#pragma once
/// Hosts as users write them: a list on the command line, or a file.

#include <string>
#include <vector>

#include "launch/supervisor/hosts.h"

namespace tokenwerk {

/// From a list, "n1,n2:4,n[3-5]", or from a file with a host a line, "n1", "n1:4" or mpirun's
/// "n1 slots=4", where # begins a comment. n[08-10,12] are n08, n09, n10 and n12, as Slurm writes
/// them. What names no number takes `ranks_per_host`. Throws one ConfigError that lists every
/// fault, each with the line or `option`: names given twice, numbers that are none.
[[nodiscard]] std::vector<Host> read_hosts(const std::string& option,
                                           const std::string& file_or_list, Index ranks_per_host);

/// Whether the text names a file that is there. Throws ConfigError where it looks like one that is
/// not: with a slash, or .txt at its end.
[[nodiscard]] bool names_file(const std::string& option, const std::string& file_or_list);

/// "n[1-3,7]x" as n1x, n2x, n3x, n7x; the text itself where it has no brackets; nothing where they
/// are none of Slurm's or name more than 65,536 hosts.
[[nodiscard]] std::vector<std::string> expanded_names(const std::string& text);

/// Parts between commas outside of brackets.
[[nodiscard]] std::vector<std::string> list_entries(const std::string& list);

/// Letters, digits, dots, underscores and, but for the first, dashes: what a host or an IPv4
/// address is called.
[[nodiscard]] bool is_host_name(const std::string& name);

}  // namespace tokenwerk
