#include "launch/prepare_encode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "launch/progress_bar.h"

namespace tokenwerk {
namespace {

/// A well-mixed number in 0 .. 1 for each i: the fractional parts of multiples of the golden ratio,
/// which fill every stretch evenly.
double evenly(Index i) {
  const double x = static_cast<double>(i) * 0.6180339887498949;
  return x - std::floor(x);
}

/// Tokens of one piece for each split, and bytes of their text.
struct EncodedPiece {
  std::array<std::vector<std::int32_t>, 2> tokens;
  std::array<Index, 2> bytes{};
};

EncodedPiece encode_piece(const TextPiece& piece, Splitter splitter, const Tokenizer& tokenizer) {
  EncodedPiece encoded;
  const auto documents = documents_of(piece, splitter);
  std::vector<std::string_view> texts(documents.size());
  std::transform(documents.begin(), documents.end(), texts.begin(),
                 [](const PieceDocument& document) { return std::string_view(document.text); });
  const auto tokens = tokenizer.encode_all(texts);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto split = static_cast<std::size_t>(documents[i].split);
    auto& out = encoded.tokens[split];
    out.insert(out.end(), tokens[i].begin(), tokens[i].end());
    if (piece.form != TextForm::whole || piece.ends_file())
      out.push_back(tokenizer.end_of_document());
    encoded.bytes[split] += static_cast<Index>(texts[i].size());
  }
  return encoded;
}

std::vector<std::string> lines_of(const TextPiece& piece, Splitter splitter) {
  std::vector<std::string> lines;
  for (const PieceDocument& document : documents_of(piece, splitter)) {
    if (document.split != Split::train) continue;
    for (std::string_view rest = document.text; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      if (!line.empty()) lines.emplace_back(line);
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
  }
  return lines;
}

}  // namespace

std::vector<std::string> training_lines(const std::vector<InputFile>& files, Splitter splitter,
                                        Index limit, WorkerPool& pool) {
  TextReader reader(files, splitter, {});
  ProgressBar progress("reading for the tokenizer", reader.bytes());
  const double share = static_cast<double>(limit) / static_cast<double>(reader.bytes());
  std::vector<std::string> lines;
  Index index = 0;
  const auto next = [&] {
    auto piece = reader.next();
    while (piece && (piece->split == Split::validation || evenly(index++) >= share))
      piece = reader.next();
    return piece;
  };
  const auto work = [&](const TextPiece& piece) { return lines_of(piece, splitter); };
  process_in_order(pool, next, work, [&](std::vector<std::string> found) {
    std::move(found.begin(), found.end(), std::back_inserter(lines));
    progress.update(reader.bytes_read());
  });
  return lines;
}

SplitWriter::SplitWriter(const std::string& prefix, const Tokenizer& tokenizer)
    : files_(prefix, token_type_for(tokenizer.vocabulary())),
      end_(tokenizer.end_of_document()),
      counts_(static_cast<std::size_t>(tokenizer.vocabulary())) {}

void SplitWriter::append(std::span<const std::int32_t> tokens, Index text_bytes) {
  for (const std::int32_t token : tokens) ++counts_[static_cast<std::size_t>(token)];
  bytes_ += text_bytes;
  while (!tokens.empty()) {
    const auto end = std::find(tokens.begin(), tokens.end(), end_);
    const bool closed = end != tokens.end();
    const auto count = static_cast<std::size_t>(end - tokens.begin()) + (closed ? 1 : 0);
    files_.append(tokens.first(count));
    if (closed) files_.end_document();
    tokens = tokens.subspan(count);
  }
}

SplitReport SplitWriter::report() const {
  SplitReport report{files_.document_count(), files_.token_count(), bytes_, 0.0};
  for (const Index count : counts_) {
    if (count == 0) continue;
    const double p = static_cast<double>(count) / static_cast<double>(report.tokens);
    report.unigram_entropy -= p * std::log(p);
  }
  return report;
}

void encode_files(const std::vector<InputFile>& files, Splitter splitter,
                  const Tokenizer& tokenizer, WorkerPool& pool, SplitWriter& train,
                  SplitWriter* validation) {
  PieceSizes sizes;
  // A tokenizer that looks across lines must see a document whole.
  if (!tokenizer.exact()) sizes.whole = std::numeric_limits<Index>::max() / 4;
  TextReader reader(files, splitter, sizes);
  ProgressBar progress("text to tokens", reader.bytes());
  const auto work = [&](const TextPiece& piece) {
    return encode_piece(piece, splitter, tokenizer);
  };
  process_in_order(
      pool, [&] { return reader.next(); }, work,
      [&](const EncodedPiece& encoded) {
        train.append(encoded.tokens[0], encoded.bytes[0]);
        if (validation != nullptr) validation->append(encoded.tokens[1], encoded.bytes[1]);
        progress.update(reader.bytes_read());
      });
}

}  // namespace tokenwerk
