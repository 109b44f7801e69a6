"""The algorithms by name: which class serves each task, and with which hyperparameters.

Names, tasks and classes are the SQL contract's. Hyperparameters are those of the class in the
installed release; spellings of older releases that databases still hold are translated here, by
the tables of `spellings`, and nowhere else, so that one `train` call works on every Python version
that the product supports.
"""

from __future__ import annotations

import collections

import pgml_runtime
from pgml_runtime import libraries, spellings
from pgml_runtime.errors import UNDEFINED_OBJECT, UserError, require, unknown
from pgml_runtime.names import Names

Algorithm = collections.namedtuple("Algorithm", "name task module class_name")
"""One (algorithm, task) pair and the scikit-learn-API class that the contract names for it."""

TASKS = ("regression", "classification")

_LINEAR = "sklearn.linear_model"
_GROUPS = "sklearn.ensemble"
_GAUSSIAN = "sklearn.gaussian_process"

# name: (module, regression class or None, classification class or None)
_CLASSES = {
    "linear": (_LINEAR, "LinearRegression", "LogisticRegression"),
    "ridge": (_LINEAR, "Ridge", "RidgeClassifier"),
    "lasso": (_LINEAR, "Lasso", None),
    "elastic_net": (_LINEAR, "ElasticNet", None),
    "least_angle": (_LINEAR, "Lars", None),
    "lasso_least_angle": (_LINEAR, "LassoLars", None),
    "orthoganl_matching_pursuit": (_LINEAR, "OrthogonalMatchingPursuit", None),  # 1.0's spelling
    "orthogonal_matching_pursuit": (_LINEAR, "OrthogonalMatchingPursuit", None),
    "bayesian_ridge": (_LINEAR, "BayesianRidge", None),
    "automatic_relevance_determination": (_LINEAR, "ARDRegression", None),
    "stochastic_gradient_descent": (_LINEAR, "SGDRegressor", "SGDClassifier"),
    "perceptron": (_LINEAR, None, "Perceptron"),
    "passive_aggressive": (_LINEAR, "PassiveAggressiveRegressor", "PassiveAggressiveClassifier"),
    "ransac": (_LINEAR, "RANSACRegressor", None),
    "theil_sen": (_LINEAR, "TheilSenRegressor", None),
    "huber": (_LINEAR, "HuberRegressor", None),
    "quantile": (_LINEAR, "QuantileRegressor", None),
    "kernel_ridge": ("sklearn.kernel_ridge", "KernelRidge", None),
    "gaussian_process": (_GAUSSIAN, "GaussianProcessRegressor", "GaussianProcessClassifier"),
    "svm": ("sklearn.svm", "SVR", "SVC"),
    "nu_svm": ("sklearn.svm", "NuSVR", "NuSVC"),
    "linear_svm": ("sklearn.svm", "LinearSVR", "LinearSVC"),
    "ada_boost": (_GROUPS, "AdaBoostRegressor", "AdaBoostClassifier"),
    "bagging": (_GROUPS, "BaggingRegressor", "BaggingClassifier"),
    "extra_trees": (_GROUPS, "ExtraTreesRegressor", "ExtraTreesClassifier"),
    "gradient_boosting_trees": (_GROUPS, "GradientBoostingRegressor", "GradientBoostingClassifier"),
    "hist_gradient_boosting": (
        _GROUPS,
        "HistGradientBoostingRegressor",
        "HistGradientBoostingClassifier",
    ),
    "random_forest": (_GROUPS, "RandomForestRegressor", "RandomForestClassifier"),
    "xgboost": ("xgboost", "XGBRegressor", "XGBClassifier"),
    "xgboost_random_forest": ("xgboost", "XGBRFRegressor", "XGBRFClassifier"),
    "lightgbm": ("lightgbm", "LGBMRegressor", "LGBMClassifier"),
    "catboost": ("catboost", "CatBoostRegressor", "CatBoostClassifier"),
}

# Without labels. A name that also stands above is the task's usual algorithm.
_CLUSTER = "sklearn.cluster"
_PCA = ("sklearn.decomposition", "PCA")
_UNSUPERVISED = {
    "clustering": {
        "linear": (_CLUSTER, "KMeans"),
        "kmeans": (_CLUSTER, "KMeans"),
        "mini_batch_kmeans": (_CLUSTER, "MiniBatchKMeans"),
        "birch": (_CLUSTER, "Birch"),
        "affinity_propagation": (_CLUSTER, "AffinityPropagation"),
        "mean_shift": (_CLUSTER, "MeanShift"),
    },
    "decomposition": {"linear": _PCA, "pca": _PCA},
}

# Regressors of a single label: several labels get one copy each (MultiOutputRegressor). The
# contract's list, and hist_gradient_boosting and catboost, which have none for every loss.
_SINGLE_LABEL = frozenset(
    "bayesian_ridge automatic_relevance_determination stochastic_gradient_descent "
    "passive_aggressive theil_sen huber quantile svm nu_svm linear_svm ada_boost "
    "gradient_boosting_trees lightgbm hist_gradient_boosting catboost".split()
)


