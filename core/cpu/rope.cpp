#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<RopeOps> make_rope_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
