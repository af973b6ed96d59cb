/// From TOML text and flags to a recipe, with every fault on the way.

#include <fmt/ranges.h>

#include <toml++/toml.h>

#include "core/data/files.h"
#include "launch/counted.h"
#include "launch/recipe_check.h"
#include "launch/recipe_keys.h"

namespace tokenwerk {
namespace {

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string: return "text";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a number with a fraction";
    case toml::node_type::boolean: return "true or false";
    case toml::node_type::array: return "an array";
    case toml::node_type::table: return "a table";
    default: return "a date or time";
  }
}

/// The node's value as the type of a key, or empty if it has another type. An integer may stand for
/// a real number; nothing else is converted.
template <typename T>
std::optional<T> value_of(const toml::node& node) {
  if constexpr (std::is_same_v<T, StepInterval>) {
    if (const auto* steps = node.as_integer()) return StepInterval{steps->get()};
    if (const auto* text = node.as_string(); text && text->get() == "auto") return StepInterval{};
  } else if constexpr (std::is_same_v<T, double>) {
    if (const auto* integer = node.as_integer()) return static_cast<double>(integer->get());
    if (const auto* real = node.as_floating_point()) return real->get();
  } else {
    if (const auto* value = node.as<T>()) return value->get();
  }
  return std::nullopt;
}

/// An array of integers as a flag has them, "3,4"; nothing where the node is none.
std::optional<std::string> integers_of(const toml::node& node) {
  const toml::array* array = node.as_array();
  if (array == nullptr || !(array->empty() || array->is_homogeneous<std::int64_t>()))
    return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const toml::node& number : *array) numbers.push_back(number.as_integer()->get());
  return fmt::format("{}", fmt::join(numbers, ","));
}

bool is_utf8(const std::string& text) {
  try {
    (void)toml::parse(fmt::format("x = {}", value_text(text)));
    return true;
  } catch (const toml::parse_error&) {
    return false;
  }
}

template <typename T>
std::optional<T> value_of(const std::string& text) {
  if constexpr (std::is_same_v<T, bool>) {
    if (text == "true" || text == "false") return text == "true";
    return std::nullopt;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return is_utf8(text) ? std::optional(text) : std::nullopt;
  } else if constexpr (std::is_same_v<T, StepInterval>) {
    if (text == "auto") return StepInterval{};
    const auto steps = number_of<Index>(text);
    return steps ? std::optional(StepInterval{steps}) : std::nullopt;
  } else {
    return number_of<T>(text);
  }
}

constexpr std::size_t largest_recipe = std::size_t{1} << 24;  // bytes

class Reader {
 public:
  explicit Reader(const std::string& name) { recipe_.file = name; }

  void read_file(const std::string& text) {
    try {
      const toml::table table = toml::parse(text, recipe_.file);
      for (const auto& [section, node] : table) read_section(section, node);
    } catch (const toml::parse_error& error) {
      faults_.add(place(error.source()), "", error.description());
      excuse_all();
    }
  }

  /// Stands for read_file where its text cannot be had, for this reason.
  void refuse_file(const std::string& reason) {
    faults_.add(recipe_.file, "", "cannot be read: " + reason);
    excuse_all();
  }

  void read_flag(const RecipeFlag& flag) {
    const RecipeKey* key = find_recipe_key(flag.key);
    const std::string where = "--" + flag.key;
    if (key == nullptr) {
      const std::string nearest = nearest_recipe_key(flag.key).path();
      faults_.add(where, "", fmt::format("unknown flag; the nearest known one is --{}", nearest));
      faults_.excuse(nearest);
      return;
    }
    recipe_.origins[flag.key] = where;
    assign(*key, flag.value, where, fault_of_text(*key, flag.value));
  }

  void check(Index ranks) {
    check_values(recipe_, faults_);
    check_relations(recipe_, ranks, faults_);
  }

