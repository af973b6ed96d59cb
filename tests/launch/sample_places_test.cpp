/// Places that a run leaves out, and the batches after them.

#include "launch/sample_places.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace tokenwerk {
namespace {

using testing::ElementsAre;

TEST(LeftOut, NothingMovesNothing) {
  const LeftOut none;
  EXPECT_EQ(none.place(40, 0), 40);
  EXPECT_EQ(none.place(40, 7), 47);
}

TEST(LeftOut, PlacesAreThoseThatRemain) {
  LeftOut out;
  for (const SampleRange range : {SampleRange{20, 24}, {8, 12}, {30, 31}, {12, 14}, {9, 10}})
    out.add(range);
  std::vector<Index> remaining;
  for (Index place = 0; place < 100; ++place) {
    const bool left_out = (place >= 8 && place < 14) || (place >= 20 && place < 24) || place == 30;
    if (!left_out) remaining.push_back(place);
  }
  for (Index first = 0; first < 50; ++first) {
    const auto from = std::ranges::lower_bound(remaining, first);
    for (Index i = 0; i < 30; ++i)
      EXPECT_EQ(out.place(first, i), *(from + i)) << "sample " << i << " from " << first;
  }
}

TEST(LeftOut, AnEmptyRangeLeavesNothingOut) {
  LeftOut out;
  out.add({5, 5});
  EXPECT_EQ(out.place(5, 0), 5);
}

TEST(BatchNumbers, AreListsOfNumbersAndRanges) {
  EXPECT_THAT(places_of_batches("1", 8).value(), ElementsAre(SampleRange{0, 8}));
  EXPECT_THAT(places_of_batches("12,40-42", 10).value(),
              ElementsAre(SampleRange{110, 120}, SampleRange{390, 420}));
  for (const char* wrong :
       {"", ",", "0", "-3", "3-", "5-4", "1,", "1,,2", "a", "1 2", "99999999999"})
    EXPECT_FALSE(places_of_batches(wrong, 8)) << wrong;
}

}  // namespace
}  // namespace tokenwerk
