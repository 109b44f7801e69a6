// What pgml calls of XGBoost: a C interface of its own in place of the library's src/c_api. That one also reads files and
// URIs, and lets through what is no std::exception. Here every function catches everything, and says what it was by
// pgml_xgboost_error. Nothing is read or written but memory; what would leave it is not compiled in (see alone.cc).
//
// A round can take minutes. The library's Monitor measures each of its phases, several in each level of a tree; ours asks
// there whether to go on instead, and throws when not.

#include <xgboost/data.h>
#include <xgboost/global_config.h>
#include <xgboost/host_device_vector.h>
#include <xgboost/json.h>
#include <xgboost/learner.h>
#include <xgboost/linalg.h>
#include <xgboost/logging.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/common/timer.h"
#include "src/data/adapter.h"

namespace {

// The message of the last error. A backend has one thread.
std::string last_error;  // NOLINT

// Whether to give up; null: never.
bool (*gives_up)() = nullptr;

struct GivenUp {};

constexpr int kDone = 0;
constexpr int kFailed = -1;
constexpr int kGivenUp = -2;

// A training: the rows to learn from, those that say when to stop (or none), and the model.
struct Training {
  std::shared_ptr<xgboost::DMatrix> rows;
  std::shared_ptr<xgboost::DMatrix> held;
  std::unique_ptr<xgboost::Learner> learner;
  // What the functions hand out; each call overwrites its own.
  std::string evaluation;
  std::vector<char> model;
  xgboost::HostDeviceVector<float> predictions;
};

// Run `work`; nothing that it throws passes.
template <typename Work>
int Guarded(Work work) noexcept {
  try {
    try {
      work();
      return kDone;
    } catch (GivenUp const&) {
      return kGivenUp;
    } catch (std::exception const& error) {
      last_error = error.what();
    } catch (...) {
      last_error = "an exception that is none of the standard library's";
    }
  } catch (...) {
    // No memory for the message.
    last_error.clear();
  }
  return kFailed;
}

}  // namespace

namespace xgboost::common {

void Monitor::Start(std::string const&) {
  if (gives_up != nullptr && gives_up()) {
    throw GivenUp{};
  }
}
void Monitor::Stop(std::string const&) {}
void Monitor::Print() const {}

}  // namespace xgboost::common

extern "C" {

// Rows of a training: `x` has rows × columns values, row by row, where NaN is missing; `y` a label for each row, `weights`
// a weight for each, or null.
struct pgml_xgboost_rows {
  float const* x;
  float const* y;
  float const* weights;
  std::uint64_t rows;
};

char const* pgml_xgboost_error() { return last_error.c_str(); }

// Every message of the library goes to `callback`, and none to the console.
int pgml_xgboost_log(void (*callback)(char const*)) {
  return Guarded([&] { xgboost::LogCallbackRegistryStore::Get()->Register(callback); });
}

// `asks` is called while the library works; where it says yes, the call returns -2.
void pgml_xgboost_interrupt(bool (*asks)()) { gives_up = asks; }

void pgml_xgboost_free(void* handle) {
  Guarded([&] { delete static_cast<Training*>(handle); });
}

// `held` may have no rows; `feature_weights`, one for each column, may be null. `names` and `values` are the library's
// parameters, `count` of each.
int pgml_xgboost_new(pgml_xgboost_rows const* rows, pgml_xgboost_rows const* held, std::uint64_t columns,
                     float const* feature_weights, char const* const* names, char const* const* values,
                     std::uint64_t count, void** out) {
  return Guarded([&] {
    auto const matrix = [&](pgml_xgboost_rows const& from) {
      xgboost::data::DenseAdapter adapter{from.x, from.rows, columns};
      auto const missing = std::numeric_limits<float>::quiet_NaN();
      std::shared_ptr<xgboost::DMatrix> made{xgboost::DMatrix::Create(&adapter, missing, 1)};
      made->SetInfo("label", xgboost::linalg::Make1dInterface(from.y, from.rows));
      if (from.weights != nullptr) {
        made->SetInfo("weight", xgboost::linalg::Make1dInterface(from.weights, from.rows));
      }
      if (feature_weights != nullptr) {
        made->SetInfo("feature_weights", xgboost::linalg::Make1dInterface(feature_weights, columns));
      }
      return made;
    };
    auto training = std::make_unique<Training>();
    training->rows = matrix(*rows);
    std::vector<std::shared_ptr<xgboost::DMatrix>> known{training->rows};
    if (held->rows != 0) {
      training->held = matrix(*held);
      known.push_back(training->held);
    }
    training->learner.reset(xgboost::Learner::Create(known));
    xgboost::Args parameters;
    for (std::uint64_t place = 0; place < count; ++place) {
      parameters.emplace_back(names[place], values[place]);
    }
    training->learner->SetParams(parameters);
    training->learner->Configure();
    *out = training.release();
  });
}

// One round: a tree, or several, for each class.
int pgml_xgboost_step(void* handle, std::int32_t round) {
  return Guarded([&] {
    auto* training = static_cast<Training*>(handle);
    training->learner->UpdateOneIter(round, training->rows);
  });
}

// The metrics of the rows held back after a round, as the library writes them: "[3]\theld-rmse:1.5".
int pgml_xgboost_evaluate(void* handle, std::int32_t round, char const** out) {
  return Guarded([&] {
    auto* training = static_cast<Training*>(handle);
    CHECK(training->held) << "no rows were held back";
    training->evaluation = training->learner->EvalOneIter(round, {training->held}, {"held"});
    *out = training->evaluation.c_str();
  });
}

// The model as JSON, not ended by NUL.
int pgml_xgboost_model(void* handle, char const** out, std::uint64_t* length) {
  return Guarded([&] {
    auto* training = static_cast<Training*>(handle);
    xgboost::Json model{xgboost::Object{}};
    training->learner->SaveModel(&model);
    xgboost::Json::Dump(model, &training->model);
    *out = training->model.data();
    *length = training->model.size();
  });
}

// What the first `rounds` rounds predict for the rows of the training, or those held back, row by row: probabilities of a
// classification.
int pgml_xgboost_predict(void* handle, std::int32_t rounds, bool held, float const** out, std::uint64_t* length) {
  return Guarded([&] {
    auto* training = static_cast<Training*>(handle);
    auto const& rows = held ? training->held : training->rows;
    CHECK(rows) << "no rows were held back";
    training->learner->Predict(rows, false, &training->predictions, 0, rounds);
    auto const& found = training->predictions.ConstHostVector();
    *out = found.data();
    *length = found.size();
  });
}

}  // extern "C"
