#include "launch/train_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "launch/agreement.h"
#include "launch/exit_code.h"
#include "launch/recipe_keys.h"
#include "launch/signals.h"
#include "launch/trainer.h"

namespace tokenwerk {
namespace {

/// What the parser found; lives as long as the command's callbacks.
struct TrainArguments {
  std::string recipe;
  std::vector<RecipeFlag> flags;
};

/// The kind of value a key takes, for help.
const char* kind_of_value(const RecipeKey& key) {
  return std::visit(
      []<typename T>(Access<T>) {
        using Value = typename ValueOf<T>::type;
        if constexpr (std::is_same_v<Value, Index>)
          return "INTEGER";
        else if constexpr (std::is_same_v<Value, double>)
          return "NUMBER";
        else if constexpr (std::is_same_v<Value, bool>)
          return "BOOLEAN";
        else
          return "TEXT";
      },
      key.member);
}

std::string description(const RecipeKey& key) {
  const bool typed = key.legal == Legal::text;
  const std::string legal = typed ? "" : legal_text(key) + "; ";
  const std::string otherwise = is_required(key) ? "required" : "default: " + default_text(key);
  return fmt::format("{}\n({}{})", key.help, legal, otherwise);
}

/// "--section.key" or "--section.key=value" of an unknown flag; the value may be the next argument.
RecipeFlag unknown_flag(const std::vector<std::string>& arguments, std::size_t& i) {
  const std::string& argument = arguments[i];
  const std::size_t name = argument.find_first_not_of('-');
  const std::size_t equals = argument.find('=');
  const std::string key = name == std::string::npos ? "" : argument.substr(name, equals - name);
  if (equals == std::string::npos && i + 1 < arguments.size() && arguments[i + 1][0] != '-') ++i;
  return {key, ""};
}

/// Adds what the parser could not place, so that it is reported beside the recipe's own faults.
void add_unknown(const std::vector<std::string>& arguments, TrainArguments& train) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with('-'))
      throw SharedError(ExitCode::wrong_recipe, "unexpected argument: " + arguments[i]);
    train.flags.push_back(unknown_flag(arguments, i));
  }
}

/// Reads the recipe on every rank; if any rank could not, all throw the same.
Recipe read_together(const TrainArguments& train, MpiEnvironment& environment) {
  const auto device = make_device(DeviceKind::cpu);
  Recipe recipe;
  agree(*environment.make_world(*device),
        [&] { recipe = read_recipe(train.recipe, train.flags, environment.size()); });
  return recipe;
}

}  // namespace

void add_train_command(CLI::App& app, MpiEnvironment& environment, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "Train a model as a recipe says");
  const auto train = std::make_shared<TrainArguments>();
  command
      ->add_option("RECIPE", train->recipe, "TOML file; every key of it is also a flag, which wins")
      ->required()
      ->type_name("");
  for (const RecipeKey& key : recipe_keys()) {
    const std::string path = key.path();
    command
        ->add_option_function<std::string>(
            "--" + path,
            [train, path](const std::string& value) {
              train->flags.push_back({path, value});
            },
            description(key))
        ->type_name(kind_of_value(key))
        ->take_last()
        ->group(fmt::format("[{}]", key.section));
  }
  command->allow_extras();
  command->callback([command, train, &environment, &exit_code] {
    add_unknown(command->remaining(), *train);
    const StopRequest stop(environment.size());  // from here on a signal is heard
    exit_code = run_training(environment, read_together(*train, environment), stop);
  });
}

}  // namespace tokenwerk
