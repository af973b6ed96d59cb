#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<EmbeddingOps> make_embedding_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
