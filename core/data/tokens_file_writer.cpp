#include "core/data/tokens_file_writer.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/data/tokens_format.h"
#include "core/error.h"

namespace tokenwerk {
namespace {

using namespace tokens_format;

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

TokensFileWriter::TokensFileWriter(const std::string& prefix, TokenType type)
    : bin_(prefix + ".bin"), idx_(prefix + ".idx"), type_(type) {
  // The counts are known at the end; until then the header is zeros, which no reader accepts.
  idx_.write(std::string(header_bytes, '\0'));
}

void TokensFileWriter::append(std::span<const std::int32_t> tokens) {
  if (type_ == TokenType::i32) {
    bin_.write(std::as_bytes(tokens));
  } else {
    narrow_.resize(tokens.size());
    std::transform(tokens.begin(), tokens.end(), narrow_.begin(),
                   [](std::int32_t token) { return static_cast<std::uint16_t>(token); });
    bin_.write(std::as_bytes(std::span(narrow_)));
  }
  open_tokens_ += static_cast<Index>(tokens.size());
  token_count_ += static_cast<Index>(tokens.size());
}

void TokensFileWriter::end_document() {
  TW_CHECK_AS(DataError, open_tokens_ <= std::numeric_limits<std::int32_t>::max(), bin_.path(),
              ": document ", document_count_, " has ", open_tokens_,
              " tokens; the format holds at most 2147483647 in one: split its text");
  idx_.write(bytes_of(static_cast<std::int32_t>(open_tokens_)));
  open_tokens_ = 0;
  ++document_count_;
}

void TokensFileWriter::finish() {
  TW_CHECK(open_tokens_ == 0, bin_.path(), ": the last document is not closed");
  write_pointers();
  write_documents();
  std::array<std::byte, header_bytes> header{};
  const auto put = [&](Index offset, const auto& value) {
    std::memcpy(header.data() + offset, &value, sizeof value);
  };
  std::memcpy(header.data(), magic.data(), magic.size());
  put(version_at, version);
  put(type_at, type_);
  put(sequences_at, document_count_);
  put(documents_at, document_count_ + 1);
  idx_.write_at(0, header);
  bin_.finish();
  idx_.finish();
}

/// Derives the byte offsets from the lengths already in the file, block by block.
void TokensFileWriter::write_pointers() {
  constexpr Index block = 65536;
  std::vector<std::int32_t> lengths;
  std::vector<std::int64_t> pointers;
  Index offset = 0;
  for (Index first = 0; first < document_count_; first += block) {
    lengths.resize(static_cast<std::size_t>(std::min(block, document_count_ - first)));
    idx_.read_at(header_bytes + 4 * first, std::as_writable_bytes(std::span(lengths)));
    pointers.clear();
    for (const std::int32_t length : lengths) {
      pointers.push_back(offset);
      offset += length * size_of(type_);
    }
    idx_.write(std::as_bytes(std::span(pointers)));
  }
}

void TokensFileWriter::write_documents() {
  for (std::int64_t i = 0; i <= document_count_; ++i) idx_.write(bytes_of(i));
}

void TokensFileWriter::publish() {
  remove_file(idx_.path());
  bin_.publish();
  idx_.publish();
}

}  // namespace tokenwerk
