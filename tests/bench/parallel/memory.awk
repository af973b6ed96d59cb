# Prints the peak in bytes of the rank that needs most, without what is still smaller than a block.
#
# Weights, gradients and AdamW's two moments in f32: 4 + 4 + 8 bytes a parameter; ZeRO divides matrices (Rajbhandari et
# al. 2020, arXiv:1910.02054, figure 1). Activations of a block and token: 16 C values, of which 4 C (input, two norms,
# residual) stay whole under tensor parallelism and are divided under sequence parallelism; Korthikanti et al. 2022
# (arXiv:2205.05198), equations 1 to 4, less dropout masks and the attention matrix, which nobody keeps here. Selective:
# the norms' outputs (2 C) and the activated values (4 C) are made again; full: all but the block's input (C). Until its
# weight gradients are made, a micro-batch of a zero-bubble schedule keeps both sides of every product and norm: 20 C.
# Micro-batches in flight: the schedule's promise (parallel/pipeline/README.md).

function in_flight(schedule,    v) {
  if (P == 1) return 1
  if (schedule == "gpipe") return M
  if (schedule == "interleaved") {
    v = get("virtual_stages", 2)
    return min(M * v, 2 * (P - 1) + (v - 1) * P + 1) / v
  }
  return min(M, P)
}

# Values that a token leaves in a block.
function kept(recompute) {
  if (get("schedule", "1f1b") ~ /^zb/) return 8 * C / (sliced ? t : 1) + 12 * C / t
  if (recompute == "full") return C / (sliced ? t : 1)
  if (recompute == "selective") return 2 * C / (sliced ? t : 1) + 8 * C / t
  return 4 * C / (sliced ? t : 1) + 12 * C / t
}

function state_bytes(    values, gradients, moments) {
  values = zero == 3 ? matrices / s : matrices
  gradients = zero >= 2 || zero == 1 && fixed ? matrices / s : matrices
  moments = zero >= 1 ? matrices / s : matrices
  return 4 * values + 4 * gradients + 8 * moments + 16 * vectors + fixed * tree_bytes()
}

# Sums of a fixed order: whole f32 gradients, one for each node of the tree over the sequences that a rank holds while a
# micro-batch begins.
function tree_bytes(    rank, m, most) {
  for (rank = 0; rank < p; ++rank)
    for (m = 1; m < M; ++m) most = max(most, nodes(rank * M * micro, (rank * M + m) * micro))
  return 4 * most * (matrices + vectors)
}

# The largest nodes, runs of a power of two that begin at a multiple of it, of which the sequences first to last consist.
function nodes(first, last,    count, size) {
  for (count = 0; first < last; ++count) {
    for (size = 1; first % (2 * size) == 0 && first + 2 * size <= last;) size *= 2
    first += size
  }
  return count
}

# Stages 2 and 3: the gradients of a block, and as many on their way; stage 3: the weights of two blocks, one of them on
# its way. In fixed order: a micro-batch's tree of the largest matrix.
function transit_bytes(    tree) {
  tree = fixed ? max(table, 4 * C * C / t) * (1 + log2(micro)) : 0
  return 4 * (2 * block_matrices * ((zero >= 2 && !fixed) + (zero == 3)) + tree)
}

# A queue holds 1 MiB of scratch: one for each axis of several ranks, one for each stream of gradients, weights, tensor
# sums, and both directions of each pipeline peer.
function queue_bytes(    queues) {
  queues = (ranks > 1) + (t > 1) * 2 + (P > 1) * (1 + 2 * min(P - 1, 2))
  if (p > 1) queues += 2 - fixed + (s > 1) * 2 + (p > s)
  return 1048576 * queues
}

BEGIN {
  lay_out()
  rows = micro * T
  recompute = get("recompute", "none")
  fixed = get("training.reproducible", "false") == "true"
  activations = 4 * rows * blocks * in_flight(get("schedule", "1f1b")) * kept(recompute)
  # What a backward adds: the logits' block, or with recomputation the values of the block at hand.
  head = 4 * min(rows * V / t, 2097152)
  again = recompute == "none" ? 0 : 4 * rows * (4 * C / (sliced ? t : 1) + 12 * C / t - kept(recompute))
  printf "%d %d\n", state_bytes() + transit_bytes() + queue_bytes(), activations + max(P == 1 ? head : 0, again)
}
