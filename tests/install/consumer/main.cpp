// A program of somebody else: uses the installed libraries, knows nothing of their sources. It
// makes a small model, saves its weights as a checkpoint and verifies that.
#include <fmt/core.h>

#include <filesystem>

#include "models/model.h"
#include "parallel/checkpoint/checkpoint.h"
#include "parallel/comm/environment.h"

using namespace tokenwerk;

int main() {
  const std::filesystem::path folder = std::filesystem::current_path() / "checkpoints";
  MpiEnvironment environment;
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  const auto world = environment.make_world(*device);

  const ModelConfig config{.family = Family::llama,
                           .layers = 2,
                           .width = 32,
                           .heads = 4,
                           .kv_heads = 2,
                           .ffn_width = default_ffn_width(Family::llama, 32),
                           .vocabulary = 101,
                           .sequence_length = 16};
  Model model(*device, config, DType::f32);
  model.parameters().initialise(*stream, 1);
  stream->synchronize();

  std::vector<ArrayPart> parts;
  for (const ParameterGroup* group : model.parameters().groups()) {
    for (const Parameter& parameter : group->parts) {
      parts.push_back(
          {"model/" + parameter.name, parameter.global_shape, parameter.box, parameter.value});
    }
  }
  save_checkpoint(*world, folder, 7, parts);
  const auto saved = latest_checkpoint(folder);
  if (!saved || !verify_checkpoint(*saved).empty()) return 1;
  fmt::print("{}: {} arrays, {} parameters\n", saved->filename().string(), parts.size(),
             parameter_count(config));
  return 0;
}
