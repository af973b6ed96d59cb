#include "core/data/tokens_file.h"

#include <algorithm>
#include <atomic>

#include "core/cpu/parallel_for.h"
#include "core/data/tokens_format.h"
#include "core/error.h"

namespace tokenwerk {
namespace {

using namespace tokens_format;

constexpr Index block = 4096;  ///< tokens looked at before the result is tested

/// Index of the first token at or above the limit, or the count. Negative i32 tokens count as
/// large. The inner loop has no exit, so that it vectorises.
template <typename Token>
Index first_outside(std::span<const Token> tokens, Token limit) {
  const auto count = static_cast<Index>(tokens.size());
  for (Index first = 0; first < count; first += block) {
    const auto part = tokens.subspan(static_cast<std::size_t>(first),
                                     static_cast<std::size_t>(std::min(block, count - first)));
    Token largest = 0;
    for (const Token token : part) largest = std::max(largest, token);
    if (largest < limit) continue;
    const auto found = std::find_if(part.begin(), part.end(), [&](Token t) { return t >= limit; });
    return first + (found - part.begin());
  }
  return count;
}

template <typename Token>
std::span<const Token> tokens_of(const MappedFile& bin, TokenRange range) {
  return {reinterpret_cast<const Token*>(bin.bytes().data()) + range.first,
          static_cast<std::size_t>(range.count())};
}

/// First token of the range that is outside the vocabulary, or range.last.
Index first_bad(const MappedFile& bin, TokenType type, TokenRange range, Index vocabulary) {
  if (type == TokenType::i32)
    return range.first + first_outside(tokens_of<std::uint32_t>(bin, range),
                                       static_cast<std::uint32_t>(
                                           std::min<Index>(vocabulary, std::int64_t{1} << 31)));
  if (vocabulary > 65535) return range.last;  // every u16 is inside
  return range.first + first_outside(tokens_of<std::uint16_t>(bin, range),
                                     static_cast<std::uint16_t>(vocabulary));
}

}  // namespace

TokensFile::TokensFile(const std::string& prefix) : bin_(prefix + ".bin"), idx_(prefix + ".idx") {
  check_header();
  check_sequences();
  check_documents();
}

void TokensFile::check_header() {
  const auto bytes = idx_.bytes();
  const auto& path = idx_.path();
  const auto size = static_cast<std::uint64_t>(bytes.size());
  constexpr auto header = static_cast<std::uint64_t>(header_bytes);
  TW_CHECK_AS(DataError, size >= header, path, ": ", size, " bytes, too short for the header of ",
              header);
  TW_CHECK_AS(DataError, idx_.text().starts_with(magic), path,
              ": not a token index (it does not begin with MMIDIDX)");
  const auto found_version = load<std::uint64_t>(bytes, version_at);
  TW_CHECK_AS(DataError, found_version == version, path, ": version ", found_version, ", not 1");
  const auto code = load<std::uint8_t>(bytes, type_at);
  TW_CHECK_AS(DataError, code == 4 || code == 8, path, ": token type code ", code,
              "; 8 (u16) and 4 (i32) can be read");
  type_ = static_cast<TokenType>(code);

  // Divisions, not products: the counts may be any 64 bits.
  const auto sequences = load<std::uint64_t>(bytes, sequences_at);
  const auto documents = load<std::uint64_t>(bytes, documents_at);
  TW_CHECK_AS(DataError,
              sequences <= (size - header) / 12 && documents <= (size - header) / 8 &&
                  header + 12 * sequences + 8 * documents == size,
              path, ": ", size, " bytes do not fit its ", sequences, " sequences and ", documents,
              " entries of the document index");
  TW_CHECK_AS(DataError, documents > 0, path, ": the document index is empty");
  sequence_count_ = static_cast<Index>(sequences);
  document_count_ = static_cast<Index>(documents) - 1;  // its last entry closes the last document

  const auto bin_bytes = static_cast<Index>(bin_.bytes().size());
  TW_CHECK_AS(DataError, bin_bytes % size_of(type_) == 0, bin_.path(), ": ", bin_bytes,
              " bytes are no whole number of tokens of ", size_of(type_), " bytes");
  token_count_ = bin_bytes / size_of(type_);
}

void TokensFile::check_sequences() const {
  const auto bytes = idx_.bytes();
  const Index pointers = header_bytes + 4 * sequence_count_;
  Index tokens = 0;
  for (Index i = 0; i < sequence_count_; ++i) {
    const auto length = load<std::int32_t>(bytes, header_bytes + 4 * i);
    const auto pointer = load<std::int64_t>(bytes, pointers + 8 * i);
    TW_CHECK_AS(DataError, length >= 0, idx_.path(), ": sequence ", i, " has length ", length);
    TW_CHECK_AS(DataError, pointer == tokens * size_of(type_), idx_.path(), ": sequence ", i,
                " is said to begin at byte ", pointer, ", but those before it end at ",
                tokens * size_of(type_));
    tokens += length;
    TW_CHECK_AS(DataError, tokens <= token_count_, idx_.path(), ": sequence ", i, " ends at token ",
                tokens, ", but ", bin_.path(), " holds ", token_count_);
  }
  TW_CHECK_AS(DataError, tokens == token_count_, idx_.path(), ": sequences of ", tokens,
              " tokens in all, but ", bin_.path(), " holds ", token_count_);
}

void TokensFile::check_documents() const {
  const Index documents = header_bytes + 12 * sequence_count_;
  Index previous = 0;
  for (Index i = 0; i <= document_count_; ++i) {
    const auto sequence = load<std::int64_t>(idx_.bytes(), documents + 8 * i);
    const bool legal = i == 0 ? sequence == 0 : sequence >= previous && sequence <= sequence_count_;
    TW_CHECK_AS(DataError, legal, idx_.path(), ": document ", i, " begins at sequence ", sequence,
                ", which is not in ", previous, " .. ", i == 0 ? 0 : sequence_count_);
    previous = sequence;
  }
  TW_CHECK_AS(DataError, previous == sequence_count_, idx_.path(),
              ": the documents end at sequence ", previous, " of ", sequence_count_);
}

Index TokensFile::sequence_start(Index sequence) const {
  if (sequence == sequence_count_) return token_count_;
  const Index pointers = header_bytes + 4 * sequence_count_;
  return load<std::int64_t>(idx_.bytes(), pointers + 8 * sequence) / size_of(type_);
}

TokenRange TokensFile::document(Index document) const {
  TW_CHECK(document >= 0 && document < document_count_, path(), ": document ", document, " of ",
           document_count_);
  const Index at = header_bytes + 12 * sequence_count_ + 8 * document;
  return {sequence_start(load<std::int64_t>(idx_.bytes(), at)),
          sequence_start(load<std::int64_t>(idx_.bytes(), at + 8))};
}

void TokensFile::check_tokens(TokenRange range, Index vocabulary) const {
  TW_CHECK(range.first >= 0 && range.first <= range.last && range.last <= token_count_, path(),
           ": tokens ", range.first, " .. ", range.last, " of ", token_count_);
  std::atomic<Index> bad{range.last};
  cpu::parallel_for(range.count(), Index{1} << 20, [&](Index first, Index last) {
    const TokenRange part{range.first + first, range.first + last};
    const Index found = first_bad(bin_, type_, part, vocabulary);
    if (found == part.last) return;
    Index known = bad.load();
    while (found < known && !bad.compare_exchange_weak(known, found)) {
    }
  });
  if (bad == range.last) return;
  const TokenRange one{bad, bad + 1};
  const std::int64_t token = type_ == TokenType::u16 ? tokens_of<std::uint16_t>(bin_, one).front()
                                                     : tokens_of<std::int32_t>(bin_, one).front();
  TW_RAISE(DataError, path(), ": token ", one.first, " is ", token, ", outside the vocabulary of ",
           vocabulary);
}

void TokensFile::read(Index first, std::span<std::int32_t> tokens, Index vocabulary) const {
  const TokenRange range{first, first + static_cast<Index>(tokens.size())};
  check_tokens(range, vocabulary);
  if (type_ == TokenType::u16) {
    const auto source = tokens_of<std::uint16_t>(bin_, range);
    std::copy(source.begin(), source.end(), tokens.begin());
  } else {
    const auto source = tokens_of<std::int32_t>(bin_, range);
    std::copy(source.begin(), source.end(), tokens.begin());
  }
}

}  // namespace tokenwerk
