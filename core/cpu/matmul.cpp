#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<MatmulOps> make_matmul_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
