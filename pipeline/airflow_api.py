"""The little that is asked of a local Airflow over its REST API."""

from __future__ import annotations

import http.client
import json
from http import HTTPStatus
from typing import Any

from pipeline.airflow_home import USER
from pipeline.errors import EnvironmentProblem

POOLS = {"standpoint_model": "Tasks that hold the model in memory and keep every core busy."}


def ask(port: int, method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
    """Status and JSON of an answer of the API server on loopback.

    Raises OSError, ValueError or http.client.HTTPException where there is no such answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or "null")
    finally:
        connection.close()


def health(port: int) -> dict[str, str | None]:
    """The state of each part of Airflow, `healthy` or not; nothing while the API server does not answer."""
    try:
        _, answer = ask(port, "GET", "/api/v2/monitor/health")
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return {part: (state or {}).get("status") for part, state in answer.items()}


def sign_in(port: int, password: str) -> str:
    """A token for the API. Raises EnvironmentProblem when the password is refused."""
    status, answer = ask(port, "POST", "/auth/token", {"username": USER, "password": password})
    if status != HTTPStatus.CREATED:
        raise EnvironmentProblem(
            f"airflow: user {USER} was refused ({status}); is another server on port {port}?"
        )
    return str(answer["access_token"])


def make_pools(port: int, password: str) -> None:
    """Make the pools that are missing, of one slot; those that are there keep what their user gave them."""
    token = sign_in(port, password)
    _, there = ask(port, "GET", "/api/v2/pools?limit=1000", token=token)
    for name in POOLS.keys() - {pool["name"] for pool in there["pools"]}:
        pool = {"name": name, "slots": 1, "description": POOLS[name], "include_deferred": False}
        status, answer = ask(port, "POST", "/api/v2/pools", pool, token)
        if status != HTTPStatus.CREATED:
            raise EnvironmentProblem(f"pool {name}: the API server answered {status} {answer}")
