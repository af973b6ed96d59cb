#include "launch/train_command.h"

#include <CLI/CLI.hpp>

#include "launch/agreement.h"
#include "launch/injection.h"
#include "launch/recipe_options.h"
#include "launch/signals.h"
#include "launch/trainer.h"

namespace tokenwerk {
namespace {

/// Reads the recipe on every rank; if any rank could not, all throw the same.
Recipe read_together(const RecipeArguments& arguments, MpiEnvironment& environment) {
  const auto device = make_device(DeviceKind::cpu);
  Recipe recipe;
  agree(*environment.make_world(*device),
        [&] { recipe = read_recipe(arguments.file, arguments.flags, environment.size()); });
  return recipe;
}

}  // namespace

void add_train_command(CLI::App& app, MpiEnvironment& environment, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "Train a model as a recipe says");
  const auto arguments = add_recipe_options(*command);
  command->callback([arguments, &environment, &exit_code] {
    const StopRequest stop(environment.size());  // from here on a signal is heard
    exit_code = run_training(environment, read_together(*arguments, environment),
                             read_injections(arguments->injections), stop);
  });
}

}  // namespace tokenwerk
