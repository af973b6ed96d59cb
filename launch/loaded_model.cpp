#include "launch/loaded_model.h"

namespace tokenwerk {

LoadedModel load_model(Communicator& communicator, Stream& stream,
                       const std::filesystem::path& checkpoint) {
  LoadedModel out{read_training_state(checkpoint), nullptr};
  const DType dtype = out.state.precision == "bf16" ? DType::bf16 : DType::f32;
  out.model = std::make_unique<Model>(stream.device(), out.state.model, dtype);
  load_weights(communicator, stream, checkpoint, *out.model, nullptr);
  return out;
}

}  // namespace tokenwerk
