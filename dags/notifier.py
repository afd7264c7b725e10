"""What is told when a task or a run has ended, through Airflow's notifier interface."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

MARK = "standpoint-event "


class LogNotifier(BaseNotifier):
    """Logs one line, `standpoint-event` and a JSON object, so that a log shipper can alert on it.

    Keys: `event` (the one given), `dag`, `run`, `partition` (the day, or null), `task`, `unit` (its index
    in the run, or null), `try`, `seconds`, `error` (one line, or null), `exception` (the name of its class,
    or null). Providers bring notifiers for e-mail, Slack, webhooks and others; they go beside this one
    (docs/scheduling.md).
    """

    def __init__(self, event: str) -> None:
        super().__init__()
        self.event = event

    def notify(self, context: Context) -> None:
        """Log the line: as an error when something failed."""
        line = MARK + json.dumps(self._record(context), ensure_ascii=False)
        if self.event == "failed":
            self.log.error(line)
        else:
            self.log.info(line)

    def _record(self, context: Context) -> dict[str, Any]:
        run, task = context["dag_run"], context.get("ti")
        error = context.get("exception") or context.get("reason")
        record: dict[str, Any] = {
            "event": self.event,
            "dag": run.dag_id,
            "run": run.run_id,
            "partition": run.partition_key,
            "error": " ".join(str(error).split()) if error else None,
            "exception": type(error).__name__ if isinstance(error, BaseException) else None,
        }
        if task:
            start, end = getattr(task, "start_date", None), getattr(task, "end_date", None)
            record |= {
                "task": task.task_id,
                "unit": None if task.map_index in (None, -1) else task.map_index,
                "try": task.try_number,
                "seconds": round((end - start).total_seconds(), 2) if start and end else None,
            }
        return record
