#include "launch/training_checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/data/files.h"
#include "core/data/tokenizer.h"
#include "launch/agreement.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

/// One of the flat arrays that a checkpoint holds, and the group it stands in there.
struct FlatArray {
  std::string prefix;
  TensorView flat;
};

std::vector<FlatArray> flat_arrays(const Model& model, const AdamWOptimizer& optimizer) {
  std::vector<FlatArray> arrays{{"model/", model.parameters().values()},
                                {"optimizer/m/", optimizer.m()},
                                {"optimizer/v/", optimizer.v()}};
  if (optimizer.master()) arrays.push_back({"optimizer/master/", optimizer.master()});
  return arrays;
}

/// Calls visit with every parameter of the model and its window on the flat array.
template <typename Visit>
void for_each_window(const Model& model, TensorView flat, const Visit& visit) {
  for (const ParameterGroup* group : model.parameters().groups()) {
    for (const Parameter& part : group->parts)
      visit(part, ParameterStore::window(flat, *group, part));
  }
}

/// Rows of a dense array's outermost dim.
TensorView outer_slice(TensorView view, Rows rows) {
  const Index inner = view.count() / view.shape[0];
  view.data =
      view.as<std::byte>() + static_cast<std::size_t>(rows.first * inner) * size_of(view.dtype);
  view.shape[0] = rows.count();
  view.row_stride = view.columns();
  return view;
}

Box box_of_rows(const Shape& shape, Rows rows) {
  Box box = Box::whole(shape);
  box.offset[0] = rows.first;
  box.extent[0] = rows.count();
  return box;
}

/// What this rank writes: the ranks divide the elements evenly in canonical order, and a row goes
/// to the rank whose share its first element falls into.
std::vector<ArrayPart> parts_of_rank(const Model& model, const AdamWOptimizer& optimizer,
                                     Index rank, Index size) {
  const Index total = model.parameters().parameter_count();
  const Index first = total * rank / size, last = total * (rank + 1) / size;
  std::vector<ArrayPart> parts;
  for (const FlatArray& array : flat_arrays(model, optimizer)) {
    Index position = 0;  // elements before this parameter
    for_each_window(model, array.flat, [&](const Parameter& parameter, TensorView window) {
      const Index rows = window.shape[0], inner = window.count() / rows;
      const auto row_from = [&](Index element) {
        return std::clamp<Index>((element - position + inner - 1) / inner, 0, rows);
      };
      const Rows mine{row_from(first), row_from(last)};
      if (mine.count() > 0) {
        parts.push_back({array.prefix + parameter.name, parameter.global_shape,
                         box_of_rows(parameter.global_shape, mine), outer_slice(window, mine)});
      }
      position += window.count();
    });
  }
  return parts;
}

void add_targets(std::vector<ArrayTarget>& targets, const Model& model, const FlatArray& array) {
  for_each_window(model, array.flat, [&](const Parameter& parameter, TensorView window) {
    targets.push_back(
        {array.prefix + parameter.name, parameter.global_shape, parameter.box, window});
  });
}

Json to_json(const ModelConfig& c) {
  return {{"family", name_of(c.family)},
          {"layers", c.layers},
          {"width", c.width},
          {"heads", c.heads},
          {"kv_heads", c.kv_heads},
          {"ffn_width", c.ffn_width},
          {"vocabulary", c.vocabulary},
          {"sequence_length", c.sequence_length},
          {"tied", c.tied},
          {"norm_epsilon", c.norm_epsilon},
          {"rope_theta", c.rope_theta}};
}

ModelConfig model_config(const Json& json) {
  ModelConfig c;
  const std::string family = json.at("family");
  TW_CHECK_AS(CheckpointError, family == "gpt" || family == "llama", "model.family is ", family);
  c.family = family == "gpt" ? Family::gpt : Family::llama;
  json.at("layers").get_to(c.layers);
  json.at("width").get_to(c.width);
  json.at("heads").get_to(c.heads);
  json.at("kv_heads").get_to(c.kv_heads);
  json.at("ffn_width").get_to(c.ffn_width);
  json.at("vocabulary").get_to(c.vocabulary);
  json.at("sequence_length").get_to(c.sequence_length);
  json.at("tied").get_to(c.tied);
  json.at("norm_epsilon").get_to(c.norm_epsilon);
  json.at("rope_theta").get_to(c.rope_theta);
  const std::vector<std::string> faults = faults_of(c);
  TW_CHECK_AS(CheckpointError, faults.empty(), faults.front());
  return c;
}

/// What differs in a key of two models, or nothing.
std::string difference(const ModelConfig& checkpoint, const ModelConfig& recipe,
                       const std::string& key) {
  const Json theirs = to_json(checkpoint).at(key), ours = to_json(recipe).at(key);
  if (theirs == ours) return {};
  return fmt::format("\n  model.{}: checkpoint {}, recipe {}", key, theirs.dump(), ours.dump());
}

/// Throws CheckpointError unless the weights of one model can start the other: what only says how
/// they are used may differ.
void check_same_weights(const ModelConfig& checkpoint, const ModelConfig& recipe,
                        const std::filesystem::path& path) {
  std::string differences;
  for (const char* key :
       {"family", "layers", "width", "heads", "kv_heads", "ffn_width", "vocabulary", "tied"})
    differences += difference(checkpoint, recipe, key);
  TW_CHECK_AS(CheckpointError, differences.empty(), path.string(),
              " holds the weights of another model:", differences);
}

