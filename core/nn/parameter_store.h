#pragma once
/// All parameters of a rank in flat buffers, in canonical order, so that the optimizer, the
/// gradient reduction and the checkpoints walk plain arrays.
///
/// Two layouts. A *whole* flat array holds every group, each with its rows rounded up to equal
/// shards. A *shard* array holds, of every matrix, this rank's run of rows, and vectors whole: they
/// are a thousandth of a layer, and cost less memory than the latency of gathering them. With one
/// shard the two are the same.

#include <vector>

#include "core/nn/parameter.h"

namespace tokenwerk {

/// Which of the equal shards this rank keeps: its place along the shard axis.
struct Sharding {
  Index rank = 0;
  Index size = 1;
};

/// What of the values a store keeps in memory all the time.
enum class Residence { whole, shard };

/// True rows of a parameter that lie in this rank's shard.
struct ParameterPiece {
  const ParameterGroup* group = nullptr;
  const Parameter* part = nullptr;
  Box box;           ///< in the global array
  Index offset = 0;  ///< first element in shard arrays

  /// Whether this rank is the one of all that hold these elements that norms and checkpoints count.
  bool counted = true;
};

class ParameterStore {
 public:
  /// Lays the groups out one after the other (each begins at a multiple of 16 elements), allocates
  /// the values on the device and binds those that are there whole. All groups share a dtype. The
  /// groups must outlive the store.
  ParameterStore(Device& device, std::vector<ParameterGroup*> groups, Sharding sharding = {},
                 Residence residence = Residence::whole);

  [[nodiscard]] const std::vector<ParameterGroup*>& groups() const { return groups_; }
  [[nodiscard]] DType dtype() const { return values_.dtype(); }
  [[nodiscard]] Device& device() const { return values_.device(); }
  [[nodiscard]] const Sharding& sharding() const { return sharding_; }
  [[nodiscard]] Residence residence() const { return residence_; }
  /// Elements of a flat array of whole groups, and of one of shards; gaps and padding included.
  [[nodiscard]] Index size() const { return size_; }
  [[nodiscard]] Index shard_size() const { return shard_size_; }
  /// True parameters of the global arrays, each once; a tied copy is none.
  [[nodiscard]] Index parameter_count() const;
  /// The flat array of all values that are resident; zeros between them.
  [[nodiscard]] TensorView values() const { return values_; }
  /// This rank's shard of a group's values, with the padding that makes shards equal.
  [[nodiscard]] TensorView shard_values(const ParameterGroup& group) const;
  /// A piece's values.
  [[nodiscard]] TensorView values_of(const ParameterPiece& piece) const;
  /// What this rank's shards hold, in canonical order.
  [[nodiscard]] const std::vector<ParameterPiece>& pieces() const { return pieces_; }

  /// Sets every resident value from its parameter's Initial: a pure function of (seed, name, global
  /// index).
  void initialise(Stream& stream, std::uint64_t seed) const;

  /// Binds a group and its parts to its values, dense (padded rows, columns); an empty view
  /// unbinds.
  static void bind(ParameterGroup& group, TensorView values);
  /// (rows that make equal shards, columns) of a matrix; (length) of vectors.
  [[nodiscard]] Shape padded_shape(const ParameterGroup& group) const;
  /// A group's window on a flat array of whole groups.
  [[nodiscard]] static TensorView window(TensorView flat, const ParameterGroup& group);
  [[nodiscard]] TensorView padded_window(TensorView flat, const ParameterGroup& group) const;
  /// One part's window: (rows, columns), or (length) for a vector. The part must belong to the
  /// group.
  [[nodiscard]] static TensorView window(TensorView flat, const ParameterGroup& group,
                                         const Parameter& part);
  /// A group's window on a flat array of shards, with the padding that makes shards equal.
  [[nodiscard]] static TensorView shard_window(TensorView flat, const ParameterGroup& group);
  [[nodiscard]] static TensorView window(TensorView flat, const ParameterPiece& piece);
  /// A piece inside its group's shard.
  [[nodiscard]] static TensorView inside_shard(TensorView shard, const ParameterPiece& piece);
  /// The rows that only make shards equal, of an array of the group's padded shape.
  [[nodiscard]] static TensorView padding_of(TensorView whole, const ParameterGroup& group);
  /// This rank's shard inside an array of the group's padded shape.
  [[nodiscard]] static TensorView shard_of(TensorView whole, const ParameterGroup& group);

 private:
  void lay_out();
  void add_pieces(const ParameterGroup& group);
  std::vector<ParameterGroup*> groups_;
  Sharding sharding_;
  Residence residence_;
  Index size_ = 0;
  Index shard_size_ = 0;
  std::vector<ParameterPiece> pieces_;
  Tensor values_;
};

}  // namespace tokenwerk
