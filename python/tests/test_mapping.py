"""The page on algorithms says what the code does with old spellings."""

import os

import mapping
from conftest import SOURCE

DOCS = os.environ.get("PGML_DOCS") or SOURCE.parent / "docs"


def test_the_page_has_the_mapping_of_the_code():
    with open(os.path.join(DOCS, "sql", "algorithms.md"), encoding="utf-8") as file:
        page = file.read()
    command = "python3 python/tests/mapping.py docs/sql/algorithms.md"
    assert mapping.page_with_mapping(page) == page, (
        f"docs/sql/algorithms.md is stale; run: {command}"
    )
