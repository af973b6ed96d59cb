#pragma once
/// Layouts to train on: the tables are in tables.cpp, what they cover in coverage.h.

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace tokenwerk::test {

/// Tiny models. gpt has a tied table; llama shares a key head between two query heads. Those that
/// are odd have 6 heads, 3 key heads and 5 layers; those that are wide 8 heads, of which the
/// llama's share 2 key heads; shared_kv has 12 heads that share one.
enum class Tiny {
  gpt,
  gpt_untied,
  llama,
  odd_gpt,
  odd_untied,
  odd_llama,
  wide_gpt,
  wide_llama,
  shared_kv
};
enum class Precision { f32, bf16 };

[[nodiscard]] const char* name_of(Tiny model);
[[nodiscard]] const char* name_of(Precision precision);

/// One way to spread a model over ranks.
struct Layout {
  int ranks = 1;
  Tiny model{};
  Precision precision{};
  /// Keys of [parallel] that are not at their default, "tensor=2 schedule=zb-v", micro_batch and
  /// device (its kind).
  /// schedule=file is the schedule of own_schedule. What the other degrees leave of the ranks is
  /// data parallel.
  std::string keys{};
  int layers = 4;  ///< of the models that are not odd
};

/// The keys of a layout, or one of them.
[[nodiscard]] std::map<std::string, std::string> keys_of(const Layout& layout);
[[nodiscard]] std::string value_of(const Layout& layout, const std::string& key,
                                   const std::string& otherwise);
[[nodiscard]] int number_of(const Layout& layout, const std::string& key, int otherwise);
[[nodiscard]] int data_degree(const Layout& layout);

/// "tensor_2_schedule_zb_v": letters, digits and underscores, as gtest wants names.
[[nodiscard]] std::string name_of(const Layout& layout);
void PrintTo(const Layout& layout, std::ostream* out);

/// Three stages on two ranks, the first one with both ends of the model; half of the weight
/// gradients of each rank are put off.
[[nodiscard]] std::string own_schedule(int microbatches);

/// A dozen that use every pair of features.
[[nodiscard]] std::vector<Layout> default_layouts();
/// Every pair of values of all keys.
[[nodiscard]] std::vector<Layout> long_layouts();
/// Sizes that are no powers of two.
[[nodiscard]] std::vector<Layout> odd_layouts();
/// Many more ranks than cores.
[[nodiscard]] std::vector<Layout> many_ranks();

}  // namespace tokenwerk::test
