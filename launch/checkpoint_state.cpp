#include "launch/checkpoint_state.h"

#include <toml++/toml.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "launch/recipe_keys.h"

namespace tokenwerk {
namespace {

/// Keys, or sections with the dot behind them, that do not change what a run learns.
constexpr std::string_view without_effect[] = {"parallel.",
                                               "checkpoint.",
                                               "log.",
                                               "device.",
                                               "data.train",
                                               "data.validation",
                                               "training.stop_after",
                                               "training.micro_batch",
                                               "training.validate_every",
                                               "training.validate_batches",
                                               "training.watchdog_seconds",
                                               "training.check_collectives"};

bool has_effect(std::string_view key) {
  return std::ranges::none_of(without_effect, [key](std::string_view none) {
    return none.ends_with('.') ? key.starts_with(none) : key == none;
  });
}

std::string text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return value_text(text->get());
  if (const auto* real = node.as_floating_point()) return value_text(real->get());
  std::ostringstream out;
  out << toml::node_view<const toml::node>(node);
  return out.str();
}

/// The keys of a recipe, as "training.seed"; nothing where the text is no TOML.
std::optional<std::map<std::string, std::string>> keys_of(const std::string& recipe) {
  std::map<std::string, std::string> values;
  try {
    const toml::table table = toml::parse(recipe);
    for (const auto& [section, node] : table) {
      const std::string outer(section.str());
      const toml::table* keys = node.as_table();
      if (keys == nullptr) {
        values[outer] = text_of(node);
        continue;
      }
      for (const auto& [name, value] : *keys)
        values[outer + "." + std::string(name.str())] = text_of(value);
    }
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
  return values;
}

}  // namespace

std::map<std::string, std::string> comparable_state(const std::string& state_json) {
  std::map<std::string, std::string> values;
  const nlohmann::json state = nlohmann::json::parse(state_json).flatten();
  for (const auto& [path, value] : state.items()) {
    const std::string name = path.substr(path.empty() ? 0 : 1);
    if (name == "data/prefix") continue;
    const auto recipe =
        name == "recipe" && value.is_string() ? keys_of(value.get<std::string>()) : std::nullopt;
    if (!recipe) values[name] = value.dump();
    for (const auto& [key, text] : recipe.value_or(std::map<std::string, std::string>()))
      if (has_effect(key)) values["recipe/" + key] = text;
  }
  return values;
}

}  // namespace tokenwerk
