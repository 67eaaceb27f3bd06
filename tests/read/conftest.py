"""The files of `keras_models`, written once a session by each QKeras."""

import warnings
from pathlib import Path

import pytest

from tests.keras3 import run_keras3
from tests.read import keras_models


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """flavour -> folder with that QKeras's models. Skips where it isn't installed."""
    folders: dict[str, Path] = {}

    def write(flavour: str) -> Path:
        if flavour not in folders:
            folder = tmp_path_factory.mktemp("models")
            if flavour == keras_models.FLAVOUR:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of Keras, about QKeras's quantizers and .h5
                    keras_models.write_all(folder)
            elif flavour == "v3":
                run_keras3(Path(keras_models.__file__), [folder], folder)
            else:
                pytest.skip("qkeras 0.9 isn't installed here")
            folders[flavour] = folder
        return folders[flavour]

    return write
