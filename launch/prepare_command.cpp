#include "launch/prepare_command.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <optional>

#include "core/error.h"
#include "launch/counted.h"
#include "launch/prepare.h"

namespace tokenwerk {
namespace {

/// The command line as given, before it becomes options.
struct PrepareArguments {
  PrepareOptions options;
  std::string documents = "automatic";
  std::vector<std::string> validation;
  std::optional<Index> vocabulary;
  bool verify = false;
};

/// A lone number is a fraction, anything else names texts.
void set_validation(PrepareOptions& options, const std::vector<std::string>& values) {
  double fraction = 0.0;
  const char* end = values.empty() ? nullptr : values[0].data() + values[0].size();
  const bool number =
      values.size() == 1 && std::from_chars(values[0].data(), end, fraction).ptr == end;
  TW_CHECK_AS(ConfigError, !number || (fraction > 0.0 && fraction < 1.0),
              "--validation: ", values[0], " is no fraction between 0 and 1");
  if (number) {
    options.validation_fraction = fraction;
  } else {
    options.validation = values;
  }
}

Documents documents_from(const std::string& name) {
  if (name == "automatic") return Documents::automatic;
  if (name == "file") return Documents::file;
  if (name == "line") return Documents::line;
  if (name == "record") return Documents::record;
  TW_RAISE(ConfigError, "--documents: '", name, "' is none of automatic, file, line, record");
}

void print_split(const char* name, const SplitReport& split) {
  fmt::print("{:<11} {}, {} tokens, {:.3f} bytes a token, unigram entropy {:.4f} nats\n", name,
             count_of(split.documents, "document"), split.tokens,
             static_cast<double>(split.bytes) / static_cast<double>(split.tokens),
             split.unigram_entropy);
}

void print_report(const PrepareReport& report) {
  fmt::print("{:<11} {}, vocabulary {}\n", "tokenizer", report.tokenizer, report.vocabulary);
  print_split("train", report.train);
  if (report.validation) print_split("validation", *report.validation);
}

void print_speed(const PrepareReport& report) {
  const Index tokens = report.train.tokens + (report.validation ? report.validation->tokens : 0);
  fmt::print("{:<11} {:.1f} s; text to tokens {:.1f} s, {:.0f} tokens/s\n", "time", report.seconds,
             report.encoding_seconds, static_cast<double>(tokens) / report.encoding_seconds);
}

void run(PrepareArguments& arguments) {
  PrepareOptions& options = arguments.options;
  if (arguments.verify) {
    TW_CHECK_AS(ConfigError, options.input.empty() && arguments.validation.empty(),
                "--verify checks what --output names and takes no --input or --validation");
    print_report(verify_prepared(options.output));
    fmt::print("{}: unchanged\n", options.output);
    return;
  }
  options.documents = documents_from(arguments.documents);
  options.vocabulary = arguments.vocabulary;
  set_validation(options, arguments.validation);
  const PrepareReport report = prepare(options);
  print_report(report);
  print_speed(report);
}

}  // namespace

void add_prepare_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<PrepareArguments>();
  CLI::App* command = app.add_subcommand("prepare", "Turn text into token files");
  PrepareOptions& options = arguments->options;
  command->add_option("--input", options.input,
                      "Text files, JSON Lines files (.jsonl, field 'text') and folders of both");
  command->add_option("--output", options.output, "Path prefix of the files to write: data/NAME")
      ->required();
  command->add_option("--validation", arguments->validation,
                      "Fraction of the documents for validation, or texts to validate on");
  command->add_option("--documents", arguments->documents,
                      "One document per file, line or record (default: a file, of JSON Lines a "
                      "record)");
  command->add_option("--tokenizer", options.tokenizer,
                      "bytes, sentencepiece (trains one; the default) or a .model file");
  command->add_option("--vocabulary", arguments->vocabulary,
                      "Tokens of the tokenizer to train (default 4096)");
  command->add_option("--threads", options.threads, "Threads (default: all cores)");
  command->add_flag("--verify", arguments->verify,
                    "Check the files of an earlier preparation against what it recorded");
  command->callback([arguments, &exit_code] {
    run(*arguments);
    exit_code = 0;
  });
}

}  // namespace tokenwerk
