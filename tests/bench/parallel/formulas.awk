# What a layout costs, from the papers. Variables: ranks, and of a GPT in f32 with a tied table layers, width, heads,
# vocabulary, length, batch, micro; layout, as "zero=1 tensor=2". Include beside a program that uses them.

function get(key, otherwise,    i, parts, count, pair) {
  count = split(layout, parts, " ")
  for (i = 1; i <= count; ++i) {
    split(parts[i], pair, "=")
    if (pair[1] == key) return pair[2]
  }
  return otherwise
}

function min(a, b) { return a < b ? a : b }
function max(a, b) { return a > b ? a : b }
function log2(n) { return n <= 1 ? 0 : 1 + log2(n / 2) }

# Sets what follows from the layout. Matrices and vectors are those of the fullest rank.
function lay_out() {
  L = layers; C = width; T = length_; V = vocabulary
  t = get("tensor", 1); P = get("pipeline", 1); zero = get("zero", 0); sliced = get("sequence", "false") == "true"
  p = ranks / (t * P)
  s = zero == 0 ? 1 : get("zero_group", p)
  M = batch / (p * micro)                     # micro-batches of a rank
  blocks = L / P                              # of a rank
  table = V * C / t
  block_matrices = 12 * C * C / t
  block_vectors = 6 * C + 7 * C / t           # two norms, two biases whole; those of q, k, v and up divided
  matrices = blocks * block_matrices + table + T * C
  vectors = blocks * block_vectors + 2 * C
  stream = 4 * micro * T * C                  # bytes of one micro-batch's residual stream
}
