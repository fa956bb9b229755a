# SPDX-License-Identifier: MIT
"""A program for assay's model `external` that misbehaves as its argument says; `fine` learns which class is the
most frequent. Standard library only."""
import array
import os
import pathlib
import signal
import subprocess
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "plugins/models/external/adapters"))
import assay_adapter as adapter  # noqa: E402

how = sys.argv[1]


def raw(data):
    """Past the protocol, on the pipe itself."""
    pipe = max(int(fd) for fd in os.listdir("/proc/self/fd") if is_pipe_to_host(int(fd)))
    os.write(pipe, data)


def is_pipe_to_host(fd):
    try:
        return fd > 2 and os.readlink(f"/proc/self/fd/{fd}") == sink
    except OSError:
        return False


sink = os.readlink("/proc/self/fd/1")


class Majority(adapter.Model):
    n_parameters = 2
    libraries = "a \x01 test"
    can_train = how != "predicts_only"

    def __init__(self, hello):
        self.n_classes = hello.n_classes
        self.counts = [0] * hello.n_classes
        self.n_steps = 0
        self.n_predictions = 0
        self.threads = hello.threads
        if how == "environment":
            print(sorted(os.environ), sorted(os.listdir("/proc/self/fd")), file=sys.stderr)
            print("settings", hello.settings, "weights", hello.weights, "rest", sys.argv[2:], file=sys.stderr)
        if how == "unavailable":
            import no_such_module_anywhere  # noqa: F401
        if how == "refuses":
            raise adapter.Refusal(adapter.INVALID_ARGUMENT, "no such setting\nreally")
        if how == "leaves":
            subprocess.Popen(["sleep", "1000"])
        if how == "holds":
            self.block = b"x" * (96 << 20)

    def misbehave_in_block(self):
        if how == "dies_in_block":
            os._exit(9)
        if how == "hangs_in_block":
            time.sleep(1000)
        if how == "rubbish_in_block":
            raw(b"Predicting, please wait " * 10)

    def train_step(self, batch, step):
        self.n_steps += 1
        assert step.step == self.n_steps and step.epoch == 1 and len(batch.row_keys) == batch.n_rows
        assert batch.last_of_epoch == (step.step % 2 == 0)
        assert max(batch.offsets) == len(batch.ids) and min(batch.ids) >= 0
        for label in batch.labels:
            self.counts[label] += 1
        if how == "dies_in_training" and self.n_steps == 2:
            sys.exit(7)
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "hangs":
            time.sleep(1000)
        if how == "prints":
            print("a library says something")
        if how == "raises":
            raise RuntimeError("the gradient went away")
        if how == "closes_input":
            os.close(0)
            os.close(pipes.source.fileno())
            pipes.source = open("/dev/zero", "rb", buffering=0)
            pipes.send(adapter.LOSS, struct.pack("<d", 0.5))
            time.sleep(1000)
        if how == "closes_output":
            for fd in os.listdir("/proc/self/fd"):
                if is_pipe_to_host(int(fd)):
                    os.close(int(fd))
            time.sleep(1000)
        if how == "wrong_type":
            raw(struct.pack("<IIQ", adapter.LOGITS, 0, 8) + bytes(8))
        if how == "rubbish_later":
            raw(b"Epoch 1: loss 0.3 and so on\n" * 10)
        if how == "long_frame":
            raw(struct.pack("<IIQ", adapter.LOSS, 0, 1 << 60))
        if how == "long_error":
            raw(struct.pack("<IIQ", adapter.ERROR, 0, 1 << 40))
        if how == "two_replies":
            raw(struct.pack("<IIQd", adapter.LOSS, 0, 8, 0.5))
        if how == "floods":
            for _ in range(64):
                os.write(2, b"much ado\n" * 8192)
        blocks = []
        while how == "eats":
            blocks.append(b"x" * (1 << 20))
        if how == "diverges":
            return float("inf")
        return 0.5

    def predict(self, batch):
        self.n_predictions += 1
        if how.endswith("_in_block") and self.n_predictions == 7:
            self.misbehave_in_block()
        assert len(batch.labels) == 0, "labels are not told in prediction"
        total = sum(self.counts) or 1
        row = [count / total for count in self.counts]
        logits = array.array("f", row * batch.n_rows)
        if how == "nan":
            logits[0] = float("nan")
        return logits[:-1] if how == "short" else logits

    def state(self):
        return list(self.counts)

    def set_state(self, state):
        self.counts = list(state)


def main():
    global pipes
    if how == "dies":
        print("no licence found", file=sys.stderr)
        sys.exit(4)
    if how == "mute":
        time.sleep(1000)
    if how == "rubbish":
        os.write(1, b"Loading weights...\n")
        time.sleep(1000)
    if how == "other_version":
        os.write(1, struct.pack("<8sII", adapter.MAGIC, 2, 0))
        time.sleep(1000)
    make = adapter.Pipes

    def remember():
        global pipes
        pipes = make()
        return pipes

    adapter.Pipes = remember
    adapter.serve(Majority)


main()
