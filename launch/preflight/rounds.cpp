#include "launch/preflight/rounds.h"

namespace tokenwerk {

std::optional<Index> partner_in(Index round, Index me, Index count) {
  const Index seats = count + count % 2;  // of an odd number one sits out: it meets the empty seat
  const Index circle = seats - 1;         // the last seat stands in the middle
  // On the circle those meet whose places add up to the round; the one left over meets the middle.
  const Index left_over = round * (circle + 1) / 2 % circle;
  const Index opposite = ((round - me) % circle + circle) % circle;
  const Index partner = me == circle ? left_over : opposite == me ? circle : opposite;
  if (count < 2 || partner >= count) return std::nullopt;
  return partner;
}

std::vector<Index> rounds_of(Index count) {
  std::vector<Index> rounds;
  if (count < 2) return rounds;
  const Index circle = count + count % 2 - 1;
  for (Index round = 0; count <= all_pairs_up_to && round < circle; ++round)
    rounds.push_back(round);
  for (Index round = 1; count > all_pairs_up_to && round < count; round *= 2)
    rounds.push_back(round);
  return rounds;
}

}  // namespace tokenwerk
