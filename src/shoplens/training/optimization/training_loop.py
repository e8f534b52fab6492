"""A course of training, whatever is trained: steps, learning rates, checkpoints, and the best of what it has been.

It can be killed at any moment: the next run goes on from the last checkpoint and ends with the same numbers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.training.optimization.losses import EXTRA

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, int, int], None]
WATCH_EVERY, WARM_UP = 50, 0.1
LOOK, CLASSIFIER = "look", "classifier"
"""Kinds of trainings: what the names of their checkpoints begin with."""


class Trainable(Protocol):
    """What is trained; a plug-in says what a step's loss is."""

    @property
    def module(self) -> torch.nn.Module:
        """Holds everything that is learned."""

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups of AdamW, each with its ``weight_decay`` and, as ``lr``, its highest learning rate."""

    def loss(self, step: int) -> torch.Tensor:
        """The loss of the batch of a step; the same batch for the same step."""


@dataclass(frozen=True, slots=True)
class Course:
    """What goes on beside the training.

    Attributes:
        last: step to end with; all steps when 0.
        deadline: seconds of :func:`time.monotonic` from which on no further step is made.
        checkpoint: file to go on from; None keeps none.
        every: steps from one look (and checkpoint) to the next.
        progress: told of every step.
        name: what it is told.
        threads: for torch.
    """

    last: int = 0
    deadline: float = float("inf")
    checkpoint: Path | None = None
    every: int = WATCH_EVERY
    progress: Progress = lambda what, done, total: None
    name: str = "Training"
    threads: int = 0


@dataclass(slots=True)
class Outcome:
    """What a course came to; the learner's module is as it was best.

    Attributes:
        step: when that was: the steps that it learned.
        history: (step, loss, score), of every time it was looked at.
        losses: of the last steps.
    """

    step: int = 0
    history: list[tuple[int, float, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)


def taught(learner: Trainable, steps: int, course: Course, score: Callable[[], float] | None = None) -> Outcome:
    """Train it.

    Args:
        steps: of the whole course of the learning rate, which rises for a tenth of them and then falls to nothing.
        score: how good the module is as it is, in [0, 1], bigger is better; the best is what is kept. None keeps
            the last.

    Raises:
        InvalidValue: ``no-torch``, the extra is not installed.
    """
    state = _State(learner, steps, torch_module(course.threads))
    if course.checkpoint is not None:
        state.read(course.checkpoint)
    last = min(course.last or steps, steps)
    while state.step < last and time.monotonic() < course.deadline:
        state.learn()
        course.progress(course.name, state.step, last)
        if state.step % course.every == 0 or state.step == last:
            if score is not None:
                state.look(score)
            if course.checkpoint is not None:
                state.write(course.checkpoint)
    return state.finish(score is not None)


def torch_module(threads: int = 0) -> Any:
    """Torch.

    Raises:
        InvalidValue: ``no-torch``.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise InvalidValue("Training needs torch.", f"Install it: {EXTRA}.", code="no-torch") from None
    if threads:
        torch.set_num_threads(threads)
    return torch


class _State:
    """A course under way: everything that a checkpoint holds."""

    def __init__(self, learner: Trainable, steps: int, torch: Any) -> None:
        self._torch, self._learner = torch, learner
        groups = learner.groups()
        self._optimizer = torch.optim.AdamW(groups)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, [group["lr"] for group in groups], total_steps=steps + 1, pct_start=WARM_UP
        )
        self.step = 0
        self._outcome = Outcome()
        self._best: dict[str, Any] = {}
        self._best_score = -1.0

    def learn(self) -> None:
        loss = self._learner.loss(self.step)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()
        self.step += 1
        self._outcome.losses = [*self._outcome.losses[1 - WATCH_EVERY :], float(loss.detach())]

    def look(self, score: Callable[[], float]) -> None:
        """Score what there is, and keep it if it was never better."""
        found = score()
        self._outcome.history.append((self.step, float(np.mean(self._outcome.losses)), found))
        if found > self._best_score:
            self._best_score, self._best, self._outcome.step = found, self._copy(), self.step

    def finish(self, watched: bool) -> Outcome:
        if watched and self._best:
            self._learner.module.load_state_dict(self._best)
        else:
            self._outcome.step = self.step
        return self._outcome

    def _copy(self) -> dict[str, Any]:
        return {name: value.detach().clone() for name, value in self._learner.module.state_dict().items()}

    def read(self, file: Path) -> None:
        """Go on from a checkpoint, if there is one that can be read."""
        try:
            told: Mapping[str, Any] = self._torch.load(file, weights_only=True)
            self._learner.module.load_state_dict(told["module"])
            self._optimizer.load_state_dict(told["optimizer"])
            self._schedule.load_state_dict(told["schedule"])
            self._best, self._best_score = told["best"], told["best_score"]
            history = [tuple(one) for one in told["history"]]
            self._outcome, self.step = Outcome(told["best_step"], history, told["losses"]), told["step"]
        except FileNotFoundError:
            return
        except Exception:  # torch raises what it likes; half a file is begun anew, which loses a minute
            file.unlink()

    def write(self, file: Path) -> None:
        new = file.with_name(file.name + ".new")
        told = {
            "module": self._learner.module.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "best": self._best,
            "best_score": self._best_score,
            "best_step": self._outcome.step,
            "history": [list(one) for one in self._outcome.history],
            "losses": self._outcome.losses,
            "step": self.step,
        }
        with new.open("wb") as opened:
            self._torch.save(told, opened)
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(file)
