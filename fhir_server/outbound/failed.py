"""Why a request has no answer, in one word.

https://www.rfc-editor.org/rfc/rfc9110.html
"""

from typing import Literal

Code = Literal["refused", "unresolved", "unreachable", "timeout", "redirect", "too-long", "broken"]
"""refused: the rules do not let us call there. unresolved: the name leads nowhere. broken: what came is no answer in HTTP."""


class Failed(Exception):
    """There is no answer. `code` is all that may be stored, or shown to those who named the target; the text is for the log
    and for those who run the server.
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code: Code = code
