#include "launch/prepare.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "core/data/sentencepiece_tokenizer.h"
#include "core/error.h"
#include "core/log.h"
#include "core/seconds.h"
#include "launch/prepare_encode.h"
#include "launch/prepare_record.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr Index default_vocabulary = 4096;
constexpr Index largest_model = Index{1} << 30;

bool has_validation(const PrepareOptions& options) {
  return options.validation_fraction > 0.0 || !options.validation.empty();
}

/// Refuses what cannot be, all of it at once.
void check_options(const PrepareOptions& options) {
  std::string faults;
  const auto fault = [&](bool wrong, std::string_view message) {
    if (wrong) faults += fmt::format("{}{}", faults.empty() ? "" : "\n", message);
  };
  const bool trains = options.tokenizer == "sentencepiece";
  fault(options.input.empty(), "--input: no text given");
  fault(fs::path(options.output).filename().empty(),
        "--output: a path prefix such as data/NAME is needed");
  fault(!(options.validation_fraction >= 0.0 && options.validation_fraction < 1.0),
        "--validation: a fraction lies between 0 and 1");
  fault(options.validation_fraction > 0.0 && !options.validation.empty(),
        "--validation: a fraction or texts, not both");
  fault(!trains && options.tokenizer != "bytes" && !fs::is_regular_file(options.tokenizer),
        fmt::format("--tokenizer: '{}' is neither bytes nor sentencepiece nor a model file",
                    options.tokenizer));
  fault(trains && options.vocabulary && *options.vocabulary < 259,
        "--vocabulary: at least 259 are needed (256 bytes, unknown, end of document, a character)");
  fault(options.vocabulary && *options.vocabulary > (Index{1} << 24),
        "--vocabulary: at most 16777216");
  fault(options.threads < 0 || options.threads > 4096,
        "--threads: from 1 to 4096, or 0 for all cores");
  TW_CHECK_AS(ConfigError, faults.empty(), faults);
}

