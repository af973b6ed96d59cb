#pragma once
/// Makers of the cpu device and of its operation families, one file of the same name each.

#include <memory>

#include "core/device.h"
#include "core/ops/activation.h"
#include "core/ops/attention.h"
#include "core/ops/elementwise.h"
#include "core/ops/embedding.h"
#include "core/ops/loss.h"
#include "core/ops/matmul.h"
#include "core/ops/norm.h"
#include "core/ops/optimizer.h"
#include "core/ops/random.h"
#include "core/ops/rope.h"

namespace tokenwerk::cpu {

[[nodiscard]] std::unique_ptr<Device> make_device();

[[nodiscard]] std::unique_ptr<MatmulOps> make_matmul_ops();
[[nodiscard]] std::unique_ptr<NormOps> make_norm_ops();
[[nodiscard]] std::unique_ptr<ActivationOps> make_activation_ops();
[[nodiscard]] std::unique_ptr<RopeOps> make_rope_ops();
[[nodiscard]] std::unique_ptr<EmbeddingOps> make_embedding_ops();
[[nodiscard]] std::unique_ptr<AttentionOps> make_attention_ops();
[[nodiscard]] std::unique_ptr<LossOps> make_loss_ops();
[[nodiscard]] std::unique_ptr<ElementwiseOps> make_elementwise_ops();
[[nodiscard]] std::unique_ptr<OptimizerOps> make_optimizer_ops();
[[nodiscard]] std::unique_ptr<RandomOps> make_random_ops();

}  // namespace tokenwerk::cpu
