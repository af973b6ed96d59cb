#pragma once
/// The arrays that have a row for each token: the embedding table and the output projection.

#include "core/nn/parameter.h"

namespace tokenwerk {

struct VocabularyTable {
  std::string name;      ///< of the parameter: "output.weight"
  Index vocabulary = 0;  ///< V
  Share rows;            ///< the rows held here, of V padded; those past V are zero
  Index width = 0;       ///< C
  double deviation = 0.02;
  DType dtype = DType::f32;
};

/// One parameter (V,C), of which the group holds the table's rows. A share that is all padding has
/// an empty box.
[[nodiscard]] ParameterGroup make_group(const VocabularyTable& table);

}  // namespace tokenwerk
