#include "launch/recipe_broadcast.h"

#include <nlohmann/json.hpp>

#include "launch/agreement.h"
#include "launch/completed_recipe.h"
#include "launch/machine.h"
#include "launch/memory_fault.h"
#include "launch/recipe_model.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::json;

/// What this rank was started with.
Json flags_of(const RecipeArguments& arguments) {
  Json flags = Json::array({arguments.file});
  for (const RecipeFlag& flag : arguments.flags) flags.push_back(flag.key + "=" + flag.value);
  return flags;
}

/// Throws ConfigError where this machine cannot hold what the recipe asks of it.
void check_machine(const Recipe& recipe) {
  if (recipe.device.kind != "cpu") return;  // a GPU says its memory once it is opened
  const std::string fault =
      memory_fault(recipe, model_config(recipe, 0), host_memory().total, "this machine");
  TW_CHECK_AS(ConfigError, fault.empty(), fault);
}

}  // namespace

std::string packed_recipe(const Recipe& recipe) {
  Json json{{"file", recipe.file}, {"keys", to_toml(recipe)}, {"origins", recipe.origins}};
  if (recipe.schedule_text) json["schedule"] = *recipe.schedule_text;
  return json.dump();
}

Recipe unpacked_recipe(const std::string& text) {
  const Json json = Json::parse(text);
  Recipe recipe = parse_resolved(json.at("keys"));
  recipe.file = json.at("file");
  json.at("origins").get_to(recipe.origins);
  if (json.contains("schedule")) recipe.schedule_text = json.at("schedule");
  return recipe;
}

Recipe recipe_of_run(MpiEnvironment& environment, const RecipeArguments& arguments) {
  const auto device = make_device(DeviceKind::cpu);
  const auto world = environment.make_world(*device);
  Recipe recipe;
  std::string text;
  agree_with_first(*world, [&] {
    const Index ranks = environment.size();
    recipe = completed(read_recipe(arguments.file, arguments.flags, ranks), ranks);
    text = Json{{"flags", flags_of(arguments)}, {"recipe", packed_recipe(recipe)}}.dump();
  });
  text = broadcast_string(*world, text);
  agree(*world, [&] {
    const Json sent = Json::parse(text);
    TW_CHECK_AS(ConfigError, sent.at("flags") == flags_of(arguments), arguments.file,
                ": this rank was started with other flags than rank 0: ",
                flags_of(arguments).dump(), ", not ", sent.at("flags").dump());
    recipe = unpacked_recipe(sent.at("recipe"));
    check_machine(recipe);
  });
  return recipe;
}

}  // namespace tokenwerk
