#include "launch/loaded_model.h"

#include "launch/run_directory.h"

namespace tokenwerk {
namespace {

/// The prefix of the tokenizer's files, when the user names none.
std::string place_of_tokenizer(const LoadedModel& loaded) {
  const std::string beside = tokenizer_copy(loaded.folder.parent_path());
  return std::filesystem::exists(beside + ".tokenizer.json") ? beside : loaded.state.data.prefix;
}

}  // namespace

LoadedModel load_model(Communicator& communicator, Stream& stream,
                       const std::filesystem::path& checkpoint) {
  LoadedModel out;
  out.folder = resolve_checkpoint(checkpoint);
  out.state = read_training_state(out.folder);
  const DType dtype = out.state.precision == "bf16" ? DType::bf16 : DType::f32;
  out.model = std::make_unique<Model>(stream.device(), out.state.model, dtype);
  load_weights(communicator, stream, out.folder, *out.model);
  return out;
}

std::unique_ptr<Tokenizer> tokenizer_of(const LoadedModel& loaded, const std::string& prefix) {
  const TrainingState& state = loaded.state;
  const std::string place = prefix.empty() ? place_of_tokenizer(loaded) : prefix;
  auto tokenizer = load_tokenizer(place);
  const bool same =
      state.data.tokenizer.empty() || state.data.tokenizer == fingerprint_of(*tokenizer);
  TW_CHECK_AS(DataError, same && tokenizer->vocabulary() <= state.model.vocabulary, place,
              ".tokenizer.json: not the tokenizer that the model learnt with (it lay beside ",
              state.data.prefix, "); its tokens mean other text");
  return tokenizer;
}

}  // namespace tokenwerk
