#include "tests/parallel/layouts/coverage.h"

#include <fmt/core.h>

namespace tokenwerk::test {
namespace {

using Texts = std::vector<std::string>;

bool several_stages_a_rank(const std::string& schedule) {
  return schedule == "interleaved" || schedule == "zb-v" || schedule == "file";
}
bool delays_weight_gradients(const std::string& schedule) {
  return schedule == "zb-h1" || schedule == "zb-v" || schedule == "file";
}

/// Stages of the pipeline; own_schedule has three on two ranks.
int stages_of(const std::string& schedule, int pipeline) {
  if (schedule == "file") return 3;
  return several_stages_a_rank(schedule) ? 2 * pipeline : pipeline;
}

/// All choices for each of the keys, one after the other; a choice is "key=value" or nothing.
Texts products(const std::vector<Texts>& choices) {
  Texts out{""};
  for (const Texts& next : choices) {
    Texts longer;
    for (const std::string& before : out)
      for (const std::string& choice : next)
        longer.push_back(before.empty() || choice.empty() ? before + choice
                                                          : before + " " + choice);
    out = std::move(longer);
  }
  return out;
}

/// What goes with this data degree.
Texts zero_choices(int data) {
  if (data == 1) return {""};
  Texts stages{"", "zero=1", "zero=2", "zero=3", "zero=3 zero_keep=true"};
  if (data < 4) return stages;
  for (std::size_t i = 1, count = stages.size(); i < count; ++i)
    stages.push_back(stages[i] + " zero_group=2");
  return stages;
}

Texts tensor_choices(int tensor) {
  if (tensor == 1) return {""};
  const std::string key = fmt::format("tensor={}", tensor);
  return {key, key + " sequence=true"};
}

Texts pipeline_choices(int pipeline, int layers) {
  if (pipeline == 1) return {""};
  const std::string key = fmt::format("pipeline={}", pipeline);
  Texts out;
  for (const char* schedule : {"gpipe", "1f1b", "interleaved", "zb-h1", "zb-v", "file"}) {
    const int stages = stages_of(schedule, pipeline);
    if (stages > layers || (stages == 3 && pipeline != 2)) continue;
    out.push_back(key + " schedule=" + schedule);
    if (stages != 3 && stages < layers) out.push_back(out.back() + " stages=uneven");
  }
  return out;
}

}  // namespace

std::set<std::string> features_of(const Layout& layout) {
  std::set<std::string> out;
  const auto add_if = [&out](bool used, const std::string& feature) {
    if (used) out.insert(feature);
  };
  const int tensor = number_of(layout, "tensor", 1);
  const bool pipeline = number_of(layout, "pipeline", 1) > 1;
  const std::string schedule = value_of(layout, "schedule", "1f1b");
  const std::string zero = value_of(layout, "zero", "0");
  const std::string kept = value_of(layout, "zero_keep", "") == "true" ? ", weights kept" : "";
  add_if(layout.model == Tiny::gpt, "tied");
  add_if(layout.model == Tiny::llama, "llama");
  add_if(layout.precision == Precision::bf16, "bf16");
  add_if(data_degree(layout) > 1, "data");
  add_if(tensor > 1, "tensor");
  add_if(layout.model == Tiny::llama && tensor > 2, "more tensor ranks than key heads");
  add_if(value_of(layout, "sequence", "") == "true", "sequence");
  add_if(pipeline, "pipeline");
  add_if(pipeline && several_stages_a_rank(schedule), "several stages a rank");
  add_if(pipeline && delays_weight_gradients(schedule), "delayed weight gradients");
  add_if(!value_of(layout, "stages", "").empty(), "uneven stages");
  add_if(zero != "0", "zero " + zero + kept);
  add_if(!value_of(layout, "zero_group", "").empty(), "zero groups");
  const std::string recompute = value_of(layout, "recompute", "none");
  add_if(recompute != "none", "recompute " + recompute);
  return out;
}

std::set<std::string> values_of(const Layout& layout) {
  const auto value = [&](const std::string& key, const std::string& otherwise) {
    return key + "=" + value_of(layout, key, otherwise);
  };
  std::set<std::string> out{fmt::format("model={}", name_of(layout.model)),
                            name_of(layout.precision),
                            fmt::format("data={}", data_degree(layout)),
                            value("tensor", "1"),
                            value("pipeline", "1"),
                            value("recompute", "none")};
  if (number_of(layout, "tensor", 1) > 1) out.insert(value("sequence", "false"));
  if (number_of(layout, "pipeline", 1) > 1) {
    out.insert(value("schedule", "1f1b"));
    out.insert(value_of(layout, "stages", "").empty() ? "even stages" : "uneven stages");
  }
  out.insert(value("zero", "0") + " " + value("zero_keep", "false"));
  const bool groups = data_degree(layout) >= 4 && value_of(layout, "zero", "0") != "0";
  if (groups) out.insert(value("zero_group", "all"));
  return out;
}

std::vector<Layout> legal_layouts(int layers) {
  std::vector<Layout> out;
  const auto add = [&](int data, int tensor, int pipeline) {
    const int ranks = data * tensor * pipeline;
    if (ranks == 1 || ranks > 8 || pipeline > layers) return;
    for (const std::string& keys : products({tensor_choices(tensor),
                                             pipeline_choices(pipeline, layers),
                                             zero_choices(data),
                                             {"", "recompute=selective", "recompute=full"}}))
      for (const Tiny model : {Tiny::gpt, Tiny::gpt_untied, Tiny::llama})
        for (const Precision precision : {Precision::f32, Precision::bf16})
          out.push_back({ranks, model, precision, keys, layers});
  };
  for (const int data : {1, 2, 4, 8})
    for (const int tensor : {1, 2, 4})
      for (const int pipeline : {1, 2, 4, 8}) add(data, tensor, pipeline);
  return out;
}

std::set<WordPair> missing_pairs(const std::vector<Layout>& table, const std::vector<Layout>& legal,
                                 const WordsOf& words) {
  std::set<WordPair> missing;
  for (const Layout& layout : legal) {
    const std::set<std::string> has = words(layout);
    for (const std::string& a : has)
      for (auto b = has.upper_bound(a); b != has.end(); ++b) missing.emplace(a, *b);
  }
  for (const Layout& layout : table) {
    const std::set<std::string> has = words(layout);
    std::erase_if(missing, [&](const WordPair& pair) {
      return has.contains(pair.first) && has.contains(pair.second);
    });
  }
  return missing;
}

}  // namespace tokenwerk::test