/// Throws CheckpointError that lists what differs, unless the checkpoint is of this model, seed,
/// precision and data.
void check_same_run(const TrainingState& state, const TrainingState& run,
                    const std::filesystem::path& path) {
  std::string differences;
  const Json ours = to_json(run.model);
  for (const auto& [key, value] : ours.items())
    differences += difference(state.model, run.model, key);
  if (state.precision != run.precision) {
    differences += fmt::format(
        "\n  training.precision: checkpoint {}, recipe {} (model.initial = \"{}\" starts a fresh "
        "run from its weights in any precision)",
        state.precision, run.precision, path.string());
  }
  if (state.seed != run.seed) {
    differences += fmt::format(
        "\n  training.seed: checkpoint {}, recipe {} (the seed orders the data: some would come "
        "twice, some never)",
        state.seed, run.seed);
  }
  if (state.data.tokenizer != run.data.tokenizer || state.data.index != run.data.index) {
    differences += fmt::format(
        "\n  data.train: the checkpoint has learnt from {}, the recipe names other tokens or "
        "another tokenizer: {} (model.initial = \"{}\" starts a fresh run from its weights)",
        state.data.prefix, run.data.prefix, path.string());
  }
  TW_CHECK_AS(CheckpointError, differences.empty(), path.string(),
              " holds another run:", differences);
}

/// A step's folder: itself, or the newest complete one of a directory.
std::filesystem::path folder_of(const std::filesystem::path& path) {
  const auto latest = latest_checkpoint(path);
  TW_CHECK_AS(CheckpointError, latest, path.string(), ": no complete checkpoint there");
  return *latest;
}

}  // namespace

DataIdentity data_identity(Communicator& ranks, const std::string& prefix) {
  std::string tokenizer, index;
  agree(ranks, [&] {
    if (ranks.rank() != 0) return;
    if (std::filesystem::exists(prefix + ".tokenizer.json"))
      tokenizer = fingerprint_of(*load_tokenizer(prefix));
    index = hexadecimal(sum_of_file(prefix + ".idx").xxh3);
  });
  return {std::filesystem::absolute(prefix).lexically_normal().string(),
          broadcast_string(ranks, tokenizer), broadcast_string(ranks, index)};
}

std::string to_json(const TrainingState& state) {
  return Json{{"step", state.step},
              {"samples", state.samples},
              {"tokens", state.tokens},
              {"seed", state.seed},
              {"precision", state.precision},
              {"data",
               {{"prefix", state.data.prefix},
                {"tokenizer", state.data.tokenizer},
                {"index", state.data.index}}},
              {"model", to_json(state.model)},
              {"recipe", state.recipe}}
      .dump();
}

TrainingState training_state(const CheckpointState& state) {
  TrainingState out;
  try {
    const Json json = Json::parse(state.state_json);
    json.at("step").get_to(out.step);
    json.at("samples").get_to(out.samples);
    json.at("tokens").get_to(out.tokens);
    json.at("seed").get_to(out.seed);
    json.at("precision").get_to(out.precision);
    const Json& data = json.at("data");
    out.data = {data.at("prefix"), data.at("tokenizer"), data.at("index")};
    json.at("recipe").get_to(out.recipe);
    out.model = model_config(json.at("model"));
  } catch (const Json::exception& e) {
    TW_RAISE(CheckpointError, state.folder.string(),
             ": not the state of a training run: ", e.what());
  }
  return out;
}

TrainingState read_training_state(const std::filesystem::path& path) {
  const CheckpointSummary summary = inspect_checkpoint(folder_of(path));
  return training_state({summary.folder, summary.step, summary.state_json});
}

void save_training(Communicator& data, const std::filesystem::path& directory,
                   const TrainingState& state, const Model& model,
                   const AdamWOptimizer& optimizer) {
  save_checkpoint(data, directory, state.step,
                  parts_of_rank(model, optimizer, data.rank(), data.size()), to_json(state));
}

std::optional<TrainingState> load_training(Communicator& data, Stream& stream,
                                           const std::filesystem::path& path,
                                           const TrainingState& run, Model& model,
                                           AdamWOptimizer& optimizer) {
  // One rank looks, and names what it passes over; the others are told.
  std::string latest;
  agree(data, [&] {
    if (data.rank() == 0) latest = latest_checkpoint(path).value_or("").string();
  });
  latest = broadcast_string(data, latest);
  if (latest.empty()) return std::nullopt;
  agree(data, [&] { check_same_run(read_training_state(latest), run, latest); });
  std::vector<ArrayTarget> targets;
  for (const FlatArray& array : flat_arrays(model, optimizer)) add_targets(targets, model, array);
  const auto loaded = resume_checkpoint(data, path, targets);
  stream.synchronize();
  if (!loaded) return std::nullopt;
  return training_state(*loaded);
}

void load_weights(Communicator& data, const std::filesystem::path& path, Model& model) {
  std::filesystem::path folder;
  agree(data, [&] {
    folder = folder_of(path);
    check_same_weights(read_training_state(folder).model, model.config(), folder);
  });
  std::vector<ArrayTarget> targets;
  add_targets(targets, model, {"model/", model.parameters().values()});
  (void)load_checkpoint(data, folder, targets);
}

}  // namespace tokenwerk