  /// Of a recipe with faults, since missing data alone is none of the recipe's.
  void add_missing_data() {
    if (faults_.empty()) return;
    const auto add = [this](const char* key, const std::string& prefix) {
      if (const std::string missing = missing_tokens(prefix); !missing.empty())
        faults_.add(recipe_.place_of(key), key, missing);
    };
    if (!recipe_.data.train.empty()) add("data.train", recipe_.data.train);
    if (recipe_.data.validation) add("data.validation", *recipe_.data.validation);
  }

  [[nodiscard]] Recipe take() {
    faults_.raise();
    return std::move(recipe_);
  }

 private:
  /// "run.toml:12:3"
  [[nodiscard]] std::string place(const toml::source_region& source) const {
    return fmt::format("{}:{}:{}", recipe_.file, source.begin.line, source.begin.column);
  }

  /// Of a file that was not read to its end, nothing can be said to be missing.
  void excuse_all() {
    for (const RecipeKey& key : recipe_keys()) faults_.excuse(key.path());
  }

  void read_section(const toml::key& section, const toml::node& node) {
    const std::string_view known = nearest_section(section.str());
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      const std::string meant = nearest_recipe_key(section.str()).path();
      faults_.add(place(section.source()), section.str(),
                  fmt::format("stands outside of a section; the nearest known key is {}", meant));
      return faults_.excuse(meant);
    }
    if (section.str() != known) {
      faults_.add(place(section.source()), section.str(),
                  fmt::format("unknown section; the nearest known one is [{}]", known));
    }
    // Keys of a misspelt section are read as if it were right, so that their faults are seen too.
    for (const auto& [key, value] : *table) read_key(known, key, value);
  }

  void read_key(std::string_view section, const toml::key& name, const toml::node& node) {
    const std::string path = fmt::format("{}.{}", section, name.str());
    const std::string where = place(name.source());
    const RecipeKey* key = find_recipe_key(path);
    if (key == nullptr) {
      const std::string nearest = nearest_recipe_key(path).path();
      faults_.add(where, path, fmt::format("unknown key; the nearest known one is {}", nearest));
      return faults_.excuse(nearest);
    }
    recipe_.origins[path] = where;
    if (const auto counts = key->legal == Legal::counts ? integers_of(node) : std::nullopt)
      return assign(*key, *counts, where, "");
    assign(*key, node, where, fmt::format("is {}, not {}", type_name(node), legal_text(*key)));
  }

  /// Stores the value of a node or of a flag's text, or adds the fault if it has the wrong type.
  template <typename Source>
  void assign(const RecipeKey& key, const Source& source, const std::string& where,
              const std::string& fault) {
    std::visit(
        [&]<typename T>(Access<T> access) {
          auto value = value_of<typename ValueOf<T>::type>(source);
          if (value)
            access(recipe_) = std::move(*value);
          else
            faults_.add(where, key.path(), fault);
        },
        key.member);
  }

  Recipe recipe_;
  Faults faults_;
};

}  // namespace

Recipe read_recipe_text(const std::string& text, const std::string& name,
                        const std::vector<RecipeFlag>& flags, Index ranks) {
  Reader reader(name);
  reader.read_file(text);
  for (const RecipeFlag& flag : flags) reader.read_flag(flag);
  reader.check(ranks);
  return reader.take();
}

Recipe parse_resolved(const std::string& text) {
  Reader reader("");
  reader.read_file(text);
  return reader.take();
}

Recipe read_recipe(const std::filesystem::path& file, const std::vector<RecipeFlag>& flags,
                   Index ranks, DataFiles data) {
  Reader reader(file.string());
  const OpenedFile opened = open_to_read(file.string());
  if (!opened.file)
    reader.refuse_file(opened.fault);
  else if (opened.bytes > largest_recipe)
    reader.refuse_file(fmt::format("{} bytes are no recipe", opened.bytes));
  else
    reader.read_file(read_small_file(file.string(), largest_recipe));
  for (const RecipeFlag& flag : flags) reader.read_flag(flag);
  reader.check(ranks);
  if (data == DataFiles::here) reader.add_missing_data();
  return reader.take();
}

}  // namespace tokenwerk
