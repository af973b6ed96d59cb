#include "core/cuda/cudnn_reasons.h"

#include <algorithm>
#include <string_view>

#include "core/error.h"

namespace tokenwerk::cuda {
namespace {

/// WORDS of "Warning: CUDNN_STATUS_NOT_SUPPORTED_SHAPE; Reason: WORDS at: CONDITION". A line
/// without a condition is of no use: it says which of cuDNN's functions passed the refusal on.
std::string reason_in(std::string_view line) {
  constexpr std::string_view before = "Reason: ", after = " at: ";
  if (line.find("CUDNN_STATUS_NOT_SUPPORTED") == std::string_view::npos) return {};
  const std::size_t first = line.find(before), last = line.rfind(after);
  if (first == std::string_view::npos || last == std::string_view::npos || last < first) return {};
  return std::string(line.substr(first + before.size(), last - first - before.size()));
}

}  // namespace

CudnnReasons::CudnnReasons() {
  // Neither call fails on valid pointers; without a listener only the reason's words are lost.
  static_cast<void>(cudnnGetCallback(&mask_before_, &data_before_, &callback_before_));
  static_cast<void>(
      cudnnSetCallback(CUDNN_SEV_ERROR_EN | CUDNN_SEV_WARNING_EN, this, &CudnnReasons::hear));
}

CudnnReasons::~CudnnReasons() {
  static_cast<void>(cudnnSetCallback(mask_before_, data_before_, callback_before_));
}

std::string CudnnReasons::text() const {
  if (messages_.empty()) return "cuDNN has no engine for it";
  return "cuDNN: " + joined(messages_, "; ");
}

/// The message's lines end with a zero each, the last one with two.
void CudnnReasons::hear(cudnnSeverity_t, void* self, const cudnnDebug_t*, const char* message) {
  auto& messages = static_cast<CudnnReasons*>(self)->messages_;
  for (std::string_view line(message); !line.empty(); line = {line.data() + line.size() + 1}) {
    std::string reason = reason_in(line);
    if (!reason.empty() && std::find(messages.begin(), messages.end(), reason) == messages.end())
      messages.push_back(std::move(reason));
  }
}

}  // namespace tokenwerk::cuda
