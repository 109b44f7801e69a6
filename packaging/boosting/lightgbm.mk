# LightGBM as one static archive, from the sources that the crate lightgbm3-sys carries. Run in the directory of those
# sources; OUT is where objects and the archive go. No cmake: the files and definitions below are what its own build chooses
# for Linux without OpenMP, MPI, GPU and CUDA, and without the command line program. TOOLS is what the names of the compiler's
# programs begin with (`aarch64-linux-gnu-`), COMPILER_WRAPPER a program that calls them (sccache).
TOOLS ?=
COMPILER_WRAPPER ?=
OUT := /build/out
EXTERNAL := external_libs

SOURCES := $(sort $(filter-out src/main.cpp src/application/% src/treelearner/gpu_%, $(wildcard src/*.cpp src/*/*.cpp)))
NANOARROW := $(sort $(wildcard $(EXTERNAL)/nanoarrow/src/nanoarrow/common/*.c))
# Four units that include the sources: most of a source's time goes into the same templates of the tree learners' headers, and
# 36 units took twice as long as these. The longest is the first, so that it does not run alone at the end.
UNITS := treelearner io boosting rest
IN_treelearner := $(filter src/treelearner/%, $(SOURCES))
IN_io := $(filter src/io/%, $(SOURCES))
IN_boosting := $(filter src/boosting/% src/metric/% src/objective/%, $(SOURCES))
IN_rest := $(filter-out $(IN_treelearner) $(IN_io) $(IN_boosting), $(SOURCES))
OBJECTS := $(UNITS:%=$(OUT)/objects/%.o) $(NANOARROW:%.c=$(OUT)/objects/%.o)

DEFINES := -DNDEBUG -DUSE_SOCKET -DEIGEN_MPL2_ONLY -DEIGEN_DONT_PARALLELIZE
# Its build tries for headers that x86 alone has.
ifneq ($(filter x86_64-%,$(shell $(TOOLS)gcc -dumpmachine)),)
DEFINES += -DMM_PREFETCH -DMM_MALLOC
endif
INCLUDES := -I. -Iinclude -I$(EXTERNAL)/eigen -I$(EXTERNAL)/fmt/include -I$(EXTERNAL)/fast_double_parser/include \
    -I$(EXTERNAL)/nanoarrow/src -I$(OUT)/generated
# A time in the objects would make each build another one. The warnings are the project's own and not ours to mend.
FLAGS := -O2 -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -w -Werror=date-time \
    -ffile-prefix-map=$(CURDIR)=lightgbm -ffile-prefix-map=$(OUT)=build $(DEFINES) $(INCLUDES)

$(OUT)/liblightgbm.a: $(OBJECTS)
	rm -f $@
	$(TOOLS)ar rcD $@ $(OBJECTS)

$(UNITS:%=$(OUT)/objects/%.o): $(OUT)/objects/%.o: $(OUT)/units/%.cpp $(OUT)/generated/nanoarrow/nanoarrow_config.h
	@mkdir -p $(@D)
	$(COMPILER_WRAPPER) $(TOOLS)g++ -std=c++17 $(FLAGS) -c $< -o $@

$(OUT)/units/%.cpp:
	@mkdir -p $(@D)
	printf '#include "%s"\n' $(IN_$*) > $@

$(OUT)/objects/%.o: %.c $(OUT)/generated/nanoarrow/nanoarrow_config.h
	@mkdir -p $(@D)
	$(COMPILER_WRAPPER) $(TOOLS)gcc -std=c99 -D_POSIX_C_SOURCE=200809L $(FLAGS) -c $< -o $@

# What nanoarrow's own build writes from its template.
$(OUT)/generated/nanoarrow/nanoarrow_config.h: $(EXTERNAL)/nanoarrow/src/nanoarrow/nanoarrow_config.h.in
	@mkdir -p $(@D)
	sed -e 's/@NANOARROW_VERSION@/0.8.0/; s/@NANOARROW_VERSION_MAJOR@/0/; s/@NANOARROW_VERSION_MINOR@/8/' \
	    -e 's/@NANOARROW_VERSION_PATCH@/0/; s/@NANOARROW_NAMESPACE_DEFINE@//' $< > $@
