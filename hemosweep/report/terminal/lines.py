"""Tables and text of a terminal as lines."""

import io

from rich.console import Console, RenderableType


def lines_of(*renderables: RenderableType, styled: bool = False) -> list[str]:
    """Lines of a table or text, as a terminal of this one's width shows them.

    Args:
        styled: with the terminal's codes for bold and colour.
    """
    width = Console().width
    console = Console(file=io.StringIO(), width=width, force_terminal=styled, force_jupyter=False, legacy_windows=False)
    with console.capture() as capture:
        for renderable in renderables:
            console.print(renderable)
    return capture.get().splitlines()
