"""Caches that forgive: one that is away is one that holds nothing. Pages become slower, never errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.cache.backends import db, redis
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections, transaction
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

#: What a cache raises when it is not there; a readiness check wants to know.
AWAY = (DatabaseError, InterfaceError, RedisError, OSError)


class State:
    """Whether this process has said already that the cache is away: once is enough."""

    away = False


class Forgiving:
    def ask(self) -> None:
        """Like any other question, but not forgiven."""
        super().get_many(["readiness"])

    def _guard(self) -> AbstractContextManager[object]:
        return nullcontext()

    def _try(self, otherwise: Any, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            with self._guard():
                result = operation(*args, **kwargs)
        except AWAY as error:
            if not State.away:
                State.away = True
                # The kind alone: a message may quote the address, and that holds a password.
                log.error("the cache does not answer (%s); going on without it", type(error).__name__)
            return otherwise
        # Only an answer proves anything: Django's database cache lets a failed write pass in silence.
        if State.away and operation.__name__ in {"get", "get_many"}:
            State.away = False
            log.warning("the cache answers again")
        return result

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._try(default, super().get, key, default, version=version)

    def get_many(self, keys: Any, version: int | None = None) -> dict[str, Any]:
        return self._try({}, super().get_many, keys, version=version)

    def set(self, key: str, value: Any, *args: Any, **kwargs: Any) -> None:
        self._try(None, super().set, key, value, *args, **kwargs)

    def set_many(self, data: dict[str, Any], *args: Any, **kwargs: Any) -> list[str]:
        return self._try(list(data), super().set_many, data, *args, **kwargs)

    def add(self, key: str, value: Any, *args: Any, **kwargs: Any) -> bool:
        return self._try(False, super().add, key, value, *args, **kwargs)

    def touch(self, key: str, *args: Any, **kwargs: Any) -> bool:
        return self._try(False, super().touch, key, *args, **kwargs)

    def delete(self, key: str, version: int | None = None) -> bool:
        return self._try(False, super().delete, key, version=version)

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        self._try(None, super().delete_many, keys, version=version)

    def has_key(self, key: str, version: int | None = None) -> bool:
        return self._try(False, super().has_key, key, version=version)

    def clear(self) -> None:
        self._try(None, super().clear)


class DatabaseCache(Forgiving, db.DatabaseCache):
    get = db.DatabaseCache.get  # asks `get_many`, which forgives

    def _guard(self) -> AbstractContextManager[object]:
        # In the middle of somebody's transaction a statement that fails would spoil theirs.
        return transaction.atomic() if connections[DEFAULT_DB_ALIAS].in_atomic_block else nullcontext()


class RedisCache(Forgiving, redis.RedisCache):
    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        # One more try finds a restarted server; waiting for one that is away would keep the reader waiting.
        options = {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": Retry(NoBackoff(), 1)}
        super().__init__(server, params | {"OPTIONS": options | params.get("OPTIONS", {})})
