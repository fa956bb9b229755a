#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The cudnn backend and PyTorch on the same GPU, in turn.

    torch_beside.py BENCH_GPU [--seconds S] [--mode eager|compile] [--what forward|train|all] [--rehearse]

For each case both compute the same batch: rows of equal length, token ids t % 30000, random weights
of the same sizes. PyTorch runs eager and through torch.compile, under bf16 autocast with flash
attention (scaled_dot_product_attention without a mask, which rows of equal length don't need);
compiled forward passes of one row with CUDA graphs (reduce-overhead); recurrent models through
torch.nn's cuDNN path. $BENCH_LIBRARY_PATH is bench_gpu's LD_LIBRARY_PATH. Each block of
steps is timed by wall clock with one wait at its end; blocks alternate, the first of each is warm-up.
One JSON line a case and mode: medians in milliseconds a step, and PyTorch's over ours. The status is 1 where a
case failed, with its line saying why. --rehearse: tiny models, PyTorch on the processor; no figure of it
means anything.
"""
import argparse
import json
import os
import statistics
import subprocess
import time

import torch

BLOCKS = 7
N_IDS = 30000
DEVICE = 'cuda'
SMALL = ['layers=1', 'dim=32', 'hidden_dim=64', 'heads=2']  # of a rehearsal


def encoder(layers, types):
    from transformers import BertConfig, BertForSequenceClassification
    from transformers import DistilBertConfig, DistilBertForSequenceClassification
    small = DEVICE == 'cpu'
    if types:
        sizes = dict(num_hidden_layers=1, hidden_size=32, intermediate_size=64, num_attention_heads=2) if small else \
            dict(num_hidden_layers=layers)
        return BertForSequenceClassification(BertConfig(vocab_size=N_IDS, **sizes))
    sizes = dict(n_layers=1, dim=32, hidden_dim=64, n_heads=2) if small else dict(n_layers=layers)
    return DistilBertForSequenceClassification(DistilBertConfig(vocab_size=N_IDS, **sizes))


class Recurrent(torch.nn.Module):
    """Embedding, one recurrent layer, its last (or mean) state, a linear layer."""

    def __init__(self, kind, hidden, both):
        super().__init__()
        self.embedding = torch.nn.Embedding(N_IDS, 128)
        layer = torch.nn.GRU if kind == 'gru' else torch.nn.LSTM
        self.layer = layer(128, hidden, batch_first=True, bidirectional=both)
        self.out = torch.nn.Linear(hidden * (2 if both else 1), 2)

    def forward(self, input_ids, labels=None):
        states, _ = self.layer(self.embedding(input_ids))
        logits = self.out(states[:, -1])
        loss = torch.nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return {'logits': logits, 'loss': loss}


# name, our model and its options, PyTorch's, rows, length, forward or train
CASES = [
    ('bert_base', 'bert', [], lambda: encoder(12, True), 64, 128, 'forward'),
    ('distilbert', 'distilbert', [], lambda: encoder(6, False), 64, 128, 'forward'),
    ('bert_base', 'bert', [], lambda: encoder(12, True), 32, 256, 'train'),
    ('distilbert', 'distilbert', [], lambda: encoder(6, False), 32, 256, 'train'),
    ('bert_base', 'bert', [], lambda: encoder(12, True), 1, 128, 'forward'),
    ('gru', 'gru', ['embedding=128', 'hidden=256'], lambda: Recurrent('gru', 256, False), 32, 256, 'train'),
    ('bilstm', 'bilstm', ['embedding=128', 'hidden=256'], lambda: Recurrent('lstm', 256, True), 32, 256, 'train'),
]


def rehearsed(case):
    """The same case with few and short rows, encoders of one narrow layer."""
    name, model, options, make, rows, _, what = case
    return name, model, options or SMALL, make, min(rows, 2), 8, what


class Ours:
    def __init__(self, program, case):
        _, model, options, _, rows, length, self.what = case
        self.child = subprocess.Popen([program, 'cudnn', model, 'bf16', str(rows), str(length), *options],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env=dict(os.environ, LD_LIBRARY_PATH=os.environ.get(
                                          'BENCH_LIBRARY_PATH', os.environ.get('LD_LIBRARY_PATH', ''))))

    def block(self, steps):
        self.child.stdin.write(f'{self.what} {steps}\n')
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        try:
            return float(answer) / steps
        except ValueError:
            raise SystemExit(f'bench_gpu: {answer}{self.child.stdout.read()}') from None

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def synchronize():
    if DEVICE == 'cuda':
        torch.cuda.synchronize()


class Torch:
    def __init__(self, case, compiled):
        _, _, _, make, rows, length, what = case
        torch.manual_seed(1)
        self.train = what == 'train'
        self.model = make().to(DEVICE)
        self.model.train(self.train)
        mode = 'reduce-overhead' if rows == 1 and not self.train else 'default'
        self.step_model = torch.compile(self.model, mode=mode) if compiled else self.model
        self.ids = (torch.arange(rows * length, device=DEVICE) % N_IDS).reshape(rows, length)
        self.labels = (torch.arange(rows, device=DEVICE) * 7 + 1) % 2
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-6, fused=True)

    def step(self):
        with torch.autocast(DEVICE, torch.bfloat16):
            if not self.train:
                with torch.no_grad():
                    return self.step_model(input_ids=self.ids)
            out = self.step_model(input_ids=self.ids, labels=self.labels)
        out['loss'].backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return None

    def block(self, steps):
        synchronize()
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        synchronize()
        return (time.perf_counter() - start) / steps


def measure(program, case, compiled, seconds):
    ours, theirs = Ours(program, case), Torch(case, compiled)
    runs = {}
    for name, runner in (('ours', ours), ('torch', theirs)):
        runner.block(3)  # warm-up: plans, captures, compilation
        steps = max(3, int(seconds / BLOCKS / max(runner.block(3), 1e-5)))
        runs[name] = (runner, steps, [])
    for _ in range(BLOCKS):
        for runner, steps, times in runs.values():
            times.append(runner.block(steps) * 1e3)
    ours.close()
    median = {name: statistics.median(times) for name, (_, _, times) in runs.items()}
    return {'case': case[0], 'what': case[6], 'rows': case[4], 'length': case[5],
            'torch_mode': 'compile' if compiled else 'eager', 'ours_ms': median['ours'],
            'torch_ms': median['torch'], 'torch_over_ours': median['torch'] / median['ours'],
            'ours_all_ms': runs['ours'][2], 'torch_all_ms': runs['torch'][2]}


def main():
    global DEVICE
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('--seconds', type=float, default=4)
    parser.add_argument('--mode', choices=('eager', 'compile'), default='eager')
    parser.add_argument('--what', choices=('forward', 'train', 'all'), default='all')
    parser.add_argument('--rehearse', action='store_true')
    arguments = parser.parse_args()
    compiled = arguments.mode == 'compile'
    failed = False
    if arguments.rehearse:
        DEVICE, arguments.seconds = 'cpu', 0
    gpu = torch.cuda.get_device_name(0) if DEVICE == 'cuda' else 'none, a rehearsal'
    print(json.dumps({'gpu': gpu, 'torch': torch.__version__,
                      'cudnn': torch.backends.cudnn.version()}), flush=True)
    for case in CASES:
        if arguments.what not in ('all', case[6]) or (compiled and case[0] in ('gru', 'bilstm')):
            continue  # torch.compile leaves cuDNN's recurrence as it is
        try:
            print(json.dumps(measure(arguments.program, rehearsed(case) if arguments.rehearse else case, compiled,
                                     arguments.seconds)), flush=True)
        except (RuntimeError, OSError, SystemExit) as failure:
            failed = True
            print(json.dumps({'case': case[0], 'what': case[6], 'error': str(failure)[:2000]}), flush=True)
    return int(failed)


if __name__ == '__main__':
    raise SystemExit(main())
