"""Plain English: no docstring, comment, message or document has a word with a plainer replacement."""

import pytest

from .english import FOLDERS, prose


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_text_has_a_word_that_plain_english_does_without(folder: str) -> None:
    texts = list(prose(folder))

    assert texts
    assert [f"{text.path.name}:{text.line}: {', '.join(text.markers)}" for text in texts if text.markers] == []
