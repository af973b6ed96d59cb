#pragma once
/// On which hosts the next attempt runs: who failed is left out, spares fill in, and what local
/// generations hold is asked for.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launch/supervisor/attempt.h"
#include "launch/supervisor/host_probe.h"
#include "launch/supervisor/supervisor_options.h"

namespace tokenwerk {

/// Where the first attempt runs: on as many ranks as asked for, or where hosts are left out and no
/// spares take their places, on the most that are legal. Throws ConfigError where too few are left.
[[nodiscard]] Placement first_placement(const SupervisorOptions& options);

/// The hosts that are blamed, by any of their names, each once. Where more than half of them are,
/// it is the fault of none.
[[nodiscard]] std::vector<std::string> blamed_hosts(const std::vector<Host>& hosts,
                                                    const std::vector<Blame>& blames);

class HostChoice {
 public:
  /// `options` stay as long as this.
  explicit HostChoice(const SupervisorOptions& options) : options_(&options) {}

  /// An attempt has ended so.
  void count(const std::vector<Blame>& blames);
  /// These hosts keep the newest local generation.
  void keep_local(const std::vector<Host>& ring) { ring_ = ring; }

  struct Next {
    Placement placement;
    std::vector<Host> excluded;  ///< that would have run otherwise
  };
  using Ask = std::function<Answers(const std::vector<Host>&)>;
  /// Asks all that may be used and takes those that answer and have not just failed again and
  /// again, or of these too where the others are too few. Nothing where not one replica of the
  /// model fits. Throws ConfigError or DataError where the recipe cannot be read.
  [[nodiscard]] std::optional<Next> next(const RecipeSource& recipe, const Ask& ask);

 private:
  const SupervisorOptions* options_;
  std::map<std::string, Index> failures_;  ///< in a row, by host
  std::vector<Host> ring_;
};

}  // namespace tokenwerk
