#include "launch/loaded_model.h"

namespace tokenwerk {

std::unique_ptr<Tokenizer> tokenizer_of(const TrainingState& state, const std::string& prefix) {
  const std::string& place = prefix.empty() ? state.data.prefix : prefix;
  auto tokenizer = load_tokenizer(place);
  const bool same =
      state.data.tokenizer.empty() || state.data.tokenizer == fingerprint_of(*tokenizer);
  TW_CHECK_AS(DataError, same && tokenizer->vocabulary() <= state.model.vocabulary, place,
              ".tokenizer.json: not the tokenizer that the model learnt with (it lay beside ",
              state.data.prefix, "); its tokens mean other text");
  return tokenizer;
}

LoadedModel load_model(Communicator& communicator, Stream& stream,
                       const std::filesystem::path& checkpoint) {
  LoadedModel out{read_training_state(checkpoint), nullptr};
  const DType dtype = out.state.precision == "bf16" ? DType::bf16 : DType::f32;
  out.model = std::make_unique<Model>(stream.device(), out.state.model, dtype);
  load_weights(communicator, checkpoint, *out.model);
  return out;
}

}  // namespace tokenwerk
