"""Hyperparameters that name classes or features: from what SQL calls them to what a library takes.

JSON's keys are texts, and a library knows a class as a number and a feature by its place.
`class_weight`, `monotone_constraints` and their like are translated here, and nowhere else; what is
recorded stays as the caller wrote it, so that training from the record does the same again.
"""

from __future__ import annotations

import json

from pgml_runtime.errors import UserError, unknown

_PER_FEATURE = frozenset("monotone_constraints monotone_constraint mc monotonic_cst".split())
_GROUPS = frozenset("interaction_constraints interaction_cst".split())
_FEATURES = frozenset(
    "categorical_feature categorical_features cat_feature cat_features categorical_column "
    "cat_column ignored_features".split()
)
_TRUE = ("true", "t", "1")
_FALSE = ("false", "f", "0")


class Names:
    """What features and classes are called.

    text: the JSON that the extension makes, or None: then classes are called by their numbers, and
    features have no names. known: the sorted classes of each label, or None for other tasks.
    """

    def __init__(self, text=None, known=None):
        """Read the names that a training is given."""
        given = json.loads(text) if text else {}
        self.features = given.get("features") or []
        # The places of the features that number texts, for what takes categories by itself.
        self.categories = given.get("categories") or []
        kinds = given.get("classes") or []
        self._labels = [
            _by_name(kinds[place] if place < len(kinds) else None, classes)
            for place, classes in enumerate(known or [])
        ]
        self._kinds = kinds

    def class_name(self, value, label=0):
        """Return what a class of a label is called."""
        kind = self._kinds[label] if label < len(self._kinds) else {"kind": "numbers"}
        if kind["kind"] == "boolean":
            return "true" if value else "false"
        if kind["kind"] == "texts" and 0 <= value < len(kind["texts"]):
            return kind["texts"][int(value)]
        return str(value)

    def translate(self, library, name, value):
        """Return the value of a hyperparameter as `library` takes it."""
        if name == "class_weight" and isinstance(value, dict):
            return self._class_weight(value)
        if name == "class_weights" and isinstance(value, dict):
            weights = self._class_weight(value)  # CatBoost's, by the places of the classes
            return [weights.get(one, 1.0) for one in sorted(set(self._labels[0].values()))]
        if name in _PER_FEATURE:
            return self._per_feature(library, name, value)
        if name in _GROUPS and isinstance(value, list):
            groups = [
                self._places(name, group) if isinstance(group, list) else group for group in value
            ]
            return _written(groups) if library in ("xgboost", "lightgbm") else groups
        if name in _FEATURES and isinstance(value, list):
            return self._places(name, value)
        return value

    def _class_weight(self, given):
        by_name = {name: value for label in self._labels for name, value in label.items()}
        weights = {}
        for name, weight in given.items():
            if name not in by_name:
                known = sorted(by_name, key=str)
                raise unknown("class in class_weight", name, known)
            number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
            if not number or weight < 0:
                raise UserError(
                    f'class_weight of "{name}" must be a number of 0 or more, '
                    f"not {json.dumps(weight, ensure_ascii=False)}",
                    hint='Write it as {"class_weight": {"yes": 5, "no": 1}}.',
                )
            weights[by_name[name]] = weight
        return weights

    def _per_feature(self, library, name, value):
        if isinstance(value, dict):
            places = dict(zip(self._places(name, list(value)), value.values()))
            value = [places.get(place, 0) for place in range(len(self.features))]
        if not isinstance(value, list):
            return value
        if self.features and len(value) != len(self.features):
            raise UserError(
                f"{name} has {len(value)} values, and there are {len(self.features)} features",
                hint=f"One for each, or by name: {', '.join(self.features)}.",
            )
        for one in value:
            if isinstance(one, bool) or one not in (-1, 0, 1):
                raise UserError(
                    f"{name} has {json.dumps(one, ensure_ascii=False)}, "
                    "and a constraint is -1, 0 or 1",
                    hint='Write it as {"feature": 1}, for predictions that rise with the feature.',
                )
        value = [int(one) for one in value]
        # XGBoost takes a tuple, written out.
        return f"({','.join(map(str, value))})" if library == "xgboost" else value

    def _places(self, name, given):
        places = {feature: place for place, feature in enumerate(self.features)}
        found = []
        for one in given:
            if isinstance(one, str) and one in places:
                found.append(places[one])
            elif isinstance(one, str):
                raise unknown(f"feature in {name}", one, self.features)
            else:
                found.append(one)
        return found


def _by_name(kind, classes):
    """Return {name: class} for the classes of one label."""
    kind = kind or {"kind": "numbers"}
    if kind["kind"] == "boolean":
        return {name: value for value in classes for name in (_TRUE if value else _FALSE)}
    if kind["kind"] == "texts":
        return {kind["texts"][int(value)]: value for value in classes}
    return {str(value): value for value in classes}


def _written(groups):
    return json.dumps(groups, separators=(",", ":"))
