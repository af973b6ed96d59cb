#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<AttentionOps> make_attention_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
