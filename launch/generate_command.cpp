#include "launch/generate_command.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <optional>

#include "core/data/tokenizer.h"
#include "core/seconds.h"
#include "launch/device_option.h"
#include "launch/exit_code.h"
#include "launch/loaded_model.h"
#include "launch/run_device.h"
#include "models/generator.h"
#include "parallel/comm/self_communicator.h"

namespace tokenwerk {
namespace {

struct GenerateOptions {
  std::string checkpoint;
  std::string prompt;
  std::string device = "cpu";
  std::string tokenizer;  ///< path prefix; empty: the checkpoint's
  Index tokens = 200;
  SamplerOptions sampler{.temperature = 0.8, .top_k = 0, .top_p = 0.95, .seed = 1};
};

using Clock = std::chrono::steady_clock;

/// The prompt's tokens, behind the end of the document before it, as in training.
std::vector<std::int32_t> prompt_tokens(const Tokenizer& tokenizer, const GenerateOptions& options,
                                        Index room) {
  std::vector<std::int32_t> tokens{tokenizer.end_of_document()};
  for (std::int32_t token : tokenizer.encode(options.prompt)) tokens.push_back(token);
  TW_CHECK_AS(ConfigError, static_cast<Index>(tokens.size()) <= room, "--prompt has ",
              tokens.size(), " tokens, the model's sequences have ", room);
  return tokens;
}

/// Refuses "nan", which no range does.
const CLI::Validator is_number(
    [](const std::string& text) {
      return std::isfinite(std::strtod(text.c_str(), nullptr)) ? "" : text + " is no number";
    },
    "");

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void report(Index tokens, double first_seconds, double seconds) {
  const double rest = seconds - first_seconds;
  fmt::print(stderr, "{} tokens, time to first token {:.1f} ms, {:.1f} tokens/s\n", tokens,
             1e3 * first_seconds, rest > 0 ? static_cast<double>(tokens - 1) / rest : 0.0);
}

void run_generate(const GenerateOptions& options) {
  const auto host = make_device(DeviceKind::cpu);
  const auto device = make_device(device_kind(options.device));
  const auto stream = device->make_stream();
  SelfCommunicator self(Axis::world, *host);
  const LoadedModel loaded = load_model(self, *stream, options.checkpoint);
  const auto tokenizer = tokenizer_of(loaded, options.tokenizer);

  Generator generator(*stream, *loaded.model);
  Sampler sampler(options.sampler);
  TextStream text(*tokenizer);
  std::vector<std::int32_t> next = prompt_tokens(*tokenizer, options, generator.room());
  print(options.prompt);
  const auto start = Clock::now();
  double first_seconds = 0.0;
  Index count = 0;
  while (count < options.tokens && generator.room() >= static_cast<Index>(next.size())) {
    const std::span<const float> logits = generator.advance(next);
    next = {sampler.sample(logits.first(static_cast<std::size_t>(tokenizer->vocabulary())))};
    if (count++ == 0) first_seconds = seconds_since(start);
    if (next.front() == tokenizer->end_of_document()) break;
    print(text.push(next.front()));
  }
  print(text.finish() + "\n");
  report(count, first_seconds, seconds_since(start));
}

}  // namespace

void add_generate_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "Continue a text with a trained model");
  command
      ->add_option("checkpoint", options->checkpoint,
                   "A checkpoint, or the folder of several: the newest")
      ->required();
  command->add_option("--prompt", options->prompt, "The text to continue (default: none)");
  command->add_option("--tokens", options->tokens, "At most so many new tokens")
      ->check(CLI::Range(Index{1}, Index{1} << 40))
      ->capture_default_str();
  command
      ->add_option("--temperature", options->sampler.temperature,
                   "Divides the logits; 0: the most likely token")
      ->check(CLI::Range(0.0, 1e6) & is_number)
      ->capture_default_str();
  command->add_option("--top-k", options->sampler.top_k, "Only the k most likely tokens; 0: all")
      ->check(CLI::Range(Index{0}, Index{1} << 40))
      ->capture_default_str();
  command
      ->add_option("--top-p", options->sampler.top_p,
                   "Only the likeliest tokens that together reach this probability")
      ->check(CLI::Range(0.0, 1.0) & is_number)
      ->capture_default_str();
  command->add_option("--seed", options->sampler.seed, "Of the random draws")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--tokenizer", options->tokenizer,
                      "Path prefix of the tokenizer (default: the one beside the checkpoint)");
  add_device_option(*command, options->device);
  command->callback([options, &exit_code] {
    run_generate(*options);
    exit_code = static_cast<int>(ExitCode::done);
  });
}

}  // namespace tokenwerk
