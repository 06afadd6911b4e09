"""Atomic file writing."""

import os
from pathlib import Path
from uuid import uuid4


def write_atomically(path, content):
    """Write text (UTF-8) or bytes to a file; on an error, leave an existing file unchanged."""
    path = Path(path)
    content = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
