#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<OptimizerOps> make_optimizer_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
