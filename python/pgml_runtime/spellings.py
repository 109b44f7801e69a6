"""Hyperparameters whose spelling, default or class a release of a library has changed.

What databases still hold is translated by these tables, and what a server must not be asked for
is refused by them; `algorithms` applies them, and nothing else does.
"""

from __future__ import annotations

import collections

# Spellings that scikit-learn has dropped: the parameter's name, or one value of a parameter.
OLD_NAMES = {"base_estimator": "estimator", "n_iter": "max_iter"}
OLD_VALUES = {
    "loss": {
        **dict.fromkeys(("ls", "least_squares", "squared_loss"), "squared_error"),
        **dict.fromkeys(("lad", "least_absolute_deviation", "absolute_loss"), "absolute_error"),
        **dict.fromkeys(("log", "deviance", "auto"), "log_loss"),
        **dict.fromkeys(("binary_crossentropy", "categorical_crossentropy"), "log_loss"),
    },
    "criterion": {"mse": "squared_error", "mae": "absolute_error"},
    "penalty": {"none": None},
}

# Defaults that release 1.3 announces to change; the value is what they became.
CHANGED_DEFAULTS = {
    "LinearSVC": {"dual": "auto"},
    "LinearSVR": {"dual": "auto"},
    "QuantileRegressor": {"solver": "highs"},
    "KMeans": {"n_init": "auto"},
    "MiniBatchKMeans": {"n_init": "auto"},
}

Replacement = collections.namedtuple(
    "Replacement", "since class_name arguments renamed values hidden"
)
_STEP_RULE = {"penalty": None, "learning_rate": "pa1", "eta0": 1.0}
_STEP_RULE_NAMES = {"C": "eta0", "loss": "learning_rate"}
_STEP_RULE_HIDDEN = "penalty learning_rate eta0 alpha l1_ratio power_t"
_ONE_ROUND = {"n_estimators": 1, "num_parallel_tree": 100, "learning_rate": 1.0}
_ONE_ROUND.update(subsample=0.8, colsample_bynode=0.8, reg_lambda=1e-5)
_TREES = {"n_estimators": "num_parallel_tree"}
# Deprecated classes, and what their documentation names instead, which does the same arithmetic:
# since which release of the library; arguments; caller's name → argument; caller's value → value;
# names of the new class that the old one lacks.
REPLACEMENTS = {
    "PassiveAggressiveRegressor": Replacement(
        (1, 8),
        "SGDRegressor",
        {**_STEP_RULE, "loss": "epsilon_insensitive"},
        _STEP_RULE_NAMES,
        {"loss": {"epsilon_insensitive": "pa1", "squared_epsilon_insensitive": "pa2"}},
        _STEP_RULE_HIDDEN.split(),
    ),
    "PassiveAggressiveClassifier": Replacement(
        (1, 8),
        "SGDClassifier",
        {**_STEP_RULE, "loss": "hinge"},
        _STEP_RULE_NAMES,
        {"loss": {"hinge": "pa1", "squared_hinge": "pa2"}},
        [*_STEP_RULE_HIDDEN.split(), "epsilon"],
    ),
    "XGBRFRegressor": Replacement(
        (3, 4), "XGBRegressor", _ONE_ROUND, _TREES, {}, ["num_parallel_tree"]
    ),
    "XGBRFClassifier": Replacement(
        (3, 4), "XGBClassifier", _ONE_ROUND, _TREES, {}, ["num_parallel_tree"]
    ),
}

XGBOOST_OLD_NAMES = {
    "alpha": "reg_alpha",
    "eta": "learning_rate",
    "lambda": "reg_lambda",
    "min_split_loss": "gamma",
    "nthread": "n_jobs",
    "num_boost_round": "n_estimators",
    "seed": "random_state",
}
# Parameters of the library that its scikit-learn classes take but don't declare.
XGBOOST_EXTRA = frozenset(
    "aft_loss_distribution aft_loss_distribution_scale feature_selector huber_slope "
    "lambdarank_bias_norm lambdarank_normalization lambdarank_num_pair_per_sample "
    "lambdarank_pair_method lambdarank_unbiased max_cached_hist_node normalize_type one_drop "
    "quantile_alpha rate_drop sample_type skip_drop top_k tweedie_variance_power updater".split()
)
# LightGBM reads and writes files, or opens ports, for these: nothing that SQL may ask a server for.
LIGHTGBM_REFUSED = frozenset(
    "config convert_model data forcedbins_filename forcedsplits_filename input_model "
    "local_listen_port machine_list_filename machines num_machines output_model output_result "
    "parser_config_file save_binary snapshot_freq task time_out tree_learner valid".split()
)
# CatBoost's names of one parameter; of each group one stays, scikit-learn's for the seed.
CATBOOST_OLD_NAMES = {
    **dict.fromkeys("n_estimators num_boost_round num_trees".split(), "iterations"),
    "eta": "learning_rate",
    "max_depth": "depth",
    "reg_lambda": "l2_leaf_reg",
    "colsample_bylevel": "rsm",
    "max_bin": "border_count",
    "random_seed": "random_state",
    "objective": "loss_function",
    "num_leaves": "max_leaves",
    "min_child_samples": "min_data_in_leaf",
}
CATBOOST_CHATTER = frozenset("verbose silent logging_level metric_period".split())
_NO_ROWS = "Leave it out, and choose iterations, with a search if need be: no rows are held back."
_NO_FILES = "SQL reaches no files of the server. Leave it out."
_NO_DEVICES = "Training runs on the server's processor. Leave it out."
_NO_COLUMNS = "Texts are categories here, and labels keep their names. Leave it out."
# CatBoost reads and writes files, waits for rows that it is not given, or asks for other hardware.
CATBOOST_REFUSED = {
    **dict.fromkeys(
        "allow_writing_files train_dir save_snapshot snapshot_file snapshot_interval input_borders "
        "output_borders name metadata custom_loss custom_metric callback".split(),
        _NO_FILES,
    ),
    **dict.fromkeys(
        "early_stopping_rounds eval_fraction od_pval od_type od_wait use_best_model "
        "best_model_min_trees".split(),
        _NO_ROWS,
    ),
    **dict.fromkeys(
        "task_type devices device_config gpu_ram_part gpu_cat_features_storage pinned_memory_size "
        "data_partition".split(),
        _NO_DEVICES,
    ),
    **dict.fromkeys(
        "text_features embedding_features tokenizers dictionaries feature_calcers text_processing "
        "class_names classes_count target_border".split(),
        _NO_COLUMNS,
    ),
}
WITHOUT_EFFECT = {
    "xgboost": ("gpu_id", "predictor", "silent", "use_label_encoder"),
    "lightgbm": ("silent",),
}
