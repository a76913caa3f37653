"""What clients send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class JSONParser(parsers.JSONParser):
    """JSON whose text is text: half of a surrogate pair is no character, and no answer could quote it (RFC 8259, section 8.2)."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
            json.dumps(data, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ParseError(f"JSON parse error - \\u{ord(error.object[error.start]):04x} alone is no character") from None
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
        return data
