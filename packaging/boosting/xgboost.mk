# XGBoost as one static archive, from the sources that the crate xgboost_lib-sys carries. Run in the directory of those sources;
# OUT is where objects and the archive go. No cmake: the definitions below are what its own build chooses for Linux without
# OpenMP and CUDA. TOOLS and COMPILER_WRAPPER are as in lightgbm.mk.
#
# Only what trains in memory is compiled: not src/c_api (xgboost/border.cc beside this file has an interface of our own), not
# src/collective nor dmlc-core's sources (xgboost/alone.cc answers for them), and no rows that come from files. Each source alone
# would take most of its time with headers that all have in common, so that a few units include many.
TOOLS ?=
COMPILER_WRAPPER ?=
OUT := /build/out
OURS := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))

UNITS := tree boost bins objective metric data common learner
# A file that declares a registry comes before those that enter something into it.
tree := $(addprefix src/tree/,tree_updater updater_quantile_hist updater_approx updater_colmaker updater_prune fit_stump \
    constraints multi_target_tree_model param tree_model tree_view hist/histogram hist/sampler hist/hist_param)
boost := $(addprefix src/,gbm/gbm gbm/gbtree gbm/gbtree_model predictor/predictor predictor/cpu_predictor)
bins := $(addprefix src/,common/hist_util common/quantile common/column_matrix data/gradient_index data/simple_dmatrix)
objective := $(addprefix src/objective/,objective init_estimation regression_obj multiclass_obj quantile_obj)
metric := $(addprefix src/metric/,metric elementwise_metric multiclass_metric auc)
data := $(addprefix src/data/,data adapter array_interface metainfo cat_container proxy_dmatrix ellpack_page)
common := $(addprefix src/common/,charconv common error_msg expectile_loss_utils host_device_vector io json linalg_op numeric \
    optional_weight param_array pseudo_huber quantile_loss_utils random stats version)
learner := src/learner src/context src/global_config src/logging src/collective/result
# These are where the time of a training goes.
HOT := tree boost bins

DEFINES := -DNDEBUG -DDMLC_LOG_CUSTOMIZE=1 -DDMLC_LOG_STACK_TRACE=0 -D_MWAITXINTRIN_H_INCLUDED -DXGBOOST_BUILTIN_PREFETCH_PRESENT=1
# Products and sums are rounded one by one on every processor, as Rust rounds them. A time in the objects would make each build
# another one. The warnings are the project's own and not ours to mend.
FLAGS := -std=c++17 -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -ffp-contract=off -w -Werror=date-time \
    -ffile-prefix-map=$(CURDIR)=xgboost -ffile-prefix-map=$(OUT)=build -ffile-prefix-map=$(OURS)=pgml/ $(DEFINES) \
    -I. -Iinclude -Idmlc-core/include
OBJECTS := $(UNITS:%=$(OUT)/%.o) $(OUT)/border.o $(OUT)/alone.o

$(OUT)/libxgboost.a: $(OBJECTS)
	rm -f $@
	$(TOOLS)ar rcD $@ $(OBJECTS)

$(UNITS:%=$(OUT)/%.o): $(OUT)/%.o:
	printf '#include "%s.cc"\n' $($*) > $(@:.o=.cc)
	$(COMPILER_WRAPPER) $(TOOLS)g++ $(if $(filter $*,$(HOT)),-O2,-O1) $(FLAGS) -c $(@:.o=.cc) -o $@

$(OUT)/border.o $(OUT)/alone.o: $(OUT)/%.o: $(OURS)%.cc
	$(COMPILER_WRAPPER) $(TOOLS)g++ -O1 $(FLAGS) -c $< -o $@
