# Prints "axis operation bytes" that the rank which sends most of each sends a step: the formulas of parallel/README.md,
# as in tests/train/traffic_test.cpp.
#
# all-reduce of n bytes over p ranks: 2 (p-1)/p n (Patarasuk and Yuan 2009), n log2 p up to 16 KiB; reduce-scatter and
# all-gather: (p-1)/p n. Data and ZeRO: Rajbhandari et al. 2020 (arXiv:1910.02054), section 7: 2 Psi, and 3 Psi for
# stage 3; here stages 2 and 3 reduce each micro-batch, and stage 3 gathers for each; a tied table is used twice a
# micro-batch, and the embedding's backward reads no weights. Tensor: Shoeybi et al. 2019 (arXiv:1909.08053), section 3:
# two all-reduces a block and direction, one for the embedding and one for the head. Sequence: Korthikanti et al. 2022
# (arXiv:2205.05198), section 4.2.2, with inputs gathered again for weight gradients. Pipeline: Narayanan et al. 2021
# (arXiv:2104.04473), section 3.2: one stream a micro-batch, stage and direction.

function all_reduce(bytes, n) { return n == 1 ? 0 : bytes <= 16384 ? bytes * log2(n) : 2 * (n - 1) / n * bytes }
function share(bytes, n) { return (n - 1) / n * bytes }
function say(axis, operation, bytes) { if (bytes > 0) printf "%s %s %d\n", axis, operation, bytes }

function data_axis(    uses, embedding) {
  # Of pipeline ranks the first has most matrices, the last most vectors: the final norm's.
  if (zero == 0) return say("data", "all_reduce", all_reduce(4 * (matrices + vectors - (P > 1 ? 2 * C : 0)), p))
  say("data", "all_reduce", 4 * vectors * log2(p))
  say("replicate", "all_reduce", 2 * (p / s - 1) / (p / s) * 4 * matrices / s)
  uses = matrices + (P == 1 ? table : 0)
  embedding = table + T * C
  say("shard", "reduce_scatter", zero == 1 ? share(4 * matrices, s) : M * share(4 * uses, s))
  say("shard", "all_gather", zero < 3 ? share(4 * matrices, s) : M * share(4 * (2 * uses - embedding), s))
}

function tensor_axis(    ends, gathers, norms) {
  if (t == 1) return
  ends = P == 1 ? 2 : 1
  if (!sliced) {
    say("tensor", "all_reduce", M * (4 * blocks + ends) * all_reduce(stream, t))
  } else {
    norms = blocks * 6 * C + 2 * C  # and the biases that are whole; small arrays
    say("tensor", "all_reduce", 4 * norms * log2(t))
    say("tensor", "reduce_scatter", M * (4 * blocks + ends) * share(stream, t))
  }
  gathers = sliced ? (6 * blocks + (P == 1 ? 3 : 2)) * share(stream, t) : 0
  say("tensor", "all_gather", M * (gathers + (t - 1) * 8 * micro * T))  # and two f32 a token and rank for the loss
}

function pipeline_axis(    message) {
  if (P == 1) return
  message = stream / (sliced ? t : 1)
  say("pipeline", "exchange", max(M * message + 4 * table / s, P > 2 ? 2 * M * message : 0))
}

BEGIN {
  lay_out()
  data_axis()
  tensor_axis()
  pipeline_axis()
}
