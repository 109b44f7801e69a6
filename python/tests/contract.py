"""The contract's table of algorithms, written down a second time so that the code can be wrong."""

import importlib
import warnings

PAIRS = {
    ("linear", "regression"): "sklearn.linear_model.LinearRegression",
    ("linear", "classification"): "sklearn.linear_model.LogisticRegression",
    ("ridge", "regression"): "sklearn.linear_model.Ridge",
    ("ridge", "classification"): "sklearn.linear_model.RidgeClassifier",
    ("lasso", "regression"): "sklearn.linear_model.Lasso",
    ("elastic_net", "regression"): "sklearn.linear_model.ElasticNet",
    ("least_angle", "regression"): "sklearn.linear_model.Lars",
    ("lasso_least_angle", "regression"): "sklearn.linear_model.LassoLars",
    ("orthoganl_matching_pursuit", "regression"): "sklearn.linear_model.OrthogonalMatchingPursuit",
    ("bayesian_ridge", "regression"): "sklearn.linear_model.BayesianRidge",
    ("automatic_relevance_determination", "regression"): "sklearn.linear_model.ARDRegression",
    ("stochastic_gradient_descent", "regression"): "sklearn.linear_model.SGDRegressor",
    ("stochastic_gradient_descent", "classification"): "sklearn.linear_model.SGDClassifier",
    ("perceptron", "classification"): "sklearn.linear_model.Perceptron",
    ("passive_aggressive", "regression"): "sklearn.linear_model.PassiveAggressiveRegressor",
    ("passive_aggressive", "classification"): "sklearn.linear_model.PassiveAggressiveClassifier",
    ("ransac", "regression"): "sklearn.linear_model.RANSACRegressor",
    ("theil_sen", "regression"): "sklearn.linear_model.TheilSenRegressor",
    ("huber", "regression"): "sklearn.linear_model.HuberRegressor",
    ("quantile", "regression"): "sklearn.linear_model.QuantileRegressor",
    ("kernel_ridge", "regression"): "sklearn.kernel_ridge.KernelRidge",
    ("gaussian_process", "regression"): "sklearn.gaussian_process.GaussianProcessRegressor",
    ("gaussian_process", "classification"): "sklearn.gaussian_process.GaussianProcessClassifier",
    ("svm", "regression"): "sklearn.svm.SVR",
    ("svm", "classification"): "sklearn.svm.SVC",
    ("nu_svm", "regression"): "sklearn.svm.NuSVR",
    ("nu_svm", "classification"): "sklearn.svm.NuSVC",
    ("linear_svm", "regression"): "sklearn.svm.LinearSVR",
    ("linear_svm", "classification"): "sklearn.svm.LinearSVC",
    ("xgboost", "regression"): "xgboost.XGBRegressor",
    ("xgboost", "classification"): "xgboost.XGBClassifier",
    ("xgboost_random_forest", "regression"): "xgboost.XGBRFRegressor",
    ("xgboost_random_forest", "classification"): "xgboost.XGBRFClassifier",
    ("lightgbm", "regression"): "lightgbm.LGBMRegressor",
    ("lightgbm", "classification"): "lightgbm.LGBMClassifier",
}
for _name, _class in (
    ("ada_boost", "AdaBoost"),
    ("bagging", "Bagging"),
    ("extra_trees", "ExtraTrees"),
    ("gradient_boosting_trees", "GradientBoosting"),
    ("hist_gradient_boosting", "HistGradientBoosting"),
    ("random_forest", "RandomForest"),
):
    PAIRS[_name, "regression"] = f"sklearn.ensemble.{_class}Regressor"
    PAIRS[_name, "classification"] = f"sklearn.ensemble.{_class}Classifier"

SECOND_SPELLING = ("orthogonal_matching_pursuit", "regression")

# The defaults that scikit-learn 1.3 announces and later releases have.
_NEWER_DEFAULTS = {"LinearSVC": "dual", "LinearSVR": "dual", "QuantileRegressor": "solver"}


def direct(pair, **hyperparams):
    """Build the contract's own class as a data scientist would, deprecated or not."""
    module, class_name = PAIRS[pair].rsplit(".", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made_from = getattr(importlib.import_module(module), class_name)
        declared = made_from().get_params(deep=False)
        arguments = {}
        if "random_state" in declared:
            arguments["random_state"] = 0
        name = _NEWER_DEFAULTS.get(class_name)
        if declared.get(name) == "warn":
            arguments[name] = "auto" if name == "dual" else "highs"
        if module == "lightgbm":
            arguments["verbosity"] = -1
        # By constructor: set_params(C=…) has no effect on PassiveAggressive in release 1.8.
        return made_from(**{**arguments, **hyperparams})
