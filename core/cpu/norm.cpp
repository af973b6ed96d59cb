#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<NormOps> make_norm_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
