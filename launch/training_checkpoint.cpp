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

/// Rows of a dense array's outermost dim.
TensorView outer_slice(TensorView view, Rows rows) {
  const Index inner = view.count() / view.shape[0];
  view.data =
      view.as<std::byte>() + static_cast<std::size_t>(rows.first * inner) * size_of(view.dtype);
  view.shape[0] = rows.count();
  view.row_stride = view.columns();
  return view;
}

/// What this rank writes of the pieces it counts: the ranks that hold the same ones divide their
/// elements evenly in canonical order, and a row goes to the rank whose share its first element
/// falls into.
std::vector<ArrayPart> parts_of_rank(const Communicator& copies, const ParameterStore& store,
                                     const AdamWOptimizer& optimizer) {
  Index total = 0;
  for (const ParameterPiece& piece : store.pieces())
    if (piece.counted) total += piece.box.extent.count();
  const Index first = total * copies.rank() / copies.size();
  const Index last = total * (copies.rank() + 1) / copies.size();
  std::vector<ArrayPart> parts;
  Index position = 0;  // elements before this piece
  for (const ParameterPiece& piece : store.pieces()) {
    if (!piece.counted) continue;
    const Index rows = piece.box.extent[0], inner = piece.box.extent.count() / rows;
    const auto row_from = [&](Index element) {
      return std::clamp<Index>((element - position + inner - 1) / inner, 0, rows);
    };
    const Rows mine{row_from(first), row_from(last)};
    position += rows * inner;
    if (mine.count() == 0) continue;
    Box box = piece.box;
    box.offset[0] += mine.first;
    box.extent[0] = mine.count();
    const auto add = [&](const std::string& prefix, TensorView view) {
      parts.push_back(
          {prefix + piece.part->name, piece.part->global_shape, box, outer_slice(view, mine)});
    };
    add("model/", store.values_of(piece));
    for (const StateArray& array : state_arrays(optimizer))
      add(array.prefix, ParameterStore::window(array.flat, piece));
  }
  return parts;
}

/// Where the values go that this rank keeps.
std::vector<ArrayTarget> value_targets(const ParameterStore& store) {
  std::vector<ArrayTarget> targets;
  const auto add = [&](const Parameter& part, const Box& box, TensorView view) {
    targets.push_back({"model/" + part.name, part.global_shape, box, view});
  };
  if (store.residence() == Residence::shard) {
    for (const ParameterPiece& piece : store.pieces())
      add(*piece.part, piece.box, store.values_of(piece));
    return targets;
  }
  for (const ParameterGroup* group : store.groups()) {
    for (const Parameter& part : group->parts)
      if (part.box.extent.count() > 0) add(part, part.box, part.value);
  }
  return targets;
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

}  // namespace

std::vector<StateArray> state_arrays(const AdamWOptimizer& optimizer) {
  std::vector<StateArray> arrays{{"optimizer/m/", optimizer.m()}, {"optimizer/v/", optimizer.v()}};
  if (optimizer.master()) arrays.push_back({"optimizer/master/", optimizer.master()});
  return arrays;
}

DataIdentity data_identity(Communicator& ranks, const std::string& prefix) {
  std::string tokenizer, index;
  agree_with_first(ranks, [&] {
    if (std::filesystem::exists(prefix + ".tokenizer.json"))
      tokenizer = fingerprint_of(*load_tokenizer(prefix));
    index = hexadecimal(sum_of_file(prefix + ".idx").xxh3);
  });
  return {std::filesystem::absolute(prefix).lexically_normal().string(),
          broadcast_string(ranks, tokenizer), broadcast_string(ranks, index)};
}

std::string to_json(const TrainingState& state) {
  Json json{{"step", state.step},
            {"updates", state.updates},
            {"samples", state.samples},
            {"tokens", state.tokens},
            {"seed", state.seed},
            {"precision", state.precision},
            {"data",
             {{"prefix", state.data.prefix},
              {"tokenizer", state.data.tokenizer},
              {"index", state.data.index}}},
            {"model", to_json(state.model)},
            {"recipe", state.recipe}};
  json.update(Json::parse(to_json(state.history)));
  return json.dump();
}

TrainingState training_state(const CheckpointState& state) {
  TrainingState out;
  try {
    const Json json = Json::parse(state.state_json);
    json.at("step").get_to(out.step);
    out.updates = json.value("updates", out.step);  // checkpoints of old do not tell them apart
    json.at("samples").get_to(out.samples);
    json.at("tokens").get_to(out.tokens);
    json.at("seed").get_to(out.seed);
    json.at("precision").get_to(out.precision);
    const Json& data = json.at("data");
    out.data = {data.at("prefix"), data.at("tokenizer"), data.at("index")};
    json.at("recipe").get_to(out.recipe);
    out.model = model_config(json.at("model"));
    out.history = step_history(state.state_json);
  } catch (const Json::exception& e) {
    TW_RAISE(CheckpointError, state.folder.string(),
             ": not the state of a training run: ", e.what());
  }
  return out;
}

TrainingState read_training_state(const std::filesystem::path& path) {
  const CheckpointSummary summary = inspect_checkpoint(resolve_checkpoint(path));
  return training_state({summary.folder, summary.step, summary.state_json});
}

std::vector<ArrayPart> training_parts(const Communicator& copies, const Model& model,
                                      const AdamWOptimizer& optimizer) {
  return parts_of_rank(copies, model.parameters(), optimizer);
}

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

std::vector<ArrayTarget> training_targets(const Model& model, const AdamWOptimizer& optimizer) {
  std::vector<ArrayTarget> targets = value_targets(model.parameters());
  for (const StateArray& array : state_arrays(optimizer)) {
    for (const ParameterPiece& piece : model.parameters().pieces())
      targets.push_back({array.prefix + piece.part->name, piece.part->global_shape, piece.box,
                         ParameterStore::window(array.flat, piece)});
  }
  return targets;
}

std::optional<TrainingState> load_training(Communicator& ranks, Stream& stream,
                                           const std::filesystem::path& path,
                                           const TrainingState& run, Model& model,
                                           AdamWOptimizer& optimizer, const OnDamaged& on_damaged,
                                           const Alive& alive) {
  const std::vector<ArrayTarget> targets = training_targets(model, optimizer);
  stream.synchronize();  // what was queued on these arrays must not come after what is read
  const auto loaded =
      resume_checkpoint(ranks, path, targets, on_damaged, alive, [&](const CheckpointState& state) {
        check_same_run(training_state(state), run, state.folder);
      });
  if (!loaded) return std::nullopt;
  return training_state(*loaded);
}

void load_weights(Communicator& ranks, Stream& stream, const std::filesystem::path& path,
                  Model& model, const Alive& alive) {
  std::string folder;
  agree_with_first(ranks, [&] {
    folder = resolve_checkpoint(path).string();
    check_same_weights(read_training_state(folder).model, model.config(), folder);
  });
  folder = broadcast_string(ranks, folder);
  stream.synchronize();  // as above
  (void)load_checkpoint(ranks, folder, value_targets(model.parameters()), alive);
}

}  // namespace tokenwerk
