"""The training loop: rounds of new wafer maps, and a state on disk after each, so that an interruption costs a round."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from data import TRAIN_SEED, batches, workers
from model import KERAS, SIDE, build, keras


@dataclass(frozen=True)
class Plan:
    """seed: of the first weights. wafers: in all. round: wafers between two states. warm_up: share of the steps in
    which the rate rises to its highest; then it falls to 0 along a cosine, so the last weights are the ones to keep."""

    seed: int
    wafers: int
    batch: int
    round: int
    rate: float
    warm_up: float

    @property
    def steps(self) -> int:
        return -(-self.wafers // self.batch)


def train(variant: str, plan: Plan, path: Path, progress: Callable) -> Iterator[tuple[int, float, float]]:
    """Yields (wafers seen, loss, accuracy on the maps of that round, all new) after each round; state goes to `path`.

    progress: called with completed=<wafers seen>. Raises SystemExit where the state on disk is of another plan or Keras.
    """
    state = _read(path, plan)
    keras.utils.set_random_seed(plan.seed)
    model = build(variant=variant)
    trainer = on_bytes(model)
    warm = round(plan.steps * plan.warm_up)
    rate = keras.optimizers.schedules.CosineDecay(0.0, plan.steps - warm, warmup_target=plan.rate, warmup_steps=warm)
    optimizer = keras.optimizers.Adam(rate, beta_2=0.99, clipnorm=1.0)
    trainer.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(trainer.trainable_variables)
    done = 0
    if state:
        model.set_weights(_numbered(state, "weight"))
        for variable, value in zip(optimizer.variables, _numbered(state, "optimizer")):
            variable.assign(value)
        done = int(state["done"])
    per_round = max(1, plan.round // plan.batch)
    with workers() as pool:
        while done < plan.steps:
            steps = min(per_round, plan.steps - done)
            source = batches(pool, TRAIN_SEED, done * plan.batch, steps * plan.batch, plan.batch)
            told = keras.callbacks.LambdaCallback(
                on_batch_end=lambda n, logs, done=done: progress(
                    completed=min(plan.wafers, (done + n + 1) * plan.batch)
                )
            )
            history = trainer.fit(source, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[told]).history
            done += steps
            _save(path, model, optimizer, plan, done)
            yield min(plan.wafers, done * plan.batch), history["loss"][0], history["accuracy"][0]


def on_bytes(model):
    """The model behind a division by 16, so that a map travels to the device in a byte a pixel."""
    levels = keras.layers.Input((SIDE, SIDE, 1), dtype="uint8")
    return keras.Model(levels, model(keras.layers.Rescaling(1 / 16)(levels)))


def load_weights(path: Path) -> list[np.ndarray]:
    """The weights of a state, in the order of Keras's set_weights, which is the same in Keras 2 and 3."""
    with np.load(path, allow_pickle=False) as state:
        return _numbered(state, "weight")


def _numbered(state, name: str) -> list[np.ndarray]:
    return [state[f"{name}{n}"] for n in range(sum(key.startswith(name) for key in state))]


def _about(plan: Plan) -> str:
    return json.dumps(asdict(plan) | {"keras": KERAS})


def _read(path: Path, plan: Plan) -> dict[str, np.ndarray]:
    """What is kept at that path; nothing where no training has been."""
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as state:
        about = str(state["plan"])
        if about != _about(plan):
            raise SystemExit(
                f"error: {path} was trained otherwise ({about}); delete it, or give another folder with -o"
            )
        return dict(state)


def _save(path: Path, model, optimizer, plan: Plan, done: int) -> None:
    """Whole or not at all: under another name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"weight{n}": value for n, value in enumerate(model.get_weights())}
    arrays |= {f"optimizer{n}": np.asarray(variable) for n, variable in enumerate(optimizer.variables)}
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, plan=_about(plan), done=done, **arrays)
    os.replace(part, path)
