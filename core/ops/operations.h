#pragma once
/// The operation families a device offers. Each header in this folder has the public functions of
/// one family, which check shapes, dtypes and devices once for all back ends, and the private
/// interface (`do_*`) that each device implements in a file of the same name.

namespace tokenwerk {

class MatmulOps;
class NormOps;
class ActivationOps;
class RopeOps;
class EmbeddingOps;
class AttentionOps;
class LossOps;
class ElementwiseOps;
class OptimizerOps;
class RandomOps;

struct Operations {
  MatmulOps* matmul;
  NormOps* norm;
  ActivationOps* activation;
  RopeOps* rope;
  EmbeddingOps* embedding;
  AttentionOps* attention;
  LossOps* loss;
  ElementwiseOps* elementwise;
  OptimizerOps* optimizer;
  RandomOps* random;
};

/// Whether a result replaces what its buffer held or is added to it.
enum class Write { overwrite, accumulate };

}  // namespace tokenwerk
