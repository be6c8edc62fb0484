"""A trained model's reading of a message: its intents, as the assistant's moves, and its slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tfmm.serving.assistant.known.products import Products
from tfmm.serving.assistant.reading.message import Message
from tfmm.serving.client.client import Client

#: What other data sets and shops call what the assistant does.
INTENTS = {
    "greet": "greeting",
    "hello": "greeting",
    "thank_you": "thanks",
    "bye": "goodbye",
    "what_can_i_ask_you": "help",
    "are_you_a_bot": "help",
    "find": "search",
    "find_product": "search",
    "question": "ask",
    "product_question": "ask",
    "recommendation": "recommend",
    "faq": "service",
    "restart": "start_over",
    "human": "person",
}


class Understanding:
    """Asks the signature `understand` of a model that `task: dialogue` made.

    Args:
        client: of the model.
        intents: from its intents to the assistant's; what is in neither these nor `INTENTS` and is
            no move's name itself does not count.

    Raises:
        ServingError: the server did not answer.
        ValueError: the model has no such signature.
    """

    def __init__(self, client: Client, intents: Mapping[str, str] | None = None):
        self._client = client
        found = client.metadata().signatures.get("understand")
        if found is None:
            raise ValueError(
                f"the model {client.model} has no signature `understand`: expected one of "
                "task: dialogue."
            )
        # What was said before is linked by the moves themselves.
        self._context = {"context": [""]} if "context" in found.inputs else {}
        self._intents = {**INTENTS, **(intents or {})}

    def add_to(self, message: Message, products: Products) -> Message:
        """The message with the model's intents, and with links of slots that had none.

        Raises:
            ServingError: the server did not answer, or answered with an error.
        """
        told = self._client.predict("understand", {"text": [message.text], **self._context})
        intents: dict[str, float] = {}
        for name, sure in zip(told["intents"][0], told["probabilities"][0], strict=True):
            if name:
                move = self._intents.get(str(name), str(name))
                intents[move] = intents.get(move, 0.0) + float(sure)
        links = list(message.links)
        taken = [(link.start, link.end) for link in (*message.links, *message.refused)]
        spans = zip(
            told["slot_values"][0], told["slot_starts"][0], told["slot_ends"][0], strict=True
        )
        for value, start, end in spans:
            if start < 0 or any(start < stop and begin < end for begin, stop in taken):
                continue
            found = products.linker.link(str(value)).links
            links += [
                replace(link, start=link.start + int(start), end=link.end + int(start))
                for link in found
            ]
        in_scope = float(told["in_scope"][0])
        return replace(message, links=tuple(links), intents=intents, in_scope=in_scope)
