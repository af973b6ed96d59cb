#include "core/cpu/families.h"

namespace tokenwerk::cpu {
std::unique_ptr<RandomOps> make_random_ops() { return nullptr; }
}  // namespace tokenwerk::cpu
