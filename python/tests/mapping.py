"""What old spellings mean in this release, as the tables of docs/sql/algorithms.md show it.

Made from pgml_runtime.spellings, so that the page can't say anything else. `mapping.py PAGE`
writes it there; test_mapping.py compares.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pgml_runtime import spellings

BEGIN = "<!-- made by `python3 python/tests/mapping.py docs/sql/algorithms.md` -->"
END = "<!-- end of the mapping -->"


def _value(value):
    return "null" if value is None else str(value)


def _row(*cells):
    return f"| {' | '.join(cells)} |"


def lines():
    """Return the Markdown of all tables."""
    made = [_row("class of 1.0", "from", "is", "with"), "|---|---|---|---|"]
    for name, one in sorted(spellings.REPLACEMENTS.items()):
        library = "xgboost" if name.startswith("XGB") else "scikit-learn"
        arguments = ", ".join(f"{key}={_value(value)}" for key, value in one.arguments.items())
        release = ".".join(map(str, one.since))
        made.append(
            _row(f"`{name}`", f"{library} {release}", f"`{one.class_name}`", f"`{arguments}`")
        )
    made += ["", _row("hyperparameter", "is", "where"), "|---|---|---|"]
    for name, one in sorted(spellings.REPLACEMENTS.items()):
        for old, new in one.renamed.items():
            made.append(_row(f"`{old}`", f"`{new}`", f"`{name}`, where it is replaced"))
    for old, new in spellings.OLD_NAMES.items():
        made.append(_row(f"`{old}`", f"`{new}`", "scikit-learn"))
    for old, new in spellings.XGBOOST_OLD_NAMES.items():
        made.append(_row(f"`{old}`", f"`{new}`", "xgboost"))
    for old, new in spellings.CATBOOST_OLD_NAMES.items():
        made.append(_row(f"`{old}`", f"`{new}`", "catboost"))
    for name in sorted(spellings.CATBOOST_CHATTER):
        made.append(_row(f"`{name}`", "ignored, with a warning", "catboost"))
    for library, names in spellings.WITHOUT_EFFECT.items():
        for name in names:
            made.append(_row(f"`{name}`", "ignored, with a warning", library))
    made += ["", _row("value", "is"), "|---|---|"]
    for name, values in spellings.OLD_VALUES.items():
        for old, new in values.items():
            made.append(_row(f"`{name}`: `{old}`", f"`{_value(new)}`"))
    for name, one in sorted(spellings.REPLACEMENTS.items()):
        for parameter, values in one.values.items():
            for old, new in values.items():
                made.append(
                    _row(f"`{parameter}`: `{old}` of `{name}`", f"`{new}`, where it is replaced")
                )
    made += ["", _row("class", "default that later releases have, in all of them"), "|---|---|"]
    for name, changed in spellings.CHANGED_DEFAULTS.items():
        listed = ", ".join(f"{key}={value}" for key, value in changed.items())
        made.append(_row(f"`{name}`", f"`{listed}`"))
    return made


def page_with_mapping(page):
    """Return the text of a page with the tables between their marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(lines()) + f"\n\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page_with_mapping(path.read_text(encoding="utf-8")), encoding="utf-8")
