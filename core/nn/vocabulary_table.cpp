#include "core/nn/vocabulary_table.h"

#include <algorithm>

namespace tokenwerk {

ParameterGroup make_group(const VocabularyTable& table) {
  const Share& rows = table.rows;
  const Index first = std::min(rows.first, table.vocabulary);
  const Index held = std::min(rows.first + rows.count, table.vocabulary) - first;
  ParameterGroup group;
  group.dtype = table.dtype;
  group.padding_rows = rows.count - held;
  group.parts.push_back({.name = table.name,
                         .global_shape = {table.vocabulary, table.width},
                         .box = {{first, 0}, {held, table.width}},
                         .initial = {.deviation = table.deviation}});
  return group;
}

}  // namespace tokenwerk
