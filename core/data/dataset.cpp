#include "core/data/dataset.h"

#include "core/error.h"

namespace tokenwerk {

TokenDataset::TokenDataset(const std::string& prefix, Index sequence_length, Index vocabulary)
    : tokens_(prefix), sequence_length_(sequence_length), vocabulary_(vocabulary) {
  TW_CHECK(sequence_length > 0, "sequence_length ", sequence_length, " is not positive");
  TW_CHECK_AS(DataError, tokens_.token_count() > sequence_length, tokens_.path(), ": ",
              tokens_.token_count(), " tokens, but one sample of sequence_length ", sequence_length,
              " needs ", sequence_length + 1);
  sample_count_ = (tokens_.token_count() - 1) / sequence_length;
}

void TokenDataset::read(Index sample, std::span<std::int32_t> inputs,
                        std::span<std::int32_t> targets) const {
  const auto length = static_cast<std::size_t>(sequence_length_);
  TW_CHECK_AS(ShapeError, inputs.size() == length && targets.size() == length,
              "a sample is two times ", length, " tokens, not ", inputs.size(), " and ",
              targets.size());
  TW_CHECK(sample >= 0 && sample < sample_count_, tokens_.path(), ": sample ", sample, " of ",
           sample_count_);
  const Index first = sample * sequence_length_;
  tokens_.read(first, inputs, vocabulary_);
  tokens_.read(first + 1, targets, vocabulary_);
}

}  // namespace tokenwerk
