"""The training loop that all trainings share: steps, learning rates, checkpoints, and the best state so far.

A training can be killed at any moment: the next run continues from the last checkpoint and ends with the same numbers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.training.optimization.losses import INSTALL_COMMAND
from shoplens.types import Progress
from shoplens.types.progress import ignore_progress

if TYPE_CHECKING:
    import torch

EVALUATE_EVERY, WARM_UP = 50, 0.1
Scores = npt.NDArray[np.float64]
"""float64 (n,), the scores of n groups of validation queries, the same ones in each evaluation; bigger is better, and
their mean rates a state."""
LOOK_TRAINING, CLASSIFIER_TRAINING = "look", "classifier"
"""The kinds of training; the names of their checkpoints begin with them."""


class Trainable(Protocol):
    """A model that the training loop can train; an implementation says what the loss of a step is."""

    @property
    def module(self) -> torch.nn.Module:
        """The module that holds everything that is learned."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameter groups of AdamW, each with its ``weight_decay`` and, as ``lr``, its highest learning
        rate."""

    def loss(self, step: int) -> torch.Tensor:
        """Compute the loss of the batch of a step; the same step always has the same batch."""


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How a training loop runs.

    Attributes:
        last_step: the step to end with; 0 runs all steps.
        budget: seconds of CPU time of the thread that trains, after which no further step starts; so other processes
            that keep the machine busy take nothing of it. Where a GPU trains, they are seconds of the clock.
        checkpoint: the file to continue from and to write; None keeps no checkpoint.
        evaluate_every: number of steps between two evaluations, each with its checkpoint.
        progress: is called after every step.
        name: the name of the work that ``progress`` receives.
        threads: number of threads for torch; 0 leaves torch's own setting.
    """

    last_step: int = 0
    budget: float = float("inf")
    checkpoint: Path | None = None
    evaluate_every: int = EVALUATE_EVERY
    progress: Progress = ignore_progress
    name: str = "Training"
    threads: int = 0


@dataclass(slots=True)
class LoopResult:
    """The result of a training loop; the trained module holds its best state.

    That is the last one whose mean score is within a standard error of the difference to the best one's: where the
    groups of queries cannot tell states apart, it is the one with the lowest learning rate.

    Attributes:
        step: the step of that best state: the number of steps that it was trained for.
        history: (step, loss, score) of every evaluation.
        losses: the losses of the last steps.
        ended_early: that the budget ended the training before its last step, in words; empty if it did not.
    """

    step: int = 0
    history: list[tuple[int, float, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    ended_early: str = ""


def run_training_loop(
    learner: Trainable, steps: int, options: LoopOptions, score: Callable[[], Scores] | None = None
) -> LoopResult:
    """Train a model, and leave its module in the best state that was evaluated.

    Args:
        learner: the model.
        steps: length of the learning rate's whole schedule: it rises for a tenth of the steps, then falls to zero.
        options: how the loop runs.
        score: rates the module as it is; the best state is kept, see :class:`LoopResult`. None keeps the last one.

    Raises:
        InvalidValue: ``no-torch``, the extra is not installed.
    """
    state = _LoopState(learner, steps, import_torch(options.threads))
    if options.checkpoint is not None:
        state.load(options.checkpoint)
    last = min(options.last_step or steps, steps)
    clock = choose_clock(learner)
    end = clock() + options.budget
    while state.step < last and clock() < end:
        state.train_step()
        options.progress(options.name, state.step, last)
        if state.step % options.evaluate_every == 0 or state.step == last:
            if score is not None:
                state.evaluate(score)
            if options.checkpoint is not None:
                state.save(options.checkpoint)
    result = state.finish(scored=score is not None)
    if state.step < last:
        result.ended_early = (
            f"The budget ended a training after {state.step} of {last} steps; with a longer one (`--budget`) it may "
            "learn more."
        )
    return result


def choose_clock(learner: Trainable) -> Callable[[], float]:
    """Return what counts the seconds of a budget; see :class:`LoopOptions`."""
    on_cpu = all(one.device.type == "cpu" for one in learner.module.parameters())
    return time.thread_time if on_cpu else time.monotonic


def import_torch(threads: int = 0) -> Any:
    """Import torch.

    Args:
        threads: number of threads that torch may use; 0 leaves its own setting.

    Raises:
        InvalidValue: ``no-torch``, the extra is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise InvalidValue("Training needs torch.", f"Install it: {INSTALL_COMMAND}.", code="no-torch") from None
    if threads:
        torch.set_num_threads(threads)
    return torch


class _LoopState:
    """A training loop under way: everything that a checkpoint holds."""

    def __init__(self, learner: Trainable, steps: int, torch: Any) -> None:
        self._torch, self._learner = torch, learner
        groups = learner.parameter_groups()
        self._optimizer = torch.optim.AdamW(groups)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, [group["lr"] for group in groups], total_steps=steps + 1, pct_start=WARM_UP
        )
        self.step = 0
        self._result = LoopResult()
        self._best: dict[str, Any] = {}
        self._best_scores: Scores = np.zeros(0)

    def train_step(self) -> None:
        loss = self._learner.loss(self.step)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()
        self.step += 1
        self._result.losses = [*self._result.losses[1 - EVALUATE_EVERY :], float(loss.detach())]

    def evaluate(self, score: Callable[[], Scores]) -> None:
        """Score the module as it is, and keep its state if no earlier one was clearly better."""
        scores = score()
        self._result.history.append((self.step, float(np.mean(self._result.losses)), float(scores.mean())))
        if not len(self._best_scores) or scores.mean() > self._best_scores.mean():
            self._best_scores = scores
        lost = self._best_scores - scores
        if lost.mean() <= lost.std() / np.sqrt(len(lost)):
            self._best, self._result.step = self._copy(), self.step

    def finish(self, *, scored: bool) -> LoopResult:
        if scored and self._best:
            self._learner.module.load_state_dict(self._best)
        else:
            self._result.step = self.step
        return self._result

    def _copy(self) -> dict[str, Any]:
        return {name: value.detach().clone() for name, value in self._learner.module.state_dict().items()}

    def load(self, file: Path) -> None:
        """Continue from a checkpoint, if there is one that can be read."""
        try:
            checkpoint: Mapping[str, Any] = self._torch.load(file, weights_only=True)
            self._learner.module.load_state_dict(checkpoint["module"])
            self._optimizer.load_state_dict(checkpoint["optimizer"])
            self._schedule.load_state_dict(checkpoint["schedule"])
            self._best, self._best_scores = checkpoint["best"], np.array(checkpoint["best_scores"])
            history = [tuple(entry) for entry in checkpoint["history"]]
            self._result, self.step = (
                LoopResult(checkpoint["best_step"], history, checkpoint["losses"]),
                checkpoint["step"],
            )
        except FileNotFoundError:
            return
        except Exception:  # torch raises many types; a damaged file is dropped, and the training restarts
            file.unlink()

    def save(self, file: Path) -> None:
        new = file.with_name(file.name + ".new")
        checkpoint = {
            "module": self._learner.module.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "best": self._best,
            "best_scores": self._best_scores.tolist(),
            "best_step": self._result.step,
            "history": [list(entry) for entry in self._result.history],
            "losses": self._result.losses,
            "step": self.step,
        }
        with new.open("wb") as opened:
            self._torch.save(checkpoint, opened)
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(file)
