#include "launch/evaluate_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <optional>

#include "launch/agreement.h"
#include "launch/device_option.h"
#include "launch/evaluation.h"
#include "launch/exit_code.h"
#include "launch/loaded_model.h"
#include "launch/run_device.h"
#include "parallel/comm/environment.h"

namespace tokenwerk {
namespace {

struct EvaluateOptions {
  std::string checkpoint;
  std::string data;
  std::string device = "cpu";
  Index micro_batch = 8;
};

void run_evaluate(MpiEnvironment& environment, const EvaluateOptions& options) {
  const RunDevice run(environment, device_kind(options.device));
  const auto stream = run.device().make_stream();
  Communicator& world = run.world();
  LoadedModel loaded;
  agree_on_common(run.control(),
                  [&] { loaded = load_model(run.control(), *stream, options.checkpoint); });
  const ModelConfig& config = loaded.model->config();
  std::optional<TokenDataset> dataset;
  agree(run.control(), [&] {
    dataset.emplace(options.data, config.sequence_length, config.vocabulary);
    if (std::filesystem::exists(options.data + ".tokenizer.json"))
      (void)tokenizer_of(loaded, options.data);
  });
  const Evaluation result = evaluate(*stream, *dataset, world, options.micro_batch, 0,
                                     whole_model_loss(*stream, *loaded.model, world));
  if (world.rank() != 0) return;
  fmt::print("step {}  loss {:.6f}  perplexity {:.4f}  ({} sequences of {} tokens)\n",
             loaded.state.step, result.loss, std::exp(result.loss), result.sequences,
             config.sequence_length);
}

}  // namespace

void add_evaluate_command(CLI::App& app, MpiEnvironment& environment, int& exit_code) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand("evaluate", "Say the loss of a checkpoint on a text");
  command
      ->add_option("CHECKPOINT", options->checkpoint,
                   "A checkpoint, or the folder of several: the newest")
      ->required()
      ->type_name("");
  command->add_option("--data", options->data, "Path prefix of the .bin/.idx pair")
      ->required()
      ->type_name("PREFIX");
  command->add_option("--micro-batch", options->micro_batch, "Sequences at a time")
      ->check(CLI::Range(Index{1}, Index{65536}))
      ->type_name("INTEGER")
      ->capture_default_str();
  add_device_option(*command, options->device);
  command->callback([options, &environment, &exit_code] {
    run_evaluate(environment, *options);
    exit_code = static_cast<int>(ExitCode::done);
  });
}

}  // namespace tokenwerk
