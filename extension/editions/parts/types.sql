CREATE TYPE pgml.task AS ENUM ('regression', 'classification', 'clustering', 'decomposition', 'transformer');
COMMENT ON TYPE pgml.task IS 'What a project learns';

-- The names of both older editions: 1.0 spelt orthogonal matching pursuit in its own way, and its databases still do.
CREATE TYPE pgml.algorithm AS ENUM (
    'linear',
    'ridge',
    'lasso',
    'elastic_net',
    'least_angle',
    'lasso_least_angle',
    'orthoganl_matching_pursuit',
    'orthogonal_matching_pursuit',
    'bayesian_ridge',
    'automatic_relevance_determination',
    'stochastic_gradient_descent',
    'perceptron',
    'passive_aggressive',
    'ransac',
    'theil_sen',
    'huber',
    'quantile',
    'kernel_ridge',
    'gaussian_process',
    'svm',
    'nu_svm',
    'linear_svm',
    'ada_boost',
    'bagging',
    'extra_trees',
    'gradient_boosting_trees',
    'hist_gradient_boosting',
    'random_forest',
    'xgboost',
    'xgboost_random_forest',
    'lightgbm',
    'kmeans',
    'mini_batch_kmeans',
    'birch',
    'affinity_propagation',
    'mean_shift',
    'pca',
    'catboost',
    'knn',
    'dbscan',
    'optics',
    'spectral',
    'spectral_bi',
    'spectral_co',
    'feature_agglomeration'
);
COMMENT ON TYPE pgml.algorithm IS 'How a model learns';

CREATE TYPE pgml.runtime AS ENUM ('python', 'rust');
COMMENT ON TYPE pgml.runtime IS 'What trains a model and predicts with it';

CREATE TYPE pgml.search AS ENUM ('grid', 'random');
COMMENT ON TYPE pgml.search IS 'How hyperparameters are searched';

CREATE TYPE pgml.sampling AS ENUM ('random', 'last', 'stratified');
COMMENT ON TYPE pgml.sampling IS 'How test rows are chosen';

CREATE TYPE pgml.strategy AS ENUM ('new_score', 'best_score', 'most_recent', 'rollback', 'specific');
COMMENT ON TYPE pgml.strategy IS 'Why a model was deployed';

CREATE TYPE pgml.status AS ENUM ('in_progress', 'successful', 'failed');
COMMENT ON TYPE pgml.status IS 'How far a snapshot or a model has come';
