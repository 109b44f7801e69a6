//! A step for the tests of this crate.

use serde::{Deserialize, Serialize};

use crate::job::{ALL_BUT_ONE, Cost, JobRef, Step};
use crate::plan::Target;

/// How much of a machine a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Size {
    /// One core for a short time.
    Small,
    /// One core, and 800 megabytes for longer.
    Large,
    /// All cores but one, alone with those that use the same directory.
    Huge,
}

impl Step for Size {
    fn cost(&self) -> Cost {
        let (cores, memory, seconds) = match self {
            Self::Small => (1, 100, 3),
            Self::Large => (1, 800, 10),
            Self::Huge => (ALL_BUT_ONE, 3000, 60),
        };
        Cost {
            cores,
            memory,
            seconds,
            alone_with: (*self == Self::Huge).then_some("a directory"),
        }
    }

    fn reads(&self) -> Vec<&JobRef> {
        Vec::new()
    }
}

/// A target that is never blocked.
pub(crate) struct Whole(Vec<String>);

impl Target for Whole {
    fn goals(&self) -> &[String] {
        &self.0
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

pub(crate) type Job = crate::job::Job<Size>;
pub(crate) type Plan = crate::plan::Plan<Size, Whole>;