/// Options with a number of threads, and the folder of the output made.
int thread_count(const PrepareOptions& options) {
  return options.threads > 0 ? options.threads
                             : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void make_folder_of(const std::string& prefix) {
  const fs::path folder = fs::path(prefix).parent_path();
  std::error_code error;
  if (!folder.empty()) fs::create_directories(folder, error);
  TW_CHECK_AS(ConfigError, !error, folder.string(), ": cannot make the folder: ", error.message());
}

std::vector<InputFile> list_all(const PrepareOptions& options) {
  const auto split = options.validation_fraction > 0.0 ? std::nullopt : std::optional(Split::train);
  auto files = list_input(options.input, options.documents, split);
  auto validation = list_input(options.validation, options.documents, Split::validation);
  std::move(validation.begin(), validation.end(), std::back_inserter(files));
  return files;
}

std::unique_ptr<Tokenizer> train_tokenizer(const PrepareOptions& options,
                                           const std::vector<InputFile>& files, WorkerPool& pool) {
  std::vector<InputFile> train;
  std::copy_if(files.begin(), files.end(), std::back_inserter(train),
               [](const InputFile& file) { return file.split != Split::validation; });
  const auto lines =
      training_lines(train, Splitter(options.validation_fraction), options.training_bytes, pool);
  const Index vocabulary = options.vocabulary.value_or(default_vocabulary);
  log_info("training a tokenizer of {} tokens on {} lines", vocabulary, lines.size());
  return make_sentencepiece_tokenizer(train_sentencepiece(lines, vocabulary),
                                      "the tokenizer just trained");
}

std::unique_ptr<Tokenizer> make_tokenizer(const PrepareOptions& options,
                                          const std::vector<InputFile>& files, WorkerPool& pool) {
  if (options.tokenizer == "sentencepiece") return train_tokenizer(options, files, pool);
  auto tokenizer = options.tokenizer == "bytes"
                       ? make_bytes_tokenizer()
                       : make_sentencepiece_tokenizer(
                             read_small_file(options.tokenizer, largest_model), options.tokenizer);
  TW_CHECK_AS(ConfigError, !options.vocabulary || *options.vocabulary == tokenizer->vocabulary(),
              "--vocabulary: ", options.vocabulary.value_or(0), ", but the tokenizer '",
              options.tokenizer, "' has ", tokenizer->vocabulary());
  if (!tokenizer->exact())
    log_warning("{}: this model does not give back every text as it was", options.tokenizer);
  return tokenizer;
}

/// All files of a preparation while they lie aside.
struct Output {
  Output(const std::string& prefix, const Tokenizer& tokenizer, bool with_validation)
      : train(prefix, tokenizer), tokenizer_files(write_tokenizer_aside(prefix, tokenizer)) {
    if (with_validation) validation.emplace(prefix + ".validation", tokenizer);
  }

  /// Completes the token files and lists everything.
  std::vector<PreparedFile> finish(const std::string& prefix) {
    std::vector<PreparedFile> files;
    const auto add = [&](const AsideFile& file) {
      files.push_back({file.path().substr(prefix.size()), file.partial_path()});
    };
    for (SplitWriter* split : {&train, validation ? &*validation : nullptr}) {
      if (split == nullptr) continue;
      split->files().finish();
      add(split->files().bin());
      add(split->files().idx());
    }
    for (const AsideFile& file : tokenizer_files) add(file);
    return files;
  }

  SplitWriter train;
  std::optional<SplitWriter> validation;
  std::vector<AsideFile> tokenizer_files;
};

PrepareReport report_of(const Output& output, const Tokenizer& tokenizer) {
  PrepareReport report;
  report.tokenizer = tokenizer.kind();
  report.vocabulary = tokenizer.vocabulary();
  report.train = output.train.report();
  TW_CHECK_AS(DataError, report.train.documents > 0,
              "no document is left to train on: the input is empty, or all of it is validation");
  if (!output.validation) return report;
  report.validation = output.validation->report();
  TW_CHECK_AS(DataError, report.validation->documents > 0, "none of ", report.train.documents,
              " documents became validation data: cut the text finer (--documents line), ask for a "
              "larger fraction, or name the texts");
  return report;
}

/// Gives all files their names. The record goes first and comes last: while it is missing, the
/// others may belong to different preparations.
void publish(const std::string& prefix, Output& output, const std::vector<PreparedFile>& files,
             AsideFile& record) {
  const auto old = recorded_suffixes(prefix);
  remove_file(record_path(prefix));
  for (const std::string& suffix : old) {
    const auto same = [&](const PreparedFile& file) { return file.suffix == suffix; };
    if (std::none_of(files.begin(), files.end(), same)) remove_file(prefix + suffix);
  }
  for (AsideFile& file : output.tokenizer_files) file.publish();
  output.train.files().publish();
  if (output.validation) output.validation->files().publish();
  record.publish();
}

}  // namespace

PrepareReport prepare(const PrepareOptions& options) {
  const auto start = Clock::now();
  check_options(options);
  const auto files = list_all(options);
  make_folder_of(options.output);
  AsideFile record(record_path(options.output));  // now: an output that cannot be is found early
  WorkerPool pool(thread_count(options));
  const auto tokenizer = make_tokenizer(options, files, pool);

  const auto encoding_start = Clock::now();
  Output output(options.output, *tokenizer, has_validation(options));
  encode_files(files, Splitter(options.validation_fraction), *tokenizer, pool, output.train,
               output.validation ? &*output.validation : nullptr);
  PrepareReport report = report_of(output, *tokenizer);
  report.encoding_seconds = seconds_since(encoding_start);

  const auto written = output.finish(options.output);
  record.write(make_record(options, report, written));
  record.finish();
  publish(options.output, output, written, record);
  report.seconds = seconds_since(start);
  return report;
}

}  // namespace tokenwerk
