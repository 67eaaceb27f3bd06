"""Settings that every test needs before TensorFlow is imported."""

import os

# QKeras 0.9 is on Keras 2, also where TensorFlow brings Keras 3; two cores are shared by the tests' processes.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
