// What XGBoost's sources ask of its src/collective, of dmlc-core's streams and of its loaders, in a process that learns alone
// and reads no file: none of these is compiled, so that the library has no socket, no thread and no path to a file. What can't
// be answered alone throws.

#include <dmlc/io.h>
#include <dmlc/registry.h>
#include <xgboost/collective/result.h>
#include <xgboost/logging.h>

#include <memory>
#include <string>
#include <vector>

#include "src/collective/allgather.h"
#include "src/collective/allreduce.h"
#include "src/collective/broadcast.h"
#include "src/collective/coll.h"
#include "src/collective/comm.h"
#include "src/collective/comm_group.h"
#include "src/collective/communicator-inl.h"
#include "src/collective/loop.h"
#include "src/common/cache_manager.h"
#include "src/common/cuda_rt_utils.h"
#include "src/common/threading_utils.h"
#include "src/predictor/interpretability/shap.h"

namespace xgboost::collective {
namespace {

Result Refused() { return Fail("this XGBoost learns alone"); }

// The one member of a group of one. Its world is -1, which says that nothing is distributed.
class Alone : public HostComm {
 public:
  [[nodiscard]] bool IsFederated() const override { return false; }
  [[nodiscard]] Result LogTracker(std::string message) const override {
    LOG(CONSOLE) << message;
    return Success();
  }
  [[nodiscard]] Result Shutdown() override { return Success(); }
  [[nodiscard]] Comm* MakeCUDAVar(Context const*, std::shared_ptr<Coll>) const override { return nullptr; }
};

}  // namespace

// Named by the virtual functions of Comm, which nothing calls.
Result GetHostName(std::string*) { return Refused(); }
void Loop::Submit(Op) { LOG(FATAL) << "this XGBoost learns alone"; }
Result Loop::Block() { return Refused(); }
Result Loop::Stop() { return Success(); }

Coll* Coll::MakeCUDAVar() { return nullptr; }
Result Coll::Allreduce(Context const*, Comm const&, common::Span<std::int8_t>, ArrayInterfaceHandler::Type, Op) {
  return Refused();
}
Result Coll::Broadcast(Context const*, Comm const&, common::Span<std::int8_t>, std::int32_t) { return Refused(); }
Result Coll::Allgather(Context const*, Comm const&, common::Span<std::int8_t>) { return Refused(); }
Result Coll::AllgatherV(Context const*, Comm const&, common::Span<std::int8_t const>, common::Span<std::int64_t const>,
                        common::Span<std::int64_t>, common::Span<std::int8_t>, AllgatherVAlgo) {
  return Refused();
}

namespace cpu_impl {
Result RingAllreduce(Comm const&, common::Span<std::int8_t>, Func const&, ArrayInterfaceHandler::Type) {
  return Refused();
}
Result Broadcast(Comm const&, common::Span<std::int8_t>, std::int32_t) { return Refused(); }
}  // namespace cpu_impl

CommGroup::CommGroup() : comm_{std::make_shared<Alone>()}, backend_{std::make_shared<Coll>()} {}
std::shared_ptr<Coll> CommGroup::Backend(DeviceOrd) const { return backend_; }
Comm const& CommGroup::Ctx(Context const*, DeviceOrd) const { return *comm_; }

std::unique_ptr<CommGroup>& GlobalCommGroup() {
  static auto group = std::make_unique<CommGroup>();
  return group;
}

std::int32_t GetRank() noexcept { return 0; }
std::int32_t GetWorldSize() noexcept { return 1; }
bool IsDistributed() noexcept { return false; }
bool IsFederated() { return false; }
void Print(std::string const& message) { LOG(CONSOLE) << message; }

}  // namespace xgboost::collective

// Nothing depends on the machine: the sizes of its caches decide in which order the library adds up, and the number of its
// processors how many threads it would have.
namespace xgboost::common {

CacheManager::CacheManager() { this->SetDefaultCaches(); }
std::int32_t GetCfsCPUCount() noexcept { return 1; }
std::int32_t OmpGetNumThreads(std::int32_t) noexcept(true) { return 1; }
void NameThread(std::thread*, StringView) {}

}  // namespace xgboost::common

// There is no GPU, and contributions are computed elsewhere.
namespace xgboost {
namespace curt {
std::int32_t AllVisibleGPUs() { return 0; }
void MemcpyAsync(void*, void const*, std::size_t, StreamRef) { LOG(FATAL) << "this XGBoost has no GPU"; }
}  // namespace curt

namespace interpretability::cpu_impl {
void ShapValues(Context const*, DMatrix*, HostDeviceVector<float>*, gbm::GBTreeModel const&, bst_tree_t,
                std::vector<float> const*, int, unsigned) {
  LOG(FATAL) << "this XGBoost explains nothing";
}
void ShapInteractionValues(Context const*, DMatrix*, HostDeviceVector<float>*, gbm::GBTreeModel const&, bst_tree_t,
                           std::vector<float> const*, bool) {
  LOG(FATAL) << "this XGBoost explains nothing";
}
void ApproxFeatureImportance(Context const*, DMatrix*, HostDeviceVector<float>*, gbm::GBTreeModel const&, bst_tree_t,
                             std::vector<float> const*) {
  LOG(FATAL) << "this XGBoost explains nothing";
}
}  // namespace interpretability::cpu_impl
}  // namespace xgboost

// Registries name the files that enter something into them. These files are not compiled: what they would enter is refused by
// its name before the library sees it.
namespace xgboost {
namespace data {
DMLC_REGISTRY_FILE_TAG(sparse_page_raw_format);
DMLC_REGISTRY_FILE_TAG(gradient_index_format);
}  // namespace data
namespace gbm {
DMLC_REGISTRY_FILE_TAG(gblinear);
}  // namespace gbm
namespace metric {
DMLC_REGISTRY_FILE_TAG(rank_metric);
DMLC_REGISTRY_FILE_TAG(survival_metric);
}  // namespace metric
namespace obj {
DMLC_REGISTRY_FILE_TAG(hinge_obj);
DMLC_REGISTRY_FILE_TAG(lambdarank_obj);
}  // namespace obj
namespace tree {
DMLC_REGISTRY_FILE_TAG(updater_refresh);
}  // namespace tree
}  // namespace xgboost

namespace dmlc {

Stream* Stream::Create(char const* uri, char const*, bool) {
  LOG(FATAL) << "this XGBoost opens no files, and was asked for `" << uri << "`";
  return nullptr;
}

}  // namespace dmlc
