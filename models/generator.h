#pragma once
/// Text generation, token by token, with a KV cache.

#include <functional>
#include <span>
#include <vector>

#include "core/nn/kv_cache.h"
#include "models/model.h"
#include "models/sampler.h"

namespace tokenwerk {

/// One sequence in the making. Keys and values of all its tokens stay on the device: a new token
/// costs one row of work, not the whole sequence again.
class Generator {
 public:
  /// Room for model.config().sequence_length tokens: 2 L T (kv_heads D) elements.
  Generator(Stream& stream, Model& model);

  /// Tokens that still fit.
  [[nodiscard]] Index room() const { return cache_.capacity() - length_; }
  /// Takes these tokens in (the prompt, or the token just chosen; at most room(), at least one) and
  /// returns the logits of what follows, valid until the next call.
  [[nodiscard]] std::span<const float> advance(std::span<const std::int32_t> tokens);

 private:
  Stream* stream_;
  Model* model_;
  KvCache cache_;
  Index length_ = 0;
  std::vector<float> logits_;
};

}  // namespace tokenwerk