def resolve(name, task):
    """Return the Algorithm for a name and a task; UserError names what there is instead."""
    if task not in (*TASKS, *_UNSUPERVISED):
        raise unknown("task", task, [*TASKS, *_UNSUPERVISED])
    served = _served(name)
    if not served:
        error = unknown("algorithm", name, list(_CLASSES))
        error.sqlstate = UNDEFINED_OBJECT
        raise error
    if task not in served:
        raise UserError(
            f"algorithm {name} can't do {task}",
            hint=f"The tasks of {name} are: {', '.join(served)}.",
        )
    return Algorithm(name, task, *served[task])


def _served(name):
    """Return (module, class name) by task for an algorithm's name; nothing for an unknown one."""
    module, *classes = _CLASSES.get(name, (None,))
    served = {task: (module, one) for task, one in zip(TASKS, classes) if one}
    for task, algorithms in _UNSUPERVISED.items():
        if name in algorithms:
            served[task] = algorithms[name]
    return served


def pairs():
    """Return every Algorithm of pgml-python that has labels, with both spellings of the pursuit."""
    return [
        Algorithm(name, task, module, class_name)
        for name, (module, *classes) in _CLASSES.items()
        for task, class_name in zip(TASKS, classes)
        if class_name and module != "catboost"
    ]


