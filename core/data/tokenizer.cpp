#include "core/data/tokenizer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/data/sentencepiece_tokenizer.h"
#include "core/data/utf8.h"
#include "core/error.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

constexpr Index largest_json = Index{1} << 20;
constexpr Index largest_model = Index{1} << 30;

class BytesTokenizer final : public Tokenizer {
 public:
  std::string_view kind() const override { return "bytes"; }
  Index vocabulary() const override { return 257; }
  std::int32_t end_of_document() const override { return 256; }
  bool exact() const override { return true; }
  std::string_view model() const override { return {}; }

  std::vector<std::int32_t> encode(std::string_view text) const override {
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    return {bytes, bytes + text.size()};
  }

  std::string decode(std::span<const std::int32_t> tokens) const override {
    std::string text;
    text.reserve(tokens.size());
    for (const std::int32_t token : tokens) {
      TW_CHECK_AS(DataError, token >= 0 && token < vocabulary(), "token ", token,
                  " is outside the vocabulary of ", vocabulary());
      if (token != end_of_document()) text += static_cast<char>(token);
    }
    return text;
  }
};

std::string json_path(const std::string& prefix) { return prefix + ".tokenizer.json"; }
std::string model_path(const std::string& prefix) { return prefix + ".tokenizer.model"; }

/// A member of the description, which must have the type of T.
template <typename T>
T member(const Json& json, const char* key, const std::string& path) {
  const auto found = json.find(key);
  const bool fits =
      found != json.end() &&
      (std::is_same_v<T, std::string> ? found->is_string() : found->is_number_integer());
  TW_CHECK_AS(DataError, fits, path, ": no ", std::is_same_v<T, std::string> ? "text" : "integer",
              " '", key, "'");
  return found->template get<T>();
}

/// Reads the model and compares it with what the description says of it.
std::string read_model(const std::string& prefix, const Json& description) {
  const std::string path = model_path(prefix);
  std::string model = read_small_file(path, largest_model);
  const FileSum sum = sum_of(model);
  const auto bytes = member<Index>(description, "model_bytes", json_path(prefix));
  TW_CHECK_AS(DataError, std::cmp_equal(sum.bytes, bytes), path, ": ", sum.bytes, " bytes, but ",
              json_path(prefix), " records ", bytes);
  TW_CHECK_AS(
      DataError,
      hexadecimal(sum.xxh3) == member<std::string>(description, "model_xxh3", json_path(prefix)),
      path, ": its checksum is not the one in ", json_path(prefix));
  return model;
}

}  // namespace

std::vector<std::vector<std::int32_t>> Tokenizer::encode_all(
    std::span<const std::string_view> texts) const {
  std::vector<std::vector<std::int32_t>> all;
  all.reserve(texts.size());
  for (const std::string_view text : texts) all.push_back(encode(text));
  return all;
}

std::unique_ptr<Tokenizer> make_bytes_tokenizer() { return std::make_unique<BytesTokenizer>(); }

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& prefix) {
  const std::string path = json_path(prefix);
  const Json json = Json::parse(read_small_file(path, largest_json), nullptr, false);
  TW_CHECK_AS(DataError, json.is_object(), path, ": not a JSON object");
  const auto kind = member<std::string>(json, "kind", path);
  std::unique_ptr<Tokenizer> tokenizer;
  if (kind == "bytes") {
    tokenizer = make_bytes_tokenizer();
  } else if (kind == "sentencepiece") {
    tokenizer = make_sentencepiece_tokenizer(read_model(prefix, json), model_path(prefix));
  } else {
    TW_RAISE(DataError, path, ": kind '", kind, "' is neither bytes nor sentencepiece");
  }
  const auto vocabulary = member<Index>(json, "vocabulary", path);
  TW_CHECK_AS(DataError, vocabulary == tokenizer->vocabulary(), path, ": vocabulary ", vocabulary,
              ", but the tokenizer has ", tokenizer->vocabulary());
  const auto end = member<Index>(json, "end_of_document", path);
  TW_CHECK_AS(DataError, end == tokenizer->end_of_document(), path, ": end_of_document ", end,
              ", but the tokenizer has ", tokenizer->end_of_document());
  return tokenizer;
}

std::vector<AsideFile> write_tokenizer_aside(const std::string& prefix,
                                             const Tokenizer& tokenizer) {
  Json json{{"kind", tokenizer.kind()},
            {"vocabulary", tokenizer.vocabulary()},
            {"end_of_document", tokenizer.end_of_document()}};
  std::vector<AsideFile> files;
  if (!tokenizer.model().empty()) {
    const FileSum sum = sum_of(tokenizer.model());
    json["model_bytes"] = sum.bytes;
    json["model_xxh3"] = hexadecimal(sum.xxh3);
    files.emplace_back(model_path(prefix)).write(tokenizer.model());
  }
  files.emplace_back(json_path(prefix)).write(json.dump(2) + "\n");
  for (AsideFile& file : files) file.finish();
  return files;
}

std::string fingerprint_of(const Tokenizer& tokenizer) {
  return hexadecimal(
      sum_of(std::string(tokenizer.kind()) + "\n" + std::string(tokenizer.model())).xxh3);
}

void save_tokenizer(const std::string& prefix, const Tokenizer& tokenizer) {
  for (AsideFile& file : write_tokenizer_aside(prefix, tokenizer)) file.publish();
}

std::string TextStream::push(std::int32_t token) {
  tokens_.push_back(token);
  const std::string text = tokenizer_->decode(tokens_);
  std::size_t certain = complete_utf8_prefix(text);
  // Libraries may show an unfinished character as U+FFFD; such a tail can still change.
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  while (!tokenizer_->exact() && certain >= replacement.size() &&
         text.compare(certain - replacement.size(), replacement.size(), replacement) == 0)
    certain -= replacement.size();
  std::string fresh = certain > returned_ ? text.substr(returned_, certain - returned_) : "";
  returned_ += fresh.size();
  if (tokenizer_->exact() && returned_ == text.size()) {  // nothing before can matter any more
    tokens_.clear();
    returned_ = 0;
  }
  return fresh;
}

std::string TextStream::finish() {
  const std::string text = tokenizer_->decode(tokens_);
  std::string rest = text.size() > returned_ ? text.substr(returned_) : "";
  tokens_.clear();
  returned_ = 0;
  return rest;
}

}  // namespace tokenwerk
