#include "launch/train_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "launch/agreement.h"
#include "launch/byte_size.h"
#include "launch/check.h"
#include "launch/counted.h"
#include "launch/heartbeat.h"
#include "launch/injection.h"
#include "launch/recipe_broadcast.h"
#include "launch/signals.h"
#include "launch/startup_budget.h"
#include "launch/trainer.h"

namespace tokenwerk {
namespace {

/// What --check is told; lives as long as the command's callbacks.
struct CheckArguments {
  bool check = false;
  std::optional<Index> ranks;         ///< of the run to check; empty: those there are
  std::optional<std::string> memory;  ///< of its devices
};

/// Looks at the run on the first rank; nothing is started.
void check(const RecipeArguments& arguments, const CheckArguments& look,
           MpiEnvironment& environment) {
  const auto device = make_device(DeviceKind::cpu);
  agree_with_first(*environment.make_world(*device), [&] {
    CheckOptions options;
    options.ranks = look.ranks.value_or(environment.size());
    if (look.memory) options.device_memory = bytes_of_size(*look.memory);
    fmt::print("{}", check_run(arguments.file, arguments.flags, options));
  });
}

void add_check_options(CLI::App& command, CheckArguments& look) {
  CLI::Option* check = command.add_flag(
      "--check", look.check,
      "Check the recipe and show its layout and memory on any machine, without data or ranks");
  const CLI::Validator is_count(
      [](const std::string& text) {
        const auto ranks = number_of<std::int32_t>(text);
        return ranks && *ranks > 0 ? "" : text + " is no number from 1 to 2147483647";
      },
      "");
  const CLI::Validator is_size(
      [](const std::string& text) {
        return bytes_of_size(text) ? "" : text + " is no size of memory, as 80GB or 180GiB";
      },
      "");
  command.add_option("--ranks", look.ranks, "With --check: of the run (default: those started)")
      ->type_name("INTEGER")
      ->check(is_count)
      ->needs(check);
  command
      .add_option("--device-memory", look.memory,
                  "With --check: of each rank's device, as 80GB or 180GiB (default: not checked)")
      ->type_name("SIZE")
      ->check(is_size)
      ->needs(check);
}

}  // namespace

void add_train_command(CLI::App& app, MpiEnvironment& environment, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "Train a model as a recipe says");
  const auto arguments = add_recipe_options(*command);
  const auto look = std::make_shared<CheckArguments>();
  add_check_options(*command, *look);
  command->callback([arguments, look, &environment, &exit_code] {
    if (look->check) return check(*arguments, *look, environment);
    const StopRequest stop(environment.size());  // from here on a signal is heard
    StartupBudget budget(environment.start_seconds());
    const Recipe recipe = budget.during(StartupBudget::recipe,
                                        [&] { return recipe_of_run(environment, *arguments); });
    environment.watch(recipe.training.watchdog_seconds);
    if (recipe.training.check_collectives.value_or(false)) environment.check_collectives();
    const std::vector<Injection> injections = read_injections(arguments->injections);
    // A supervisor has looked, and may go on with fewer ranks.
    if (!own_attempt()) check_injected_ranks(injections, environment.size());
    check_injected_steps(injections, recipe.training.steps);
    exit_code = run_training(environment, recipe, injections, stop, budget);
  });
}

}  // namespace tokenwerk
