"""Run by an interpreter that has QKeras: what its quantizers make of a list of cases.

python qkeras_results.py CASES.npz RESULTS.npz

CASES: `cases`, JSON [[class name, parameters], ...], and float32 arrays x0, x1, ...
RESULTS: y0, y1, ... and `configs`, the JSON of each quantizer's own get_config().
"""

import importlib.util
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# Newer TensorFlow needs tf-keras for QKeras 0.9; TensorFlow 2.15 brings Keras 2 itself and must not look for it.
os.environ["TF_USE_LEGACY_KERAS"] = "1" if importlib.util.find_spec("tf_keras") else "0"


def main(source: str, target: str) -> None:
    import numpy as np
    import tensorflow as tf
    from qkeras import quantizers

    given = np.load(source)
    results, configs = {}, []
    for k, (name, parameters) in enumerate(json.loads(str(given["cases"]))):
        x = tf.constant(given[f"x{k}"])
        if not isinstance(parameters, dict):
            quantizer = quantizers.get_quantizer(name)
            configs.append(None)
        else:
            quantizer = getattr(quantizers, name).from_config(dict(parameters))
            configs.append(quantizer.get_config())
        results[f"y{k}"] = np.asarray(quantizer(x), dtype=np.float32)
    np.savez(target, configs=json.dumps(configs, default=lambda v: np.asarray(v).tolist()), **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
