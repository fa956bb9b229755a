# SPDX-License-Identifier: MIT
"""The child's side of the pipe protocol of assay's model `external` (docs/external.md), version 1.

    class Model(assay_adapter.Model):
        def __init__(self, hello): ...                  # import libraries here, not above
        def train_step(self, batch, step): ...          # -> loss, or NaN
        def predict(self, batch): ...                   # -> float32 [n_rows, n_classes] with a buffer

    assay_adapter.serve(Model)

Only the standard library is needed. Standard output belongs to the protocol: what a library prints goes to
standard error, which assay writes to the cell's log.
"""
import os
import struct
import sys
import traceback
import types

MAGIC, VERSION = b"ASSAYEXT", 1
HELLO, TRAIN_STEP, PREDICT, KEEP, RESTORE, FINISH = range(1, 7)
READY, LOSS, LOGITS, DONE, ERROR = range(0x101, 0x106)
CAN_TRAIN, CAN_KEEP = 1, 2
HAS_LABELS, LAST_OF_EPOCH = 1, 2
INVALID_ARGUMENT, OUT_OF_MEMORY, UNSUPPORTED, UNAVAILABLE, INTERNAL = 1, 2, 4, 5, 14
MOST_TEXT, MOST_FRAME = 1024, 1 << 33


class Model:
    """What an adapter derives from: an untrainable model without parameters."""

    n_parameters = -1
    libraries = ""
    can_train = True

    def train_step(self, batch, step):
        raise NotImplementedError

    def predict(self, batch):
        raise NotImplementedError

    def state(self):
        """Everything that training changes, copied; None: nothing."""
        return None

    def set_state(self, state):
        """Back to what state() gave; it may be asked for again."""


class Refusal(Exception):
    """Ends the model with a status: Refusal(assay_adapter.UNSUPPORTED, "why")."""


class Batch:
    """Rows packed one after the other: row i has ids[offsets[i]:offsets[i + 1]]. All are memoryviews."""

    def __init__(self, payload, head):
        _, _, _, self.n_rows, self.n_tokens, flags = head
        view, at = memoryview(payload), 32
        parts = []
        for code, n in (("Q", self.n_rows), ("i", self.n_rows + 1), ("i", self.n_tokens),
                        ("i", self.n_rows if flags & HAS_LABELS else 0)):
            size = n * (8 if code == "Q" else 4)
            parts.append(view[at:at + size].cast(code))
            at += size
        if at != len(payload):
            raise ValueError(f"a batch of {len(payload)} bytes; expected {at}")
        self.row_keys, self.offsets, self.ids, self.labels = parts
        self.last_of_epoch = bool(flags & LAST_OF_EPOCH)


def settings_of(text):
    """"a=1 b=x" as a dictionary of strings."""
    words = [word.partition("=") for word in text.split()]
    for name, equals, _ in words:
        if not equals:
            raise Refusal(INVALID_ARGUMENT, f"options.settings: {name!r} is no NAME=VALUE")
    return {name: value for name, _, value in words}


class Pipes:
    def __init__(self):
        self.source = os.fdopen(os.dup(0), "rb", buffering=0)
        self.sink = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)

    def read(self, n):
        data = bytearray(n)
        view = memoryview(data)
        while n:
            got = self.source.readinto(view[-n:])
            if not got:
                sys.exit(0)  # assay is gone
            n -= got
        return data

    def frame(self):
        kind, _, length = struct.unpack("<IIQ", self.read(16))
        if length > MOST_FRAME:
            raise ValueError(f"a frame of {length} bytes")
        return kind, self.read(length)

    def send(self, kind, payload=b"", before=b""):
        data = before + struct.pack("<IIQ", kind, 0, len(payload)) + payload
        while data:
            data = data[self.sink.write(data):]


def say_hello(pipes):
    magic, version, _ = struct.unpack("<8sII", pipes.read(16))
    kind, payload = pipes.frame()
    if magic != MAGIC or version != VERSION or kind != HELLO:
        sys.exit("this program is started by assay's model external")
    fields = struct.unpack_from("<IIQQQIIII", payload)
    n_weights = fields[6]
    texts = payload[48:].decode()
    weights = payload[48:48 + n_weights].decode()
    names = ("n_classes", "threads", "vocab_size", "max_tokens", "seed")
    hello = types.SimpleNamespace(**dict(zip(names, fields)))
    hello.weights, hello.settings = weights, texts[len(weights):]
    return hello


def answer(model, kept, kind, payload, n_classes):
    """The reply to one request, and the kept state after it."""
    if kind == KEEP:
        return DONE, b"", model.state()
    if kind == RESTORE:
        model.set_state(kept)
        return DONE, b"", kept
    head = struct.unpack_from("<dqiiiI", payload)
    batch = Batch(payload, head)
    if kind == TRAIN_STEP:
        step = types.SimpleNamespace(learning_rate=head[0], step=head[1], epoch=head[2])
        return LOSS, struct.pack("<d", model.train_step(batch, step)), kept
    if kind == PREDICT:
        logits = memoryview(model.predict(batch)).cast("B")
        if len(logits) != 4 * batch.n_rows * n_classes:
            raise ValueError(f"{len(logits)} bytes of logits for {batch.n_rows} rows")
        return LOGITS, bytes(logits), kept
    raise ValueError(f"request {kind} is none of the protocol")


def status_of(problem):
    if isinstance(problem, Refusal):
        return problem.args
    name = f"{type(problem).__name__}: {problem}"
    if isinstance(problem, ImportError):
        return UNAVAILABLE, name
    return OUT_OF_MEMORY if isinstance(problem, MemoryError) else INTERNAL, name


def serve(make_model):
    """Speaks the protocol until FINISH. `make_model` is called with the contents of HELLO."""
    pipes = Pipes()
    hello = say_hello(pipes)
    greeting = struct.pack("<8sII", MAGIC, VERSION, 0)
    kept = None
    try:
        model = make_model(hello)
        text = model.libraries.encode()[:MOST_TEXT]
        can = CAN_KEEP | (CAN_TRAIN if model.can_train else 0)
        ready = struct.pack("<qII", model.n_parameters, can, len(text)) + text
        pipes.send(READY, ready, greeting)
        greeting = b""
        while True:
            kind, payload = pipes.frame()
            if kind == FINISH:
                return
            reply, content, kept = answer(model, kept, kind, payload, hello.n_classes)
            pipes.send(reply, content)
    except Exception as problem:  # whatever it is, the cell's record shall name it
        status, text = status_of(problem)
        if status == OUT_OF_MEMORY:
            problem.__traceback__ = None  # what its frames hold is needed now
        else:
            traceback.print_exc()
        pipes.send(ERROR, struct.pack("<I", status) + text.encode()[:MOST_TEXT], greeting)
        sys.exit(1)
