"""Speed of a GPT in PyTorch, as a peer of `tokenwerk train`: compiled, bf16 by autocast, fused AdamW, clipped gradients.

    torch_peer.py LAYERS WIDTH HEADS VOCABULARY SEQUENCE MICRO_BATCH

Two micro-batches a step, as tests/gpu/training.sh has them. Prints: tokens a second, milliseconds a step, peak MiB, version.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional

layers, width, heads, vocabulary, length, rows = (int(text) for text in sys.argv[1:7])
micro_batches, warm_up, timed = 2, 5, 10


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        q, k, v = (
            part.view(rows, length, heads, -1).transpose(1, 2) for part in self.qkv(self.attention_norm(x)).split(width, 2)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(rows, length, width))
        return x + self.down(functional.gelu(self.up(self.mlp_norm(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens, targets):
        x = self.blocks(self.tokens(tokens) + self.positions.weight)
        logits = self.head(self.norm(x)).float()
        return functional.cross_entropy(logits.view(-1, vocabulary), targets.flatten())


torch.set_float32_matmul_precision("high")
model = Gpt().cuda()
compiled = torch.compile(model)
optimizer = torch.optim.AdamW(model.parameters(), fused=True)
text = torch.randint(vocabulary, (rows, length + 1), device="cuda")


def step():
    for _ in range(micro_batches):
        with torch.autocast("cuda", torch.bfloat16):
            loss = compiled(text[:, :-1].contiguous(), text[:, 1:].contiguous()) / micro_batches
        loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


for _ in range(warm_up):
    step()
torch.cuda.synchronize()
start = time.perf_counter()
for _ in range(timed):
    step()
torch.cuda.synchronize()
seconds = (time.perf_counter() - start) / timed
peak = torch.cuda.max_memory_allocated() / 2**20
print(f"{micro_batches * rows * length / seconds:.0f} {1e3 * seconds:.1f} {peak:.0f} {torch.__version__}")
