"""The steps of a playbook as a picture: boxes by the order in which they can run, lines where one needs another."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from playbooks_app.choices import StepStatus
from playbooks_app.models import StepRun
from playbooks_app.spec import graph
from playbooks_app.spec.schema import Playbook, Step

WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 240, 50, 28, 34, 8
NAME = 26
#: Statuses after which the steps behind go on.
PASSED = frozenset({StepStatus.COMPLETED, StepStatus.SIMULATED, StepStatus.SKIPPED})


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A step at its place. `run` is None where only the playbook is drawn."""

    step: Step
    run: StepRun | None
    x: int
    y: int

    @property
    def name(self) -> str:
        """The step's name, as much of it as the box holds."""
        title = self.step.title
        return title if len(title) <= NAME else f"{title[: NAME - 1]}…"

    @property
    def status(self) -> str:
        """The status word."""
        return self.run.status if self.run else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """From a step to one that needs it. `label` is the branch that leads there, `taken` whether the way was gone."""

    path: str
    label: str
    x: int
    y: int
    taken: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """Boxes and lines on a canvas."""

    boxes: Sequence[Box]
    lines: Sequence[Line]
    width: int
    height: int


def picture(playbook: Playbook, runs: Mapping[str, StepRun]) -> Picture:
    """Return a playbook's steps with how they stand in one execution; `runs` by the step's id, empty where none ran."""
    layers = _layers(playbook.steps)
    widest = max(len(layer) for layer in layers)
    width = widest * WIDTH + (widest - 1) * ACROSS + 2 * EDGE
    boxes: dict[str, Box] = {}
    for depth, layer in enumerate(layers):
        free = width - len(layer) * WIDTH - (len(layer) - 1) * ACROSS
        for place, step in enumerate(layer):
            x, y = free // 2 + place * (WIDTH + ACROSS), EDGE + depth * (HEIGHT + DOWN)
            boxes[step.id] = Box(step, runs.get(step.id), x, y)
    lines = [_line(boxes[need], boxes[step.id]) for step in playbook.steps for need in _direct(playbook.steps)[step.id]]
    return Picture(list(boxes.values()), lines, width, len(layers) * (HEIGHT + DOWN) - DOWN + 2 * EDGE)


def _layers(steps: Sequence[Step]) -> list[list[Step]]:
    """Return the steps by how many must have ended before them, one after the other."""
    depths: dict[str, int] = {}
    above = graph.upstream({step.id: step.needs for step in steps})
    for step in sorted(steps, key=lambda step: len(above[step.id])):
        depths[step.id] = 1 + max((depths.get(need, -1) for need in step.needs), default=-1)
    found: list[list[Step]] = [[] for _ in range(max(depths.values()) + 1)]
    for step in steps:
        found[depths[step.id]].append(step)
    return found


def _direct(steps: Sequence[Step]) -> dict[str, list[str]]:
    """Return what each step needs, without what another of its needs waits for already."""
    above = graph.upstream({step.id: step.needs for step in steps})
    return {step.id: [need for need in step.needs if not any(need in above[other] for other in step.needs)] for step in steps}


def _line(start: Box, end: Box) -> Line:
    x1, y1, x2, y2 = start.x + WIDTH // 2, start.y + HEIGHT, end.x + WIDTH // 2, end.y
    # A line that passes other rows swings out beside them.
    swing = 0 if y2 - y1 <= DOWN else (WIDTH // 2 + ACROSS // 2) * (1 if x2 >= x1 else -1)
    bend = max(DOWN // 2, (y2 - y1) // 3)
    path = f"M{x1},{y1} C{x1 + swing},{y1 + bend} {x2 + swing},{y2 - bend} {x2},{y2}"
    label = next((name for name, branch in start.step.branches.items() if end.step.id in branch), "")
    ended = start.run is not None and start.run.status in PASSED
    chosen = not label or (start.run is not None and start.run.decision == label)
    return Line(path, label, (x1 + x2) // 2 + swing, (y1 + y2) // 2 + 4, ended and chosen)


def runs_by_step(steps: Sequence[Any]) -> dict[str, StepRun]:
    """Return the runs of whole steps by their ids, without iterations and undos."""
    return {run.step_id: run for run in steps if run.undo_of_id is None and run.iteration_of_id is None}
