//! Makes everything of a release: the plan of all jobs, and for each step the code that carries it out.
//!
//! It may use the crates for one field each (`jobs`, `debian`, `targets`, `symcheck`) and `inputs`. A step reads what its
//! job needs and nothing else: no clock, no environment, no network outside the fetch steps. The plan is computed before
//! anything is done.

pub mod compile;
pub mod layout;
pub mod oci;
pub mod package;
pub mod plan;
pub mod runtime;
pub mod sbom;
pub mod server_wheel;
pub mod steps;
pub mod verify;
