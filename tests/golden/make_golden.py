#!/usr/bin/env python3
"""Writes the golden files of this folder: what PyTorch computes for three small models.

    python3 -m venv /tmp/golden && /tmp/golden/bin/pip install torch h5py
    /tmp/golden/bin/python tests/golden/make_golden.py [FOLDER]

The tests read the files and need no Python. README.md beside this script describes the layout.
The models below are plain PyTorch, written apart from Tokenwerk's code, with autograd for every
derivative. Everything runs on one thread with fixed seeds; the files carry no time stamps.
"""

import math
import pathlib
import sys
from dataclasses import asdict, dataclass

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BATCH = 4
STEPS = 10
MASKED = -1


@dataclass
class Config:
    """A model and the run that trains it. Odd sizes on purpose."""

    family: str
    seed: int
    vocabulary: int
    sequence_length: int = 67
    layers: int = 2
    width: int = 40
    heads: int = 4
    kv_heads: int = 4
    ffn_width: int = 104
    tied: int = 1
    norm_epsilon: float = 1e-5
    rope_theta: float = 0.0
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0


CONFIGS = {
    "gpt": Config("gpt", seed=1, vocabulary=101, width=36, heads=3, kv_heads=3, ffn_width=100),
    "llama": Config("llama", seed=2, vocabulary=97, kv_heads=2, tied=0, rope_theta=5000.0),
    "llama_tied": Config("llama", seed=3, vocabulary=103, kv_heads=1, tied=1, rope_theta=10000.0),
}


class Norm(nn.Module):
    """LayerNorm, or RMSNorm where there is no bias; statistics in f32 at least."""

    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.width))
        self.bias = nn.Parameter(torch.empty(config.width)) if config.family == "gpt" else None
        self.epsilon = config.norm_epsilon

    def forward(self, x):
        wide = x if x.dtype == torch.float64 else x.float()
        if self.bias is not None:
            wide = wide - wide.mean(-1, keepdim=True)
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon)
        wide = wide * self.weight.to(wide.dtype)
        if self.bias is not None:
            wide = wide + self.bias.to(wide.dtype)
        return wide.to(x.dtype)


