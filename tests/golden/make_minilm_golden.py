#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints minilm.json: the token ids and hidden states that transformers gives twenty texts with the
encoder MiniLM-L6 (the folder ASSAY_MINILM: .ci/minilm.sh fetches it), in f64, for
tests/e2e/minilm/minilm.py.

    ASSAY_MINILM=MODEL python3 make_minilm_golden.py > minilm.json    needs PyTorch, transformers

A state has 384 channels; kept of it are its products with four vectors of +-1/sqrt(384), which change
whatever channel does. Sign of channel c in vector d: bit 63 of mix64(1000 d + c + 1), 1 is minus;
mix64 as in make_curves_golden.py. "tokens": of every token's state; "pooled": of the mean and the
maximum over the tokens, of the first and of the last token's state.
"""
import json
import os
import sys

import torch
import transformers

DIRECTIONS, CHANNELS = 4, 384
TEXTS = [
    "Good.",
    "A warm, funny and quietly devastating film about two sisters who cannot forgive each other.",
    "the plot makes no sense , the jokes fall flat , and the ending is an insult to the audience .",
    "I've watched it three times, and I still don't know whether the detective was lying!",
    "Unwatchable",
    "It isn't bad; it isn't good; it is simply there, for 97 minutes, at $12.50 a ticket.",
    "Überraschend zärtlich: ein kleiner Film mit großem Herzen, façade and naïveté included.",
    "東京物語 is slow, and every minute of it is worth the wait.",
    "The antidisestablishmentarianism of the script is matched only by its floccinaucinihilipilification.",
    "one of those rare documentaries that leaves you angrier , wiser and more hopeful than before",
    "http://example.com/review?id=42 says 4/5 stars :-) but my mother walked out after 20 min...",
    "Neither the acting nor the camera work can save what is, at heart, a two-hour commercial.",
    "Stunning! Stunning! Stunning!",
    "If you liked the first part you will like this one, because it is the first part again, with "
    "louder music, a bigger budget, and a villain whose plan nobody on the set seems to have "
    "understood; the chase through the flooded library is the only scene that I would watch twice.",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z",
    "Its heart is in the right place. Its brain is not.",
    "What begins as a comedy of manners ends as a ghost story, and the turn is so gentle that you "
    "notice it only when the lights come on and you find that you have been holding your breath.",
    "No.",
    "The children are wonderful, the dog is better, and the score by a newcomer steals the show.",
    "Too long by half, too clever by a quarter, and yet I laughed until I cried.",
]


def mix64(x):
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9 % 2**64
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb % 2**64
    return x ^ (x >> 31)


def directions():
    signs = [[1 - 2 * (mix64(1000 * d + c + 1) >> 63) for c in range(CHANNELS)]
             for d in range(DIRECTIONS)]
    return torch.tensor(signs, dtype=torch.float64) / CHANNELS ** 0.5


def rounded(table):
    return [[float(f"{x:.12g}") for x in row] for row in table.tolist()]


@torch.no_grad()
def main():
    folder = os.environ.get("ASSAY_MINILM")
    if not folder:
        sys.exit("ASSAY_MINILM is not set: .ci/minilm.sh fetches that folder")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(
        folder, add_pooling_layer=False, attn_implementation="eager").double().eval()
    axes, found = directions().T, []
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        states = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        pooled = torch.stack([states.mean(0), states.max(0).values, states[0], states[-1]])
        found.append({"text": text, "ids": ids, "tokens": rounded(states @ axes),
                      "pooled": rounded(pooled @ axes)})
    json.dump({"torch": torch.__version__, "transformers": transformers.__version__,
               "texts": found}, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
