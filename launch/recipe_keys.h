#pragma once
/// The one table of a recipe's keys. Reading TOML, flags, `--help`, validation, suggestions and
/// writing all walk over it: a key added here (and to its struct) exists everywhere.

#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "launch/recipe.h"

namespace tokenwerk {

/// Which values of its type a key may have. Integers end at 2^31 - 1, so that the product of two
/// fits an Index; `any_integer` is the one that does not (seeds).
enum class Legal {
  positive,
  not_negative,
  up_to_three,
  below_one,
  any_integer,
  choice,
  text,
  counts,    ///< text: numbers with commas between them
  interval,  ///< steps, or auto
  flag
};

/// Finds a key's member in a recipe.
template <typename T>
using Access = T& (*)(Recipe&);

using Member =
    std::variant<Access<Index>, Access<double>, Access<std::string>, Access<StepInterval>,
                 Access<std::optional<Index>>, Access<std::optional<double>>,
                 Access<std::optional<bool>>, Access<std::optional<std::string>>>;

struct RecipeKey {
  std::string_view section;
  std::string_view name;
  Member member;
  Legal legal = Legal::text;
  std::vector<std::string_view> choices;  ///< for Legal::choice
  std::string_view default_text;          ///< for optional members: what holds when it is not given
  std::string_view help;

  /// "training.steps"
  [[nodiscard]] std::string path() const;
};

/// All keys, in the order of sections and of writing.
[[nodiscard]] const std::vector<RecipeKey>& recipe_keys();

/// The key of this path; null if there is none.
[[nodiscard]] const RecipeKey* find_recipe_key(std::string_view path);

/// The key that was probably meant; a wrong section counts as two mistakes.
[[nodiscard]] const RecipeKey& nearest_recipe_key(std::string_view path);

/// The known section that was probably meant.
[[nodiscard]] std::string_view nearest_section(std::string_view section);

/// "a positive integer", "gpt or llama"
[[nodiscard]] std::string legal_text(const RecipeKey& key);

/// What holds when the key is not given; "required" if it must be.
[[nodiscard]] std::string default_text(const RecipeKey& key);

/// Whether a recipe without the key is incomplete: its member starts with a value that is not
/// legal.
[[nodiscard]] bool is_required(const RecipeKey& key);

/// The value as TOML, for messages too: 3, 0.1, true, "text".
[[nodiscard]] std::string value_text(Index value);
[[nodiscard]] std::string value_text(double value);
[[nodiscard]] std::string value_text(bool value);
[[nodiscard]] std::string value_text(const std::string& value);
[[nodiscard]] std::string value_text(const StepInterval& value);

/// What is wrong with a flag's text that is no value of the key's type.
[[nodiscard]] std::string fault_of_text(const RecipeKey& key, const std::string& text);

/// Empty if the value is legal for the key, otherwise what is wrong and the nearest legal value.
[[nodiscard]] std::string fault_of(const RecipeKey& key, Index value);
[[nodiscard]] std::string fault_of(const RecipeKey& key, double value);
[[nodiscard]] std::string fault_of(const RecipeKey& key, bool value);
[[nodiscard]] std::string fault_of(const RecipeKey& key, const std::string& value);
[[nodiscard]] std::string fault_of(const RecipeKey& key, const StepInterval& value);

template <typename T>
struct ValueOf {
  using type = T;
};
template <typename T>
struct ValueOf<std::optional<T>> {
  using type = T;
};

/// Calls function(const Value&) with the key's value unless it is an empty optional.
template <typename Function>
void with_value(const RecipeKey& key, const Recipe& recipe, const Function& function) {
  std::visit(
      [&]<typename T>(Access<T> access) {
        // The table has one accessor a key; a const recipe is only read through it.
        const T& member = access(const_cast<Recipe&>(recipe));
        if constexpr (std::is_same_v<T, typename ValueOf<T>::type>) {
          function(member);
        } else if (member) {
          function(*member);
        }
      },
      key.member);
}

}  // namespace tokenwerk
