"""The training loop: seeded, resumable, over several processes, with averaged weights and a log of losses."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

log = logging.getLogger("models.train")
LOG_STEPS = 50
_KEEP = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
# glibc gives memory back after every step otherwise, and gets it again in the next


class Task(Protocol):
    """What is trained."""

    @property
    def network(self) -> nn.Module:
        """The network with what is trained of it."""
        ...

    @property
    def identity(self) -> str:
        """What a run must share with the one whose state it resumes."""
        ...

    def epoch(self, number: int) -> Sequence[Any]:
        """The batches of an epoch, in order; the same in every process."""
        ...

    def loss(self, batch: Any) -> dict[str, tuple[Tensor, float]]:
        """Of each part: its weighted loss, and the unweighted mean to report."""
        ...

    def export(self, state: dict[str, Tensor]) -> None:
        """Writes what the run is for, from the averaged weights."""
        ...


def rate(progress: float, warm_up: float) -> float:
    """Share of the top learning rate: linear warm-up, then linear decay to zero."""
    return progress / warm_up if progress < warm_up else max(0.0, (1 - progress) / (1 - warm_up))


def moved(batch: Any, device: torch.device) -> Any:
    """The batch, a dataclass, with its tensors on the device."""
    if not is_dataclass(batch) or isinstance(batch, type):
        return batch
    known = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return replace(batch, **{name: x.to(device) for name, x in known.items() if isinstance(x, Tensor)})


def optimizer(network: nn.Module, settings: dict[str, Any]) -> torch.optim.AdamW:
    """AdamW with the encoder's and the heads' rates; no decay on biases, norms and embeddings."""
    tables = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, tensor in network.named_parameters():
        if tensor.requires_grad:
            shared = name.startswith("encoder.bert")
            decays = tensor.ndim > 1 and id(tensor) not in tables
            groups.setdefault((shared, decays), []).append(tensor)
    return torch.optim.AdamW(
        [
            {
                "params": tensors,
                "top": settings["encoder_rate"] if shared else settings["head_rate"],
                "weight_decay": settings["decay"] if decays else 0.0,
            }
            for (shared, decays), tensors in groups.items()
        ],
        fused=True,
    )


class Loop:
    """One run with its state on disk: `last.pt` to resume from and `log.jsonl`, the learning curves.

    A step reads `batches` batches, shared out over the processes; each draws its random numbers from the
    place of its batch, so that neither a restart nor the number of processes changes what is trained.
    """

    def __init__(self, task: Task, settings: dict[str, Any], folder: Path, rank: int, workers: int) -> None:
        self.task, self.settings, self.folder, self.rank, self.workers = task, settings, folder, rank, workers
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        task.network.to(self.device).train()
        self.optimizer = optimizer(task.network, settings)
        self.trained = [p for p in task.network.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.trained]
        self.epoch, self.step, self.steps, self.seconds = 0, 0, 0, 0.0
        self.sums: dict[str, list[float]] = {}
        self.pieces = 0
        self._resume()
        self._forget()

    def run(self) -> None:
        """To the end of the last epoch."""
        while self.epoch < self.settings["epochs"]:
            todo = self.task.epoch(self.epoch)
            size = self.settings["batches"]
            count = len(todo) // size
            self._say("epoch %d: %d steps", self.epoch, count)
            while self.step < count:
                began = time.monotonic()
                progress = (self.epoch + self.step / count) / self.settings["epochs"]
                if progress >= 1:  # the last epoch may be a part of one
                    break
                self._step(todo[self.step * size : (self.step + 1) * size], progress)
                self._clock(time.monotonic() - began, progress)
            self.epoch, self.step = self.epoch + 1, 0
            self._save()
        if self.rank == 0:
            self.task.export(self.averaged())

    def averaged(self) -> dict[str, Tensor]:
        """The network's state with the running averages of the trained weights."""
        state = self.task.network.state_dict()
        places = {id(p): a for p, a in zip(self.trained, self.average, strict=True)}
        return state | {n: places[id(p)] for n, p in self.task.network.named_parameters() if id(p) in places}

    def _step(self, part: Sequence[Any], progress: float) -> None:
        share = rate(progress, self.settings["warm_up"])
        for group in self.optimizer.param_groups:
            group["lr"] = group["top"] * share
        for place in range(self.rank, len(part), self.workers):
            torch.manual_seed(((self.settings["seed"] * 1000 + self.epoch) * 10**5 + self.step) * 16 + place)
            with torch.autocast(self.device.type, torch.bfloat16):
                parts = self.task.loss(moved(part[place], self.device))
            if parts:  # else nothing that is known of the batch was left in it
                total = torch.stack([loss for loss, _ in parts.values()]).sum()
                (total / len(part)).backward()
            self.pieces += int(part[place].mask.sum())
            for name, (_, mean) in parts.items():
                known = self.sums.setdefault(name, [0.0, 0])
                known[0], known[1] = known[0] + mean, known[1] + 1
        self._share_gradients()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step, self.steps = self.step + 1, self.steps + 1
        keep = min(self.settings["average"], 1 - 10 / (self.steps + 9))  # at first of the last tenth
        torch._foreach_lerp_(self.average, [p.detach() for p in self.trained], 1 - keep)

    def _share_gradients(self) -> None:
        for p in self.trained:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        if self.workers > 1:
            gradients = [p.grad for p in self.trained if p.grad is not None]
            flat = torch.cat([g.flatten() for g in gradients])
            dist.all_reduce(flat)
            for gradient, ours in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
                gradient.copy_(ours.view_as(gradient))

    def _clock(self, spent: float, progress: float) -> None:
        minutes = self.settings["save_minutes"] * 60
        due = (self.seconds + spent) // minutes > self.seconds // minutes
        self.seconds += spent
        if self.steps % LOG_STEPS == 0:
            row = {"progress": round(progress, 5), "minutes": round(self.seconds / 60, 2), "step": self.steps}
            row |= {name: round(total / max(n, 1), 5) for name, (total, n) in sorted(self.sums.items())}
            row |= {"pieces": self.pieces}
            self._say("%s", json.dumps(row))
            if self.rank == 0:
                with (self.folder / "log.jsonl").open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(row) + "\n")
            self.sums, self.pieces = {}, 0
        if due:
            self._save()

    def _say(self, line: str, *values: object) -> None:
        if self.rank == 0:
            log.info(line, *values)

    def _save(self) -> None:
        if self.rank:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / "last.part"
        known: dict[str, Any] = {"network": self.task.network.state_dict()}
        known |= {"optimizer": self.optimizer.state_dict(), "average": self.average}
        known |= {"identity": self.task.identity, "epoch": self.epoch, "step": self.step, "steps": self.steps}
        known |= {"sums": self.sums, "pieces": self.pieces}
        torch.save({**known, "seconds": self.seconds}, part)
        part.replace(self.folder / "last.pt")

    def _resume(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "last.pt").exists():
            return
        known = torch.load(self.folder / "last.pt", weights_only=True, map_location=self.device)
        if known["identity"] != self.task.identity:
            raise ValueError(
                f"{self.folder} holds a run with other settings or start; name another --run, or remove it"
            )
        self.task.network.load_state_dict(known["network"])
        self.optimizer.load_state_dict(known["optimizer"])
        self.average = known["average"]
        self.epoch, self.step, self.steps = known["epoch"], known["step"], known["steps"]
        self.seconds = known["seconds"]
        self.sums, self.pieces = known.get("sums", {}), known.get("pieces", 0)
        self._say("resumed epoch %d at step %d", self.epoch, self.step)

    def _forget(self) -> None:
        """Takes what was logged after the state was saved out of the log: it will be logged again."""
        if self.rank:
            return
        path = self.folder / "log.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= self.steps]
        if len(kept) < len(lines):
            path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


def run(make: Callable[..., Task], given: Sequence[Any], settings: dict[str, Any], folder: Path) -> None:
    """Trains the task `make(*given)` with `workers` processes, or on the GPU where there is one."""
    workers = 1 if torch.cuda.is_available() else min(settings["workers"], settings["batches"])
    if workers == 1:
        return _work(0, 1, make, given, settings, folder, "")
    os.environ.update(_KEEP | dict(os.environ))
    with tempfile.TemporaryDirectory() as meeting:
        arguments = (workers, make, given, settings, folder, meeting)
        spawn(_work, arguments, workers)
    return None


def _work(
    rank: int,
    workers: int,
    make: Callable[..., Task],
    given: Sequence[Any],
    settings: dict[str, Any],
    folder: Path,
    meeting: str,
) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(settings["seed"])
    if workers > 1:
        # the processes meet on this machine only
        os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
        dist.init_process_group("gloo", init_method=f"file://{meeting}/all", rank=rank, world_size=workers)
    Loop(make(*given), settings, folder, rank, workers).run()
    if workers > 1:
        dist.destroy_process_group()
