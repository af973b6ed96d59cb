#pragma once
/// What one rank tells others of its ledger, as it travels and as it is judged.

#include <optional>
#include <string>
#include <vector>

#include "parallel/comm/ledger.h"

namespace tokenwerk {

/// A call in another rank's words.
struct ReportedCall {
  int communicator = 0;
  Axis axis = Axis::world;
  RankGroup group;
  Index number = 0;
  std::string what;        ///< CollectiveCall::text
  std::string site;        ///< text_of(CallSite)
  std::vector<int> peers;  ///< of an exchange: the ranks of the run that it waits for
  double seconds = 0;      ///< for which it has waited

  /// "all_reduce, sum of 1024 f32 (4096 bytes), number 17 over data (ranks 0-3) at FILE:LINE"
  [[nodiscard]] std::string text() const;
};

struct LedgerReport {
  std::vector<ReportedCall> at_hand;  ///< oldest first; empty: the rank waits for nobody
  std::vector<ReportedCall> latest;   ///< the newest collectives of each communicator
};

[[nodiscard]] LedgerReport report_of(const Ledger& ledger);

[[nodiscard]] std::string to_text(const LedgerReport& report);
/// Nothing where the text is no report.
[[nodiscard]] std::optional<LedgerReport> read_ledger_report(const std::string& text);

/// How a rank was found when all were asked.
struct RankStanding {
  std::string host;
  std::optional<LedgerReport> report;  ///< nothing: it gave no answer
};

/// Whether some rank has waited for so long.
[[nodiscard]] bool any_waits(const std::vector<RankStanding>& ranks, double seconds);

/// The lines that explain a hang: first those on ranks that others wait for, "rank 1 host n3: ...",
/// then calls that do not match, then who waits in what. `ranks` holds every rank of the run.
[[nodiscard]] std::vector<std::string> explain_hang(const std::vector<RankStanding>& ranks);

}  // namespace tokenwerk
