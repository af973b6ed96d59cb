#include "launch/recipe_options.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "launch/exit_code.h"
#include "launch/nearest.h"
#include "launch/recipe_keys.h"

namespace tokenwerk {
namespace {

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
        else if constexpr (std::is_same_v<Value, StepInterval>)
          return "INTEGER|auto";
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

/// Refuses a flag that is no key of a recipe, with the command's own that is nearest.
void refuse_plain(const CLI::App& command, const std::string& argument) {
  const std::string flag = argument.substr(0, argument.find('='));
  if (flag.find('.') != std::string::npos) return;
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames())
      if (name.find('.') == std::string::npos) names.push_back("--" + name);
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  throw SharedError(
      ExitCode::wrong_recipe,
      fmt::format("{}: there is no such flag; the nearest known one is {}, and keys of a recipe "
                  "have a dot, as --training.steps",
                  flag, nearest(flag, candidates)));
}

/// Adds what the parser could not place, so that it is reported beside the recipe's own faults.
void add_unknown(const CLI::App& command, RecipeArguments& recipe) {
  const std::vector<std::string> arguments = command.remaining();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with('-'))
      throw SharedError(ExitCode::wrong_recipe, "unexpected argument: " + arguments[i]);
    refuse_plain(command, arguments[i]);
    recipe.flags.push_back(unknown_flag(arguments, i));
  }
}

}  // namespace

std::shared_ptr<RecipeArguments> add_recipe_options(CLI::App& command) {
  const auto recipe = std::make_shared<RecipeArguments>();
  command
      .add_option("RECIPE", recipe->file, "TOML file; every key of it is also a flag, which wins")
      ->required()
      ->type_name("");
  for (const RecipeKey& key : recipe_keys()) {
    const std::string path = key.path();
    command
        .add_option_function<std::string>(
            "--" + path,
            [recipe, path](const std::string& value) {
              recipe->flags.push_back({path, value});
            },
            description(key))
        ->type_name(kind_of_value(key))
        ->take_last()
        ->group(fmt::format("[{}]", key.section));
  }
  command
      .add_option(
          "--inject", recipe->injections,
          "A fault, for tests: kill:rank=3,step=17; or stop, exit, slow, flip, corrupt, nan, spike")
      ->type_name("FAULT")
      ->take_all();
  command.allow_extras();
  command.parse_complete_callback([&command, recipe] { add_unknown(command, *recipe); });
  return recipe;
}

}  // namespace tokenwerk
