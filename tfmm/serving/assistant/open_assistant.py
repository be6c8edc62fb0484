"""An assistant over models wherever they are: in a folder, which is served meanwhile, or at an
address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tfmm.data.search_catalog import SearchCatalog
from tfmm.serving.assistant.assistant import Assistant
from tfmm.serving.client.client import Client
from tfmm.serving.server.errors import ServingError
from tfmm.serving.server.open_model import OpenModelError, find_catalog, open_model

_FINDS = ("search_text", "recommend", "recommend_session", "search_image", "similar_items")


@contextlib.contextmanager
def open_assistant(
    where: str,
    model: str | None = None,
    *,
    understand: str | None = None,
    catalog: SearchCatalog | None = None,
    transport: str = "grpc",
    **options: Any,
) -> Iterator[Assistant]:
    """An assistant over what `where` names.

    ```python
    with open_assistant("models") as assistant:
        print(assistant.say("red shoes").text)
    ```

    Args:
        where: a folder of models, of a model, of a version or of a run; or `host:port/model`.
        model: the model that finds products, where that is open; in a folder of several by default
            the first that does.
        understand: the model of `task: dialogue`; in a folder of models by default the first that
            understands.
        catalog: the products; by default what lies beside the model.
        transport: "grpc" or "rest", to an address.
        options: of `Assistant`.

    Raises:
        OpenModelError: there is no such model, or no catalogue is known.
        ServingError: the server does not answer.
    """
    with contextlib.ExitStack() as open_things:
        names = _names(where)
        if len(names) < 2 or not _is_folder_of_models(where):
            settings = {} if Path(where).is_dir() else {"transport": transport}
            client = open_things.enter_context(open_model(where, model, **settings))
            reads = None
            if understand is not None:
                if Path(where).is_dir():
                    raise OpenModelError(f"{where} holds one model: give the folder of all models.")
                reads = Client(client.address, understand, transport=transport)
                open_things.enter_context(reads)
        else:
            address = _serve(open_things, where)
            clients = [open_things.enter_context(Client(address, name)) for name in names]
            client = _chosen(clients, model, _FINDS, where)
            reads = None
            if understand is not None or _first(clients, ("understand",)) is not None:
                reads = _chosen(clients, understand, ("understand",), where)
        if catalog is None:
            file = find_catalog(where, client.model if len(names) > 1 else model)
            if file is None:
                raise OpenModelError(
                    f"{where}: no catalogue lies beside the model: give the file of `tfmm catalog` "
                    "or the shop file."
                )
            catalog = SearchCatalog.load(file)
        yield Assistant(client, catalog, understand=reads, **options)


def _is_folder_of_models(where: str) -> bool:
    return Path(where).is_dir() and not (Path(where) / "config.yaml").is_file()


def _names(where: str) -> list[str]:
    """The models of a folder of models; none for anything else."""
    folder = Path(where)
    if not folder.is_dir():
        return []
    return sorted(
        child.name
        for child in folder.iterdir()
        if child.is_dir() and any((one / "saved_model.pb").is_file() for one in child.iterdir())
    )


def _serve(open_things: contextlib.ExitStack, folder: str) -> str:
    from tfmm.serving.server.server import Server

    server = Server(folder, grpc_port=0, rest_port=0)
    return open_things.enter_context(server).grpc_address


def _first(clients: Sequence[Client], signatures: Sequence[str]) -> Client | None:
    for client in clients:
        # One model of several may not be served; the others are asked all the same.
        with contextlib.suppress(ServingError):
            if {*signatures} & {*client.metadata().signatures}:
                return client
    return None


def _chosen(
    clients: Sequence[Client], name: str | None, signatures: Sequence[str], where: str
) -> Client:
    if name is None:
        found = _first(clients, signatures)
    else:
        found = next((client for client in clients if client.model == name), None)
    if found is None:
        names = ", ".join(client.model for client in clients)
        wanted = f"model {name}" if name is not None else f"model with {' or '.join(signatures)}"
        raise OpenModelError(f"{where} holds no {wanted}; it holds {names}.")
    return found