def rotate(x, theta):
    """Rotary embedding of x (B, H, T, D): element i of a head pairs with element i + D/2."""
    half = x.shape[-1] // 2
    frequency = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * frequency
    wide = x if x.dtype == torch.float64 else x.float()
    cosine, sine = angle.cos().to(wide.dtype), angle.sin().to(wide.dtype)
    a, b = wide[..., :half], wide[..., half:]
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        bias = config.family == "gpt"
        kv_width = config.width // config.heads * config.kv_heads
        self.q = nn.Linear(config.width, config.width, bias)
        self.k = nn.Linear(config.width, kv_width, bias)
        self.v = nn.Linear(config.width, kv_width, bias)
        self.output = nn.Linear(config.width, config.width, bias)

    def forward(self, x):
        config = self.config
        batch, length, width = x.shape
        size = width // config.heads
        q = self.q(x).view(batch, length, config.heads, size).transpose(1, 2)
        k = self.k(x).view(batch, length, config.kv_heads, size).transpose(1, 2)
        v = self.v(x).view(batch, length, config.kv_heads, size).transpose(1, 2)
        if config.rope_theta > 0:
            q, k = rotate(q, config.rope_theta), rotate(k, config.rope_theta)
        k = k.repeat_interleave(config.heads // config.kv_heads, 1)
        v = v.repeat_interleave(config.heads // config.kv_heads, 1)
        if x.dtype == torch.bfloat16:  # PyTorch's own kernel: scores and softmax in f32
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(-1, -2) / math.sqrt(size)
            hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
            o = scores.masked_fill(hidden, float("-inf")).softmax(-1) @ v
        return self.output(o.transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        bias = config.family == "gpt"
        self.gate = None if bias else nn.Linear(config.width, config.ffn_width, False)
        self.up = nn.Linear(config.width, config.ffn_width, bias)
        self.down = nn.Linear(config.ffn_width, config.width, bias)

    def forward(self, x):
        if self.gate is None:
            return self.down(F.gelu(self.up(x), approximate="tanh"))
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention_norm = Norm(config)
        self.attention = Attention(config)
        self.mlp_norm = Norm(config)
        self.mlp = Mlp(config)

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        tables = {"tokens": nn.Embedding(config.vocabulary, config.width)}
        if config.family == "gpt":
            tables["positions"] = nn.Embedding(config.sequence_length, config.width)
        self.embedding = nn.ModuleDict(tables)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.final_norm = Norm(config)
        self.output = None if config.tied else nn.Linear(config.width, config.vocabulary, False)

    def forward(self, tokens):
        x = self.embedding["tokens"](tokens)
        if "positions" in self.embedding:
            x = x + self.embedding["positions"](torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        x = self.final_norm(x)
        head = self.embedding["tokens"].weight if self.output is None else self.output.weight
        logits = x @ head.T
        return logits if logits.dtype == torch.float64 else logits.float()


def draw_weights(model, seed):
    """Weights larger than a fresh model's: attention looks somewhere and no term is negligible."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("norm.weight"):
                parameter.copy_(1 + 0.2 * noise)
            elif name.endswith(".bias"):
                parameter.copy_(0.1 * noise)
            elif "embedding" in name:
                parameter.copy_(0.25 * noise)
            else:
                parameter.copy_(noise / math.sqrt(parameter.shape[1]))


def draw_batches(config):
    """One batch a step. Every seventh target is masked, and the end of the last sequence."""
    generator = np.random.default_rng(config.seed)
    text = generator.integers(0, config.vocabulary, (STEPS, BATCH, config.sequence_length + 1))
    tokens, targets = text[..., :-1].copy(), text[..., 1:].copy()
    targets[generator.random(targets.shape) < 1 / 7] = MASKED
    targets[:, -1, -9:] = MASKED
    return tokens, targets


def loss_of(model, tokens, targets):
    logits = model(torch.from_numpy(tokens))
    flat = torch.from_numpy(targets).reshape(-1)
    loss = F.cross_entropy(logits.reshape(flat.numel(), -1), flat, ignore_index=MASKED)
    return logits, loss


def first_gradient(config, dtype, tokens, targets):
    """Logits, loss and gradients of the first batch, computed in one dtype, given in f64."""
    model = Model(config)
    draw_weights(model, config.seed)
    model = model.to(dtype)
    logits, loss = loss_of(model, tokens[0], targets[0])
    loss.backward()
    gradients = {name: p.grad.double().numpy() for name, p in model.named_parameters()}
    return logits.detach().double().numpy(), loss.item(), gradients


def train(config, dtype, tokens, targets):
    """Loss before each step, norm before each clipping, and the weights at the end."""
    model = Model(config)
    draw_weights(model, config.seed)
    model = model.to(dtype)
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), eps=config.epsilon
    )
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        _, loss = loss_of(model, tokens[step], targets[step])
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(parameters, config.clip)))
        losses.append(loss.item())
        optimizer.step()
    weights = {name: p.detach().double().numpy() for name, p in model.named_parameters()}
    return losses, norms, weights


def store(group, name, value, kind, **norms):
    dataset = group.create_dataset(name, data=np.asarray(value, dtype=kind), track_times=False)
    for key, number in norms.items():
        dataset.attrs[key] = float(number)


def write(path, config):
    tokens, targets = draw_batches(config)
    runs = {
        kind: first_gradient(config, dtype, tokens, targets)
        for kind, dtype in (
            ("f64", torch.float64), ("f32", torch.float32), ("bf16", torch.bfloat16))
    }
    losses, norms, after = train(config, torch.float32, tokens, targets)
    losses64, _, after64 = train(config, torch.float64, tokens, targets)
    start = Model(config)
    draw_weights(start, config.seed)
    norm = np.linalg.norm

    with h5py.File(path, "w", libver="earliest") as file:
        for key, value in asdict(config).items():
            file.attrs[key] = np.bytes_(value) if isinstance(value, str) else value
        file.attrs["batch"] = BATCH
        file.attrs["steps"] = STEPS
        file.attrs["torch_version"] = np.bytes_(torch.__version__)
        for kind, (_, loss, _) in runs.items():
            file.attrs["loss" if kind == "f32" else f"loss_{kind}"] = loss
        store(file, "tokens", tokens, "<i4")
        store(file, "targets", targets, "<i4")
        store(file, "losses", losses, "<f8")
        store(file, "losses_f64", losses64, "<f8")
        store(file, "gradient_norms", norms, "<f8")
        logits = {kind: run[0] for kind, run in runs.items()}
        store(file, "logits", logits["f32"], "<f4", norm=norm(logits["f32"]),
              distance_f64=norm(logits["f64"] - logits["f32"]),
              distance_bf16=norm(logits["bf16"] - logits["f32"]))
        groups = {g: file.create_group(g) for g in ("weights", "gradients", "weights_after")}
        for name, parameter in start.named_parameters():
            g32, g64, g16 = (runs[kind][2][name] for kind in ("f32", "f64", "bf16"))
            store(groups["weights"], name, parameter.detach().numpy(), "<f4")
            store(groups["gradients"], name, g32, "<f4", norm=norm(g32),
                  distance_f64=norm(g64 - g32), distance_bf16=norm(g16 - g32))
            store(groups["weights_after"], name, after[name], "<f4", norm=norm(after[name]),
                  distance_f64=norm(after64[name] - after[name]))


def report(path):
    """Prints how far f32 and bf16 lie apart: the tolerances of the tests must leave room for it."""
    with h5py.File(path) as file:
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB, loss {file.attrs['loss']:.6f} "
              f"(bf16 {file.attrs['loss_bf16']:.6f}), gradient norms "
              f"{min(file['gradient_norms']):.2f} to {max(file['gradient_norms']):.2f}, losses "
              f"{file['losses'][0]:.4f} to {file['losses'][-1]:.4f}, f64 run within "
              f"{np.max(np.abs(file['losses'][:] / file['losses_f64'][:] - 1)):.1e}")
        for group in ("gradients", "weights_after"):
            for kind in ("distance_f64", "distance_bf16"):
                worst = [(d.attrs[kind] / d.attrs["norm"], name) for name, d in file[group].items()
                         if kind in d.attrs and not name.endswith("attention.k.bias")]
                if worst:
                    print(f"  {group} {kind} / norm: at most {max(worst)[0]:.2e} {max(worst)[1]}")
            for name in sorted(file[group]):
                if name.endswith("attention.k.bias"):
                    print(f"  {group}/{name}:", dict(file[group][name].attrs))


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__.rpartition("/")[0] or ".")
    for name, config in CONFIGS.items():
        path = folder / f"{name}.h5"
        write(path, config)
        report(path)


if __name__ == "__main__":
    main()
