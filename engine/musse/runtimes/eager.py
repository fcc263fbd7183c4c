"""The live program in PyTorch as it stands: the form that every other runtime is compared with."""

from pathlib import Path

import torch

from engine.musse.checkpoint import load
from engine.musse.program import LiveProgram
from engine.musse.program_io import LiveOutputs
from engine.musse.runtimes.policy import with_policy
from engine.spec import POLICIES, Device, FloatArray, Policy
from engine.tracking.torch_device import torch_device


class EagerRuntime:
    """PyTorch on `device`. One thread at a time. Raises EngineUnavailable."""

    name = "eager"
    at_once = False

    def __init__(self, weights: Path, device: Device = "cpu", policy: Policy = "fp32") -> None:
        self.precision = POLICIES[policy]
        self._device = torch_device(device)
        net, manifest = load(weights)
        self.model_hash, self.errors = manifest.model_hash, manifest.errors
        self._program = with_policy(LiveProgram(net), policy).to(self._device)

    def run(self, inputs: tuple[FloatArray, ...]) -> LiveOutputs[FloatArray]:
        """See `engine.musse.estimator.Runtime`."""
        torch.get_num_threads()  # settles the number of threads of this thread before the first product
        with torch.inference_mode():
            maps = self._program(*(torch.from_numpy(values).to(self._device) for values in inputs))
            return LiveOutputs(*(values.cpu().numpy() for values in maps))
