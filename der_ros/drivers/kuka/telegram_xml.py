"""Parser for the elements of an RSI telegram, strict for requested ones and tolerant of others.

Controllers and simulators put various elements into a telegram. Requested elements must be well
formed. Any other element is skipped if it is well delimited, whatever its content: entities, CDATA,
comments, processing instructions, any alphabet. A document type is refused and entities are never
expanded, so expansion attacks are not possible.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from der_ros.errors import ProtocolError

MAX_TELEGRAM_BYTES = 4096
"""Maximum length, bytes; a controller's full telegram is well below 2 kB."""

_MAX_DEPTH = 8
_BYTE_ORDER_MARK = "\ufeff"
_BLANK = "\0\r\n\t "
# Comments, processing instructions and CDATA: (opening, closing).
_SECTIONS = (("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>"))
_CDATA = "<![CDATA["
# A tag ends at the first > outside quotes.
_TAG = re.compile(
    r"<(/?)([^\s<>/=\"'!?&]+)([^<>\"']*(?:(?:\"[^\"]*\"|'[^']*')[^<>\"']*)*)>",
)
_STRICT = re.compile(r"(?:\s+[A-Za-z_][\w.:\-]*\s*=\s*(?:\"[^\"<&]*\"|'[^'<&]*'))*\s*", re.ASCII)
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.:\-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.ASCII)


@dataclass
class Element:
    """Requested direct child of the root.

    Attributes:
        name: Name of the element.
        text: Text between the element's tags, without comments.
        plain: True if the element contains no other element and no CDATA.
    """

    name: str
    _attributes: str
    text: str = ""
    plain: bool = True

    def attributes(self) -> dict[str, str]:
        """Return the attributes by name.

        Raises:
            ProtocolError: The attributes are malformed, or one is repeated.
        """
        pairs = _ATTRIBUTE.findall(self._attributes)
        values = {name: double or single for name, double, single in pairs}
        if not _STRICT.fullmatch(self._attributes) or len(values) != len(pairs):
            raise ProtocolError(
                f'<{self.name}>: expected each attribute once, as name="value", got '
                f"{self._attributes.strip()[:60]!r}"
            )
        return values


class Telegram(NamedTuple):
    """Requested elements of a parsed telegram.

    Attributes:
        elements: Requested direct children of the root, by name.
        empty: True if the root contains neither elements nor text.
    """

    elements: dict[str, Element]
    empty: bool


@dataclass
class _TelegramReader:
    """State of parsing one telegram."""

    text: str
    root: str
    wanted: Collection[str]
    position: int = 0
    path: list[str] = field(default_factory=list)
    found: dict[str, Element] = field(default_factory=dict)
    current: Element | None = None
    started: bool = False
    empty: bool = True

    def read(self) -> Telegram:
        """Parse the whole telegram and return its requested elements."""
        while self.position < len(self.text):
            if self.text[self.position] != "<":
                self._characters()
            elif self.text.startswith(("<!", "<?"), self.position):
                self._section()
            else:
                self._tag()
        if not self.started or self.path:
            raise self._malformed()
        return Telegram(self.found, self.empty)

    def _characters(self) -> None:
        """Consume text up to the next tag; outside the root, only blanks are allowed."""
        end = self.text.find("<", self.position)
        end = len(self.text) if end < 0 else end
        text = self.text[self.position : end]
        if text.strip(_BLANK):
            if not self.path:
                raise self._malformed()
            self.empty = self.empty and len(self.path) > 1
        if self.current is not None and len(self.path) == 2:
            self.current.text += text
        self.position = end

    def _section(self) -> None:
        """Skip a comment, a processing instruction or CDATA."""
        for opening, closing in _SECTIONS:
            if self.text.startswith(opening, self.position):
                return self._skip(opening, closing)
        raise self._malformed()

    def _skip(self, opening: str, closing: str) -> None:
        end = self.text.find(closing, self.position + len(opening))
        if end < 0 or (opening == _CDATA and not self.path):
            raise self._malformed()
        if opening == _CDATA:
            self.empty = False
            self._not_plain()
        self.position = end + len(closing)

    def _tag(self) -> None:
        tag = _TAG.match(self.text, self.position)
        if tag is None or (self.started and not self.path):
            raise self._malformed()
        closing, name, rest = tag.groups()
        if closing:
            self._close(name, rest)
        else:
            self._open(name, rest)
        self.position = tag.end()

    def _close(self, name: str, rest: str) -> None:
        if rest.strip() or not self.path or self.path.pop() != name:
            raise self._malformed()
        if len(self.path) == 1:
            self.current = None

    def _open(self, name: str, rest: str) -> None:
        is_leaf = rest.endswith("/")
        if not self.path and name != self.root:
            raise self._malformed()
        if len(self.path) == 1:
            self.empty = False
            self._keep(name, rest[:-1] if is_leaf else rest)
        elif self.path:
            self._not_plain()
        self.started = True
        if not is_leaf:
            self.path.append(name)
        elif len(self.path) == 1:
            self.current = None
        if len(self.path) > _MAX_DEPTH:
            raise self._malformed()

    def _keep(self, name: str, attributes: str) -> None:
        if name not in self.wanted:
            return
        if name in self.found:
            raise ProtocolError(f"<{self.root}> telegram: expected one <{name}>, got two")
        self.current = self.found[name] = Element(name, attributes)

    def _not_plain(self) -> None:
        if self.current is not None:
            self.current.plain = False

    def _malformed(self) -> ProtocolError:
        return ProtocolError(
            f"<{self.root}> telegram: expected well-formed XML without a document type, got "
            f"{self.text[self.position : self.position + 40]!r} at character {self.position}"
        )


def read_elements(text: str, root: str, wanted: Collection[str]) -> Telegram:
    """Parse a telegram and return the requested direct children of its root.

    Args:
        text: Text of the telegram, from ``as_text``.
        root: Required name of the root element.
        wanted: Names of the requested children.

    Raises:
        ProtocolError: The telegram is not delimited like XML, has a document type or another root,
            or a requested element is repeated.
    """
    return _TelegramReader(text, root, wanted).read()


def as_text(data: bytes, root: str) -> str:
    """Decode a telegram and strip padding around it.

    Non-ASCII characters occur only in skipped elements, so a text that is not UTF-8 is decoded as
    Latin-1.

    Raises:
        ProtocolError: The telegram is too long.
    """
    if len(data) > MAX_TELEGRAM_BYTES:
        raise ProtocolError(
            f"<{root}> telegram: expected at most {MAX_TELEGRAM_BYTES} bytes, got {len(data)}"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1").removeprefix("\u00ef\u00bb\u00bf")
    return text.removeprefix(_BYTE_ORDER_MARK).strip(_BLANK)
