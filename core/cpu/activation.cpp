#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<ActivationOps> make_activation_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
