"""The live program on ONNX Runtime: the fast CPU engine, without torch."""

import os
from pathlib import Path
from typing import Any

from engine.errors import EngineUnavailable
from engine.musse.manifest import MeasuredErrors, model_hash, read_manifest
from engine.musse.program_io import HASH, INPUTS, OUTPUTS, PROGRAM_VERSION, VERSION, LiveOutputs
from engine.spec import FloatArray


def silent_onnxruntime() -> Any:
    """The module `onnxruntime`, which sends nothing about its use. Raises EngineUnavailable without it."""
    # its packages look up Microsoft's telemetry server and keep a device's number in the user's cache; its
    # own disable_telemetry_events() comes too late for both
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineUnavailable("engine 'onnx' needs ONNX Runtime: pip install onnxruntime") from error
    return onnxruntime


class OnnxRuntime:
    """ONNX Runtime on the CPU. Any thread, several at the same time.

    `program` holds its weights. Where they also lie beside it as .safetensors with a manifest, both must be
    the same ones; without these, the common-mode fraction of errors is unknown and counts as 1.
    Raises EngineUnavailable.
    """

    name = "onnx"
    at_once = True
    precision = "float32"

    def __init__(self, program: Path, threads: int = 1) -> None:
        onnxruntime = silent_onnxruntime()
        if not program.is_file():
            raise EngineUnavailable(
                f"no program {program}: engine 'onnx' runs an exported network; "
                "for weights that have none use engine eager"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the cores too
        try:
            self._session: Any = onnxruntime.InferenceSession(
                program, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has an exception class for every cause, none shared
            cause = " ".join(str(error).split())  # one line
            raise EngineUnavailable(f"program {program} cannot be run: {cause}; export it again") from error
        names = tuple(entry.name for entry in self._session.get_inputs())
        about = self._session.get_modelmeta().custom_metadata_map
        weights_hash: str = about.get(HASH, "")
        if names != INPUTS or not weights_hash or about.get(VERSION) != str(PROGRAM_VERSION):
            raise EngineUnavailable(f"program {program} is no live network of this version: export it again")
        weights = program.with_suffix(".safetensors")
        self.model_hash = model_hash(weights_hash)
        self.errors = MeasuredErrors()
        if weights.is_file():
            manifest = read_manifest(weights)
            if manifest.sha256 != weights_hash:
                raise EngineUnavailable(
                    f"program {program} was not exported from {weights.name} beside it: export it again"
                )
            self.errors = manifest.errors

    def run(self, inputs: tuple[FloatArray, ...]) -> LiveOutputs[FloatArray]:
        """See `engine.musse.estimator.Runtime`."""
        return LiveOutputs(*self._session.run(OUTPUTS, dict(zip(INPUTS, inputs, strict=True))))
