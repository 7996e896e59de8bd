"""A backend for tests: knows the encoders by heart, runs the fusion network, breaks where told to."""

from __future__ import annotations

from core.backends.onnx import OnnxNetwork


class FakeBackend:
    """Cheap: its artifacts are small files, and only the small fusion network is really run."""

    name = "fake"
    precisions = ("fp32", "bf16")
    reduced = False
    runs = "artifact"
    suffix = ".fake"

    def __init__(self, export, cases):
        self._export = export
        self._cases = cases
        self.missing = None
        self.machine = {"gpu": "Card A", "library": "1.0"}
        self.lowering = self.loading = None  # an error to raise
        self.wrapped = lambda network, run: run
        self.lowered, self.loaded = [], []

    def probe(self):
        return self.missing

    def identity(self):
        return dict(self.machine)

    def lower(self, source, network, precision, path):
        self.lowered.append((network, precision))
        if self.lowering is not None:
            raise self.lowering
        path.write_bytes(network.encode() * 500)

    def load(self, path, network, precision, threads):
        self.loaded.append((network, precision, threads))
        if self.loading is not None:
            raise self.loading
        if network == "fusion":
            return self.wrapped(network, OnnxNetwork(self._export / "fusion.onnx", threads))
        return self.wrapped(network, self._by_heart(network))

    def _by_heart(self, network):
        answers = {
            tuple(x.tobytes() for x in case.inputs): list(case.outputs) for case in self._cases[network]
        }
        return lambda *inputs: answers[tuple(x.tobytes() for x in inputs)]


def ignores_masks(network, run):
    """What a lowering does that drops the mask of the fusion network."""
    if network != "fusion":
        return run
    return lambda *inputs: run(*inputs[:6], *(mask | True for mask in inputs[6:]))
