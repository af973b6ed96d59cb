#include "tests/parallel/layouts/layout.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <sstream>

namespace tokenwerk::test {

const char* name_of(Tiny model) {
  switch (model) {
    case Tiny::gpt: return "gpt";
    case Tiny::gpt_untied: return "gpt_untied";
    case Tiny::llama: return "llama";
    case Tiny::odd_gpt: return "odd_gpt";
    case Tiny::odd_untied: return "odd_untied";
    case Tiny::odd_llama: return "odd_llama";
    case Tiny::wide_gpt: return "wide_gpt";
    case Tiny::wide_llama: return "wide_llama";
    case Tiny::shared_kv: return "shared_kv";
  }
  return "";
}

const char* name_of(Precision precision) { return precision == Precision::f32 ? "f32" : "bf16"; }

std::map<std::string, std::string> keys_of(const Layout& layout) {
  std::map<std::string, std::string> keys;
  std::istringstream words(layout.keys);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    keys[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return keys;
}

std::string value_of(const Layout& layout, const std::string& key, const std::string& otherwise) {
  const auto keys = keys_of(layout);
  const auto found = keys.find(key);
  return found == keys.end() ? otherwise : found->second;
}

int number_of(const Layout& layout, const std::string& key, int otherwise) {
  return std::stoi(value_of(layout, key, std::to_string(otherwise)));
}

int data_degree(const Layout& layout) {
  return layout.ranks / (number_of(layout, "tensor", 1) * number_of(layout, "pipeline", 1));
}

std::string name_of(const Layout& layout) {
  std::string name = fmt::format("{}_ranks_{}_{}_{}", layout.ranks, name_of(layout.model),
                                 name_of(layout.precision), layout.keys);
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0; };
  std::ranges::replace_if(name, std::not_fn(allowed), '_');
  return name;
}

void PrintTo(const Layout& layout, std::ostream* out) { *out << name_of(layout); }

std::string own_schedule(int microbatches) {
  std::string ends = "rank 0:", middle = "rank 1:", later_ends, later_middle;
  const auto add = [](std::string& program, int stage, char work, int microbatch) {
    program += fmt::format(" {}{}{}", stage, work, microbatch);
  };
  for (int m = 0; m < microbatches; ++m) add(ends, 0, 'F', m);
  for (int m = 0; m < microbatches; ++m) add(middle, 1, 'F', m);
  for (int m = 0; m < microbatches; ++m) {
    const bool whole = m % 2 == 0;
    add(ends, 2, 'F', m);
    add(ends, 2, whole ? 'B' : 'I', m);
    add(middle, 1, whole ? 'I' : 'B', m);
    if (whole) add(later_middle, 1, 'W', m);
    if (!whole) add(later_ends, 2, 'W', m);
  }
  for (int m = 0; m < microbatches; ++m) add(ends, 0, 'B', m);
  return ends + later_ends + "\n" + middle + later_middle + "\n";
}

}  // namespace tokenwerk::test
