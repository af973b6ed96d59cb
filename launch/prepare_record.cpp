#include "launch/prepare_record.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/data/tokenizer.h"
#include "core/data/tokens_file.h"
#include "core/error.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

constexpr Index largest_record = Index{256} << 20;  ///< it lists the input paths

const char* name_of(Documents documents) {
  switch (documents) {
    case Documents::automatic: return "automatic";
    case Documents::file: return "file";
    case Documents::line: return "line";
    case Documents::record: return "record";
  }
  return "?";
}

Json json_of(const SplitReport& split) {
  return {{"documents", split.documents},
          {"tokens", split.tokens},
          {"bytes", split.bytes},
          {"unigram_entropy", split.unigram_entropy}};
}

Json json_of(const PrepareOptions& options) {
  return {{"input", options.input},           {"documents", name_of(options.documents)},
          {"tokenizer", options.tokenizer},   {"validation_fraction", options.validation_fraction},
          {"validation", options.validation}, {"training_bytes", options.training_bytes}};
}

std::string checksum_of(const Json& record) { return hexadecimal(sum_of(record.dump()).xxh3); }

std::string text_of(const Json& record) { return record.dump(2) + "\n"; }

/// The record if the text is byte for byte what make_record has written, otherwise null.
Json parse_record(const std::string& text) {
  // Writing a value again recurses: what is nested deeper than a record is, is none.
  constexpr int deepest = 4;
  bool deep = false;
  const auto keep = [&deep](int depth, Json::parse_event_t, const Json&) {
    return !(deep = deep || depth > deepest);
  };
  const Json whole = Json::parse(text, keep, false);
  if (deep) return nullptr;
  if (!whole.is_object() || !whole.contains("xxh3") || text != text_of(whole)) return nullptr;
  Json record = whole;
  record.erase("xxh3");
  return whole["xxh3"] == checksum_of(record) ? record : Json(nullptr);
}

SplitReport split_of(const Json& json) {
  return {json.at("documents"), json.at("tokens"), json.at("bytes"), json.at("unigram_entropy")};
}

PrepareReport report_of(const Json& record) {
  PrepareReport report;
  report.tokenizer = record.at("tokenizer");
  report.vocabulary = record.at("vocabulary");
  report.train = split_of(record.at("train"));
  if (record.contains("validation")) report.validation = split_of(record.at("validation"));
  return report;
}

/// What is different about one file; empty when nothing is.
std::string change_of(const std::string& path, const Json& recorded) {
  if (!std::filesystem::exists(path)) return path + ": missing";
  const FileSum sum = sum_of_file(path);
  const auto bytes = recorded.at("bytes").get<Index>();
  if (std::cmp_not_equal(sum.bytes, bytes))
    return fmt::format("{}: {} bytes, was {}", path, sum.bytes, bytes);
  const auto xxh3 = recorded.at("xxh3").get<std::string>();
  if (hexadecimal(sum.xxh3) == xxh3) return {};
  return fmt::format("{}: content changed (xxh3 {}, was {})", path, hexadecimal(sum.xxh3), xxh3);
}

/// What a run would notice: index, range of every token, counts.
void check_tokens_of(const std::string& prefix, const SplitReport& split, Index vocabulary) {
  const TokensFile tokens(prefix);
  TW_CHECK_AS(DataError,
              tokens.token_count() == split.tokens && tokens.document_count() == split.documents,
              tokens.path(), ": ", tokens.token_count(), " tokens in ", tokens.document_count(),
              " documents, recorded are ", split.tokens, " in ", split.documents);
  tokens.check_tokens({0, tokens.token_count()}, vocabulary);
}

}  // namespace

std::string record_path(const std::string& prefix) { return prefix + ".prepared.json"; }

std::string make_record(const PrepareOptions& options, const PrepareReport& report,
                        const std::vector<PreparedFile>& files) {
  Json record{{"format", 1},
              {"options", json_of(options)},
              {"tokenizer", report.tokenizer},
              {"vocabulary", report.vocabulary},
              {"train", json_of(report.train)}};
  if (report.validation) record["validation"] = json_of(*report.validation);
  for (const PreparedFile& file : files) {
    const FileSum sum = sum_of_file(file.content_path);
    record["files"][file.suffix] = {{"bytes", sum.bytes}, {"xxh3", hexadecimal(sum.xxh3)}};
  }
  record["xxh3"] = checksum_of(record);
  return text_of(record);
}

std::vector<std::string> recorded_suffixes(const std::string& prefix) {
  std::vector<std::string> suffixes;
  if (!std::filesystem::exists(record_path(prefix))) return suffixes;
  const Json record = parse_record(read_small_file(record_path(prefix), largest_record));
  if (record.is_null()) return suffixes;
  for (const auto& file : record.at("files").items()) suffixes.push_back(file.key());
  return suffixes;
}

PrepareReport verify_prepared(const std::string& prefix) {
  const Json record = parse_record(read_small_file(record_path(prefix), largest_record));
  TW_CHECK_AS(DataError, !record.is_null(), record_path(prefix),
              ": damaged: it is not what prepare has written");
  TW_CHECK_AS(DataError, record.at("format") == 1, record_path(prefix), ": format ",
              record.at("format").dump(), ", but this program knows 1");
  std::string changes;
  for (const auto& file : record.at("files").items()) {
    const std::string change = change_of(prefix + file.key(), file.value());
    if (!change.empty()) changes += "\n  " + change;
  }
  TW_CHECK_AS(DataError, changes.empty(), prefix, ": changed since it was prepared:", changes);
  PrepareReport report = report_of(record);
  const Index vocabulary = load_tokenizer(prefix)->vocabulary();
  check_tokens_of(prefix, report.train, vocabulary);
  if (report.validation) check_tokens_of(prefix + ".validation", *report.validation, vocabulary);
  return report;
}

}  // namespace tokenwerk
