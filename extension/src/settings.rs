//! The settings (GUCs) of pgml.

use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

static RUNTIME_PATH: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"/usr/lib/pgml"));
static VENV: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);
static OMP_NUM_THREADS: GucSetting<i32> = GucSetting::<i32>::new(1);

static MODEL_CACHE: GucSetting<i32> = GucSetting::<i32>::new(256 << 10);

static SHARE_MODELS: GucSetting<bool> = GucSetting::<bool>::new(true);

static ISOLATION: GucSetting<Isolation> = GucSetting::<Isolation>::new(Isolation::Process);

/// The values of `pgml.isolation`: the process in which Python trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, pgrx::PostgresGucEnum)]
pub enum Isolation {
    /// In the session's own process.
    #[name = c"backend"]
    Backend,
    /// In a process of its own, whose end is an ERROR.
    #[name = c"process"]
    Process,
}

const PYTHON: &CStr = c"Read once in a session, when it first needs Python.";

/// Declare the settings to Postgres. The paths decide whose code runs in the backend, so only a superuser sets them.
pub fn define() {
    GucRegistry::define_string_guc(
        c"pgml.runtime_path",
        c"Directory of the Python packages: they are in python<X>.<Y>/site-packages below it.",
        PYTHON,
        &RUNTIME_PATH,
        GucContext::Suset,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_string_guc(
        c"pgml.venv",
        c"Python virtual environment whose packages are used instead of those in pgml.runtime_path.",
        PYTHON,
        &VENV,
        GucContext::Suset,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_int_guc(
        c"pgml.omp_num_threads",
        c"Threads that the Python packages may use in a session.",
        PYTHON,
        &OMP_NUM_THREADS,
        1,
        1024,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"pgml.model_cache",
        c"Memory for the models that a session keeps after it has predicted with them.",
        c"The one that was used last is kept whatever its size. Counted is the size of their files, without the memory that sessions share. At most a quarter of what pgml.memory_limit allows is used.",
        &MODEL_CACHE,
        64,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_bool_guc(
        c"pgml.share_models",
        c"Whether sessions share the memory of large models that they predict with.",
        c"The arrays of a model above 1 MB are then in a file in base/pgsql_tmp that the sessions map.",
        &SHARE_MODELS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"pgml.isolation",
        c"Where Python trains: in the session's process, or in a process of its own.",
        c"In a process of its own, a crash is an ERROR, and a cancel and pgml.memory_limit hold in every library.",
        &ISOLATION,
        GucContext::Suset,
        GucFlags::default(),
    );
    crate::memory::define_setting();
    reserve_prefix();
}

/// From here on a misspelt setting of ours is refused instead of being kept without effect.
fn reserve_prefix() {
    // SAFETY: called while the library is loaded, as Postgres wants it, with a static string.
    unsafe {
        #[cfg(any(feature = "pg13", feature = "pg14"))]
        pgrx::pg_sys::EmitWarningsOnPlaceholders(c"pgml".as_ptr());
        #[cfg(not(any(feature = "pg13", feature = "pg14")))]
        pgrx::pg_sys::MarkGUCPrefixReserved(c"pgml".as_ptr());
    }
}

fn path(value: Option<CString>) -> Option<PathBuf> {
    // A path is bytes, whatever the database's encoding.
    let path = OsString::from_vec(value?.into_bytes());
    (!path.is_empty()).then(|| PathBuf::from(path))
}

pub fn runtime_path() -> PathBuf {
    path(RUNTIME_PATH.get()).unwrap_or_else(|| PathBuf::from("/usr/lib/pgml"))
}

/// The virtual environment, when one is set.
pub fn venv() -> Option<PathBuf> {
    path(VENV.get())
}

pub fn omp_num_threads() -> i32 {
    OMP_NUM_THREADS.get()
}

pub fn share_models() -> bool {
    SHARE_MODELS.get()
}

pub fn isolation() -> Isolation {
    ISOLATION.get()
}

/// The bytes that models may take in a session.
pub fn model_cache() -> usize {
    let set = MODEL_CACHE.get() as usize * 1024;
    crate::memory::most_for_models().map_or(set, |most| set.min(most))
}
