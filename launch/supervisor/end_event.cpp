#include "launch/supervisor/end_event.h"

#include <fmt/core.h>

namespace tokenwerk {
namespace {

/// With what was last said: of ranks that end with a code it mostly is why.
std::string with_last_words(const std::string& text, const AttemptEnd& end) {
  return end.last_words.empty() ? text : text + "; the last line: " + end.last_words;
}

std::string cause_of(const AttemptEnd& end) {
  if (!end.blames.empty()) {
    const Blame& first = end.blames.front();
    return first.host.empty() ? with_last_words(first.text, end) : first.text;
  }
  if (end.hung)
    return fmt::format("no sign of life for {:.0f} s {}", end.silent_seconds,
                       end.last ? "after \"" + end.last->phase + "\"" : "since the start");
  constexpr int signals = 128;
  const std::string how = end.exit_code > signals
                              ? fmt::format("by signal {}", end.exit_code - signals)
                              : fmt::format("with code {}", end.exit_code);
  return with_last_words("the starter ended " + how, end);
}

}  // namespace

RunEvent death_of(const AttemptEnd& end, const Placement& placement, Index attempt) {
  RunEvent death{.name = end.hung ? "hang" : "died",
                 .attempt = attempt,
                 .ranks = placement.ranks,
                 .exit_code = end.exit_code,
                 .what = cause_of(end)};
  if (end.last && end.last->phase != loading_phase) death.step = end.last->step;
  if (end.blames.empty()) return death;
  death.rank = end.blames.front().rank;
  death.host = end.blames.front().host;
  if (death.host.empty() && death.rank) death.host = host_of_rank(placement, *death.rank);
  return death;
}

RunEvent final_end_of(const AttemptEnd& end, Index attempt) {
  return {.name = "gave_up",
          .attempt = attempt,
          .exit_code = end.exit_code,
          .what = with_last_words("no restart would change this end", end)};
}

}  // namespace tokenwerk
