"""Which versions are loaded: watches the models' folders, loads new versions before it unloads old
ones.

The rules are TensorFlow Serving's: a new version takes over once it is loaded and warmed up; a
version that does not load is reported and the old one serves on; deleting the newest folder brings
back the one before; a folder that cannot be listed changes nothing.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tfmm.serving.server.config import ModelConfig, ModelSource, fingerprint, version_folders
from tfmm.serving.server.errors import ServingConfigError, StatusError
from tfmm.serving.server.versions.servable import Servable
from tfmm.serving.server.versions.states import ModelEvent, VersionState
from tfmm.serving.server.versions.warmup import warm_up

_log = logging.getLogger("tfmm.serving")
# A server that swaps versions for months must not list all of them in every status.
_KEPT_ENDED = 20


class ModelManager:
    """Keeps the right versions of the right models loaded.

    Args:
        source: called at each poll for the models to serve.
        poll_seconds: time between two looks at the disk.
        on_event: called, from the manager's thread, for each version loaded, failed or unloaded.
    """

    def __init__(
        self,
        source: ModelSource,
        *,
        poll_seconds: float = 1.0,
        on_event: Callable[[ModelEvent], None] | None = None,
    ):
        self._source = source
        self._poll_seconds = poll_seconds
        self._on_event = on_event
        self._changed = threading.Condition()
        self._configs: dict[str, ModelConfig] = {}
        self._loaded: dict[str, dict[int, Servable]] = {}
        self._states: dict[str, dict[int, VersionState]] = {}
        self._failed: dict[tuple[str, int], tuple[Path, object]] = {}
        self._wake = threading.Event()
        self._stopping = False
        self._polling = False
        self._polls_wanted = 1
        self._polls_done = 0
        self._thread = threading.Thread(target=self._watch, name="tfmm-models", daemon=True)

    def start(self) -> None:
        """Begin loading and watching, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and unload every version once its requests are done."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        for name in list(self._loaded):
            self._unload_all(name)

    # What requests ask

    @contextlib.contextmanager
    def lease(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[Servable]:
        """A loaded version that stays loaded inside the block: the newest unless one is named.

        Raises:
            StatusError: no such model, version or label, in TensorFlow Serving's words.
        """
        servable = self._acquire(name, version, label)
        try:
            yield servable
        finally:
            servable.release()

    def _acquire(self, name: str, version: int | None, label: str | None) -> Servable:
        if not name:
            raise StatusError("INVALID_ARGUMENT", "ModelSpec has no name specified.")
        with self._changed:
            if label is not None:
                version = self._labelled(name, label)
            versions = self._loaded.get(name, {})
            servable = versions.get(max(versions, default=-1) if version is None else version)
            if servable is None and not self._polls_done:
                # A client that asks again will find it; one that hears NOT_FOUND would give up.
                raise StatusError(
                    "UNAVAILABLE", "The server is starting: its models are not loaded yet."
                )
            if servable is None:
                wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise StatusError("NOT_FOUND", f"Servable not found for request: {wanted}")
            servable.acquire()
            return servable

    def _labelled(self, name: str, label: str) -> int:
        """The version that carries a label; `_changed` is held."""
        config = self._configs.get(name)
        if config is None or label not in config.labels:
            raise StatusError("INVALID_ARGUMENT", f"Unrecognized servable version label: {label}")
        return config.labels[label]

    def states(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> list[VersionState]:
        """The states of a model's versions, newest first, or of one of them.

        Raises:
            StatusError: no such model, version or label, in TensorFlow Serving's words.
        """
        with self._changed:
            if label is not None:
                version = self._labelled(name, label)
            states = self._states.get(name, {})
            if version is not None:
                if version not in states:
                    raise StatusError(
                        "NOT_FOUND", f"Could not find version {version} of model {name}"
                    )
                return [states[version]]
            if not states:
                raise StatusError("NOT_FOUND", f"Could not find any versions of model {name}")
            return [states[number] for number in sorted(states, reverse=True)]

    def serves(self, name: str) -> bool:
        """Whether a model of this name is configured."""
        return name in self._configs

    # What the owner of the server asks

    def wait_ready(
        self, timeout: float, model: str | None = None, version: int | None = None
    ) -> None:
        """Wait until every model (or the one named, in that version) has a version to answer with.

        Raises:
            ServingConfigError: a version failed to load and no other of its model serves.
            TimeoutError: it took longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                waiting = self._not_ready(model, version)
                if not waiting:
                    return
                for name in waiting:
                    if (error := self._hopeless(name, version)) is not None:
                        raise error
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(
                        f"No version ready after {timeout:g} s: {', '.join(waiting)}"
                        + (f" (version {version})" if version is not None else "")
                    )

    def wait_started(self, timeout: float) -> list[str]:
        """Wait until every model has a version to answer with, or none that loads.

        Returns:
            What is not served, and why, a line a model.

        Raises:
            ServingConfigError: none of the models loads.
            TimeoutError: it took longer than `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                waiting = self._not_ready(None, None)
                hopeless = [e for name in waiting if (e := self._hopeless(name, None)) is not None]
                if len(hopeless) == len(waiting):
                    if hopeless and not self._loaded:
                        raise hopeless[0]
                    return [str(error) for error in hopeless]
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(
                        f"No version ready after {timeout:g} s: {', '.join(waiting)}"
                    )

    def _not_ready(self, model: str | None, version: int | None) -> list[str]:
        if model is None and self._polls_done < self._polls_wanted:
            return sorted(self._configs) or ["(models not listed yet)"]
        names = sorted(self._configs) if model is None else [model]
        return [
            name
            for name in names
            if not self._loaded.get(name)
            or (version is not None and version not in self._loaded[name])
        ]

    def _hopeless(self, name: str, version: int | None) -> ServingConfigError | None:
        """Why a model has no version to wait for; None where there is hope."""
        if self._polls_done < self._polls_wanted:
            return None
        config = self._configs.get(name)
        states = self._states.get(name, {})
        if version is not None:
            states = {number: state for number, state in states.items() if number == version}
        failed = [state for state in states.values() if state.code != "OK"]
        if failed and not any(s.state in ("START", "LOADING") for s in states.values()):
            last = max(failed, key=lambda state: state.version)
            return ServingConfigError(
                f"Version {last.version} of model {name!r} does not load: {last.code}: "
                f"{last.message}"
            )
        if config is not None and not states and version is None:
            return ServingConfigError(
                f"Model {name!r} has no version to serve: expected "
                f"{config.base_path}/1/saved_model.pb (policy: {config.policy})."
            )
        return None

    def reload(self, configs: list[ModelConfig], timeout: float = 300.0) -> None:
        """Serve these models from now on, and wait until each has a version that answers.

        A label on a version that does not answer refuses the labels, and those of before stay.

        Raises:
            StatusError: such a label.
            ServingConfigError, TimeoutError: as `wait_ready`.
        """
        with self._changed:
            before = {name: config.labels for name, config in self._configs.items()}
            self._source = lambda: configs
            # A poll may be under way with the old models: only the one after it counts.
            self._polls_wanted = self._polls_done + (2 if self._polling else 1)
        self._wake.set()
        deadline = time.monotonic() + timeout
        with self._changed:
            if not self._changed.wait_for(lambda: self._polls_done >= self._polls_wanted, timeout):
                raise TimeoutError(f"The new models were not loaded after {timeout:g} s.")
        self.wait_ready(max(0.0, deadline - time.monotonic()))
        with self._changed:
            refused = self._unserved_label(configs)
            if refused is not None:
                kept = [replace(one, labels=before.get(one.name, {})) for one in configs]
                self._source = lambda: kept
                self._configs = {one.name: one for one in kept}
                raise StatusError("FAILED_PRECONDITION", refused)

    def _unserved_label(self, configs: list[ModelConfig]) -> str | None:
        """Why the labels cannot be given, in TensorFlow Serving's words; None where they can."""
        for config in configs:
            for version in config.labels.values():
                if version not in self._loaded.get(config.name, {}):
                    return (
                        f"Request to assign label to version {version} of model {config.name}, "
                        "which is not currently available for inference"
                    )
        return None

    @property
    def model_names(self) -> list[str]:
        """The models now configured."""
        with self._changed:
            return sorted(self._configs)

    # The watching thread

    def _watch(self) -> None:
        while not self._stopping:
            self._wake.clear()
            with self._changed:
                self._polling = True
                source = self._source
            try:
                self._poll(source)
            except Exception:
                # Whatever one look at the disk met, what is loaded must serve on.
                _log.exception("looking for new versions failed")
            with self._changed:
                self._polling = False
                self._polls_done += 1
                behind = self._polls_done < self._polls_wanted
                self._changed.notify_all()
            if not behind:
                self._wake.wait(self._poll_seconds)

    def _poll(self, source: ModelSource) -> None:
        try:
            configs = source()
        except OSError as error:
            _log.warning("the models cannot be listed, serving on with what is loaded: %s", error)
            return
        with self._changed:
            self._configs = {config.name: config for config in configs}
            gone = [name for name in self._loaded if name not in self._configs]
        for name in gone:
            self._unload_all(name)
        for config in configs:
            if self._stopping:
                return
            try:
                folders = version_folders(config.base_path)
            except OSError as error:
                _log.warning("model %s: cannot list versions: %s", config.name, error)
                continue
            self._bring_about(config, folders)

    def _bring_about(self, config: ModelConfig, folders: dict[int, Path]) -> None:
        name = config.name
        aspired = config.aspired(folders)
        for version in sorted(aspired - set(self._loaded.get(name, {}))):
            if self._stopping:
                return
            if self._worth_a_try(name, version, folders[version]):
                self._load(name, version, folders[version])
        for key in [k for k in self._failed if k[0] == name and k[1] not in folders]:
            del self._failed[key]
        loaded = set(self._loaded.get(name, {}))
        # Until one of the wanted versions answers, the old ones must.
        if not aspired or aspired & loaded:
            for version in sorted(loaded - aspired):
                self._unload(name, version)

    def _worth_a_try(self, name: str, version: int, path: Path) -> bool:
        return self._failed.get((name, version)) != (path, fingerprint(path))

    def _load(self, name: str, version: int, path: Path) -> None:
        before = fingerprint(path)
        self._set_state(name, VersionState(version, "LOADING"))
        started = time.perf_counter()
        lacks: list[str] = []
        try:
            servable = Servable(name, version, path)
            lacks = servable.missing_ops
            try:
                warm_up(servable)
            except BaseException:
                servable.close()
                raise
        except Exception as error:
            code, message = "INTERNAL", f"{type(error).__name__}: {error}"
            if isinstance(error, StatusError):
                code, message = error.code, error.message
            if lacks:
                message += f"\nThis server lacks {', '.join(lacks)}."
            self._failed[name, version] = (path, before)
            # Anyone may ask for a status: it names the version, not where it lies on the disk.
            told = message.replace(str(path), f"{name}/{version}")
            self._set_state(name, VersionState(version, "END", code, told))
            _log.error("model %s, version %d does not load: %s: %s", name, version, code, message)
            self._tell(ModelEvent("failed", name, version, path, message=f"{code}: {message}"))
            return
        self._failed.pop((name, version), None)
        with self._changed:
            self._loaded.setdefault(name, {})[version] = servable
        self._set_state(name, VersionState(version, "AVAILABLE"))
        seconds = time.perf_counter() - started
        self._tell(ModelEvent("loaded", name, version, path, seconds))

    def _unload(self, name: str, version: int) -> None:
        with self._changed:
            servable = self._loaded[name].pop(version)
            if not self._loaded[name]:
                del self._loaded[name]
        self._set_state(name, VersionState(version, "UNLOADING"))
        servable.close()
        self._set_state(name, VersionState(version, "END"))
        self._tell(ModelEvent("unloaded", name, version, servable.path))

    def _unload_all(self, name: str) -> None:
        for version in sorted(self._loaded.get(name, {})):
            self._unload(name, version)

    def _set_state(self, name: str, state: VersionState) -> None:
        with self._changed:
            states = self._states.setdefault(name, {})
            states[state.version] = state
            ended = [number for number, other in states.items() if other.state == "END"]
            for number in sorted(ended)[:-_KEPT_ENDED]:
                del states[number]
            self._changed.notify_all()

    def _tell(self, event: ModelEvent) -> None:
        if self._on_event is not None:
            self._on_event(event)
