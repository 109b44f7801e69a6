//! From a source tree and a lock file to verified, reproducible packages of the `pgml` Postgres extension.
//!
//! The library follows the flow of the design: [`targets`] and [`lock`] say what there is to build and from which
//! inputs, [`plan`] computes all work as data, [`execute`] runs what of it is not in the cache, and [`steps`] hands each
//! job to the module that does it: [`fetch`], [`rootfs`], [`compile`], [`stamp`], [`verification`] (by the rules of
//! [`symbols`]), [`runtime`], [`deb`], [`apt`], [`oci`]. [`publish`] puts the results into `dist/`, [`systest`] tests them
//! ([`mislink`] makes what one of its tests must refuse), [`bench`] measures them, and [`scratch_cluster`] shows a build
//! to a server without installing it.
//!
//! Nothing here prints: whoever calls passes a [`progress::Listener`]. Nothing here changes the environment or the
//! current directory; what of them matters is passed in.

pub mod apt;
pub mod bench;
pub mod boosting;
pub mod compile;
pub mod compiler_cache;
pub mod day;
pub mod deb;
pub mod digest;
pub mod emulation;
pub mod execute;
pub mod exit;
pub mod fetch;
pub mod files;
mod first_lock;
pub mod host;
pub mod input_archive;
pub mod lock;
pub mod mislink;
pub mod oci;
pub mod outdated;
pub mod pipeline;
pub mod plan;
pub mod process;
pub mod progress;
pub mod provenance;
pub mod providers;
pub mod publish;
pub mod release;
pub mod relock;
pub mod report;
pub mod reproduce;
pub mod rootfs;
pub mod runtime;
pub mod sandbox;
pub mod sbom;
pub mod scratch_cluster;
pub mod server_release;
pub mod stamp;
pub mod steps;
pub mod store;
pub mod subjects;
pub mod symbols;
pub mod systest;
pub mod targets;
pub mod toolchain;
pub mod verification;
pub mod wheel_server;
pub mod workspace;
