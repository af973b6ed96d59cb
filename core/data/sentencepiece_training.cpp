#include <sentencepiece_trainer.h>

#include <algorithm>
#include <unordered_map>

#include "core/data/sentencepiece_tokenizer.h"
#include "core/data/utf8.h"
#include "core/error.h"

namespace tokenwerk {
namespace {

/// Shows the trainer lines of bounded length: it numbers the characters of a word with 16 bits and
/// aborts beyond, and some scripts write no spaces.
class LineIterator final : public sentencepiece::SentenceIterator {
 public:
  explicit LineIterator(const std::vector<std::string>& lines) : lines_(&lines) { Next(); }

  bool done() const override { return done_; }
  const std::string& value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }

  void Next() override {
    while (line_ < lines_->size() && offset_ == (*lines_)[line_].size()) {
      ++line_;
      offset_ = 0;
    }
    done_ = line_ == lines_->size();
    if (done_) return;
    const std::string_view rest = std::string_view((*lines_)[line_]).substr(offset_);
    const std::string_view part = rest.substr(0, longest);
    value_ = part.substr(0, std::max<std::size_t>(1, complete_utf8_prefix(part)));
    offset_ += value_.size();
  }

 private:
  static constexpr std::size_t longest = 4096;

  const std::vector<std::string>* lines_;
  std::size_t line_ = 0, offset_ = 0;
  bool done_ = false;
  std::string value_;
};

std::unordered_map<std::string, std::string> training_options(Index vocabulary) {
  return {
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(vocabulary)},
      {"byte_fallback", "true"},
      {"character_coverage", "0.9995"},  // rarer characters are spelt in bytes
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"add_dummy_prefix", "false"},
      {"allow_whitespace_only_pieces", "true"},
      {"unk_id", "0"},
      {"eos_id", "1"},
      {"bos_id", "-1"},
      {"pad_id", "-1"},
      {"input_sentence_size", "0"},  // everything: a sample would be drawn at random
      {"max_sentence_length", "8192"},
      {"minloglevel", "3"},
  };
}

/// The number that follows a phrase in the trainer's message; empty when the phrase is not there.
std::string number_after(std::string_view message, std::string_view phrase) {
  const std::size_t at = message.find(phrase);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = message.substr(at + phrase.size());
  return std::string(rest.substr(0, rest.find_first_not_of("0123456789")));
}

}  // namespace

std::string train_sentencepiece(const std::vector<std::string>& lines, Index vocabulary) {
  std::string model;
  LineIterator iterator(lines);
  TW_CHECK_AS(DataError, !iterator.done(), "no text to train a tokenizer on");
  const auto status =
      sentencepiece::SentencePieceTrainer::Train(training_options(vocabulary), &iterator, &model);
  if (status.ok()) return model;
  const std::string message = status.ToString();
  const auto most = number_after(message, "Please set it to a value <= ");
  TW_CHECK_AS(ConfigError, most.empty(), "a vocabulary of ", vocabulary,
              " is more than this text can give: at most ", most);
  const auto least = number_after(message, fmt::format("required_chars. {} vs ", vocabulary));
  TW_CHECK_AS(ConfigError, least.empty(), "a vocabulary of ", vocabulary,
              " does not hold all bytes and characters of this text: at least ", least);
  TW_RAISE(ConfigError, "cannot train a vocabulary of ", vocabulary, ": ", message);
}

}  // namespace tokenwerk
