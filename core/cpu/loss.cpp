#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<LossOps> make_loss_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