class Recipe:
    """How an Algorithm for `n_labels` labels is built with the installed release."""

    def __init__(self, algorithm, n_labels):
        """Import the algorithm's library; raise MissingPackage when there is none."""
        self.algorithm = algorithm
        self.n_labels = n_labels
        self.library = algorithm.module.split(".")[0]
        libraries.check_processor(self.library)
        module = require(algorithm.module)
        self.release = _release(require(self.library))
        replacement = spellings.REPLACEMENTS.get(algorithm.class_name)
        if replacement and self.release < replacement.since:
            replacement = None
        self._replacement = replacement
        self._class = getattr(
            module, replacement.class_name if replacement else algorithm.class_name
        )
        # Hyperparameters by name, with their defaults.
        self._declared = libraries.declared(self.library, self._class)
        if replacement:
            for name in replacement.hidden:
                del self._declared[name]
            self._declared.update(dict.fromkeys(replacement.renamed))
        self._old_names, self._extra = libraries.names(self.library, self._declared)
        self.names = Names()
        # The places of the features that the estimator takes as categories.
        self.categories = ()

    @property
    def is_wrapped(self):
        """Tell whether one estimator is trained for each label."""
        return self.n_labels > 1 and (
            self.algorithm.task == "classification" or self.algorithm.name in _SINGLE_LABEL
        )

    @property
    def needs_class_numbers(self):
        """Tell whether the classifier takes only the labels 0, 1, …, classes - 1."""
        numbering = self.library in ("xgboost", "catboost")
        return numbering and self.algorithm.task == "classification"

    def weighing(self, weights, train_rows):
        """Return the arguments by which `fit` weighs the rows that are trained on."""
        if weights is None:
            return {}
        takes = require("sklearn.utils.validation").has_fit_parameter
        if not takes(self._class, "sample_weight"):
            raise UserError(
                f"algorithm {self.algorithm.name} can't weigh rows",
                hint="Leave weight_column out, or choose another algorithm, such as random_forest.",
            )
        return {"sample_weight": weights[:train_rows]}

    def with_defaults(self, hyperparams, searched):
        """Return `hyperparams` without those `searched`, and with random_state 0 where it fits."""
        varied = {self._canonical(name) for name in searched}
        fixed = {
            name: value
            for name, value in hyperparams.items()
            if self._canonical(name) not in varied
        }
        taken = varied.union(map(self._canonical, fixed))
        if "random_state" in self._declared and "random_state" not in taken:
            fixed["random_state"] = 0
        return fixed

    def estimator(self, hyperparams):
        """Build the estimator, not trained; raise UserError for an unknown hyperparameter."""
        arguments = dict(libraries.SERVER_DEFAULTS.get(self.library, {}))
        if self._replacement:
            arguments.update(self._replacement.arguments)
        arguments.update(spellings.CHANGED_DEFAULTS.get(self.algorithm.class_name, {}))
        given = {}
        for name, value in hyperparams.items():
            translated = self.translate(name, value)
            if translated is None:
                continue
            self._check_new(name, translated[0], given)
            given[translated[0]] = translated[1]
        if self.algorithm.class_name == "LogisticRegression" and self.release >= (1, 8):
            given = _penalty_as_ratio(given)
        if self.library == "catboost":
            self.categories = sorted({*self.names.categories, *(given.pop("cat_features", ()))})
        if "verbose" in given:  # LightGBM's two names of one parameter
            arguments.pop("verbosity", None)
        estimator = self._class(**{**arguments, **given})
        if not self.is_wrapped:
            return estimator
        multioutput = require("sklearn.multioutput")
        if self.algorithm.task == "classification":
            return multioutput.MultiOutputClassifier(estimator)
        return multioutput.MultiOutputRegressor(estimator)

    def begin(self, estimator, target):
        """Give an estimator what it can only know by the labels."""
        given = estimator.get_params(deep=False)
        # XGBoost's own first guess is one step of Newton's method, which this loss throws far off.
        pseudo = given.get("objective") == "reg:pseudohubererror"
        if pseudo and given.get("base_score") is None and target.ndim == 1:
            estimator.set_params(base_score=float(require("numpy").median(target)))

    def search_space(self, search_params):
        """Translate `{name: [values]}` into the built estimator's own names and values.

        Returns `(space, names)`; `names` maps each key of `space` to the caller's name.
        """
        space = {}
        names = {}
        prefix = "estimator__" if self.is_wrapped else ""
        for name, values in search_params.items():
            translated = [self.translate(name, value) for value in values]
            if None not in translated:
                key = prefix + translated[0][0]
                self._check_new(name, key, space)
                space[key] = [value for _, value in translated]
                names[key] = name
        return space, names

    def translate(self, name, value):
        """Return the installed release's (name, value), or None when it has no such choice.

        Raises UserError for a name that the class does not know.
        """
        if name in spellings.WITHOUT_EFFECT.get(self.library, ()):
            pgml_runtime.emit_warning(f"{self.library} no longer has {name}: it is ignored")
            return None
        self._check_known(name)
        name = self._canonical(name)
        value = self.names.translate(self.library, name, value)
        if self.library == "xgboost":
            value = libraries.translate_xgboost(name, value)
        if self.library == "catboost" and name in spellings.CATBOOST_CHATTER:
            pgml_runtime.emit_warning(f"catboost writes no log in a server: {name} is ignored")
            return None
        if self.library == "catboost":
            value = libraries.translate_catboost(name, value)
        if self._replacement and name in self._replacement.renamed:
            values = self._replacement.values.get(name)
            if values and value not in values:
                raise unknown(name, value, list(values))
            return self._replacement.renamed[name], values[value] if values else value
        if self.library == "sklearn":
            return self._translate_sklearn(name, value)
        return name, value

    def _translate_sklearn(self, name, value):
        class_name = self.algorithm.class_name
        current = name in self._declared and self._declared[name] != "deprecated"
        if isinstance(value, str):
            value = spellings.OLD_VALUES.get(name, {}).get(value, value)
        if name == "max_features" and value == "auto":
            value = 1.0 if self.algorithm.task == "regression" else "sqrt"
        elif name == "normalize":
            if value is True:
                raise UserError(
                    "hyperparameter normalize = true is no longer available",
                    hint="Scale the features in the relation that is trained on.",
                )
            return None
        elif name == "algorithm" and class_name == "AdaBoostClassifier" and not current:
            if value != "SAMME":
                pgml_runtime.emit_warning(f"ada_boost always uses SAMME: {value} is gone")
            return None
        elif name == "multi_class" and not current and value in ("auto", "multinomial"):
            return None
        elif name == "multi_class" and name not in self._declared:
            raise UserError(
                f"hyperparameter multi_class = {value} is no longer available",
                hint="Leave it out: several classes are trained jointly (multinomial).",
            )
        elif name == "n_jobs" and class_name == "LogisticRegression" and self.release >= (1, 8):
            return None
        return name, value

    def _canonical(self, name):
        new = self._old_names.get(name, name)
        is_old = name not in self._declared or self._declared[name] == "deprecated"
        return new if is_old and new in self._declared else name

    def _check_new(self, name, translated, given):
        if translated in given:
            raise UserError(
                f'hyperparameter "{name}" of {self.algorithm.name} is given twice',
                hint=f"It is another name of {translated}.",
            )

    def check_names(self, names):
        """Raise UserError for the first that is no hyperparameter of the class."""
        without_effect = spellings.WITHOUT_EFFECT.get(self.library, ())
        for name in names:
            if name not in without_effect:
                self._check_known(name)

    def _check_known(self, name):
        libraries.refuse(self.library, name)
        dropped = {"AdaBoostClassifier": ["algorithm"], "LogisticRegression": ["multi_class"]}
        known = (
            name in self._declared
            or name in self._extra
            or self._canonical(name) in self._declared
            or name in dropped.get(self.algorithm.class_name, ())
            or (name == "normalize" and self.algorithm.module == _LINEAR)
        )
        if not known:
            current = [one for one, value in self._declared.items() if value != "deprecated"]
            raise unknown(f"{self.algorithm.name} hyperparameter", name, current)


def _release(module):
    """Return (major, minor) of an imported library."""
    major, minor = module.__version__.split(".")[:2]
    return int(major), int(minor)


def _penalty_as_ratio(given):
    """Write LogisticRegression's `penalty` as release 1.8 wants it: l1_ratio, or infinite C."""
    given = dict(given)
    penalty = given.pop("penalty", "absent")
    if penalty is None:
        given["C"] = float("inf")
    elif penalty in ("l1", "l2"):
        given["l1_ratio"] = 1.0 if penalty == "l1" else 0.0
    elif penalty not in ("elasticnet", "absent"):
        raise unknown("penalty", penalty, ["l1", "l2", "elasticnet", "none"])
    return given
