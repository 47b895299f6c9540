"""Viewers of the page without a browser: they speak Streamlit's own protocol, so that only the server is measured."""

import asyncio
import random
from dataclasses import dataclass, field
from time import perf_counter

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

PAUSE = (1.0, 5.0)
"""Seconds from an answer to the next question, evenly drawn."""
PATIENCE = 60.0


@dataclass(slots=True)
class Visit:
    """What the viewers met."""

    first: list[float] = field(default_factory=list)
    """Seconds to the first whole page of each viewer."""
    filters: list[float] = field(default_factory=list)
    """Seconds of each rerun after another task was chosen."""
    pages: list[float] = field(default_factory=list)
    """Seconds of each step to another page."""
    errors: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Screen:
    """What one viewer has been told."""

    asked: str = ""
    """The choices in the address."""
    page: str = ""
    pages: list[str] = field(default_factory=list)
    task: tuple[str, list[str]] = ("", [])
    """Name of the choice of tasks, and what there is."""

    def take(self, message: ForwardMsg) -> str:
        """Note what a message says; gives what is wrong."""
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self.pages = [one.page_script_hash for one in message.navigation.app_pages]
        elif kind == "page_info_changed":
            self.asked = message.page_info_changed.query_string
        elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
            return f"the script ended with {message.script_finished}"
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            if element.WhichOneof("type") == "exception":
                return f"{element.exception.type}: {element.exception.message[:200]}"
            if element.WhichOneof("type") == "selectbox" and element.selectbox.label == "Task":
                self.task = (element.selectbox.id, list(element.selectbox.options))
        return ""


def visit(url: str, viewers: int, seconds: float) -> Visit:
    """So many viewers at once, who change the task (three times in four) or the page, for so long."""
    found = Visit()
    asyncio.run(_all(url, viewers, seconds, found))
    return found


async def _all(url: str, viewers: int, seconds: float, found: Visit) -> None:
    until = perf_counter() + seconds
    await asyncio.gather(*(_one(url, random.Random(seed), until, found) for seed in range(viewers)))


async def _one(url: str, some: random.Random, until: float, found: Visit) -> None:
    screen = Screen()
    address = url.replace("http:", "ws:", 1) + "/_stcore/stream"
    try:
        async with connect(address, subprotocols=["streamlit"], origin=url, max_size=None, proxy=None) as line:
            found.first.append(await _asked(line, screen, found, {}))
            while perf_counter() < until:
                await asyncio.sleep(some.uniform(*PAUSE))
                if some.random() < 0.75 and len(screen.task[1]) > 1:
                    name, there = screen.task
                    found.filters.append(await _asked(line, screen, found, {name: some.choice(there)}))
                else:
                    screen.page, screen.task = some.choice(screen.pages), ("", [])
                    found.pages.append(await _asked(line, screen, found, {}))
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as fault:
        found.errors.append(repr(fault))


async def _asked(line: ClientConnection, screen: Screen, found: Visit, choices: dict[str, str]) -> float:
    """Seconds until the page was sent whole."""
    back = BackMsg()
    back.rerun_script.query_string = screen.asked
    back.rerun_script.page_script_hash = screen.page
    for name, value in choices.items():
        state = back.rerun_script.widget_states.widgets.add()
        state.id, state.string_value = name, value
    began = perf_counter()
    await line.send(back.SerializeToString())
    while True:
        message = ForwardMsg.FromString(await asyncio.wait_for(line.recv(decode=False), PATIENCE))
        if wrong := screen.take(message):
            found.errors.append(wrong)
        if message.WhichOneof("type") == "script_finished":
            return perf_counter() - began
