//! The targets that are built where no mirror has the oldest builder any more.
#![allow(clippy::unwrap_used)]

use build::plan::{Availability, Context};

use crate::{root, with_targets};

/// Catches a library that is compiled against a newer glibc than its target has, where the oldest builder can be had from
/// nowhere.
#[test]
fn the_next_builder_builds_for_the_targets_whose_glibc_allows_it() {
    with_targets(&root(), |targets, context| {
        let context = Context {
            builder: targets.builder("debian12").unwrap(),
            lockable: Vec::new(),
            ..*context
        };
        let all = targets.all(targets.first_architecture());
        let (plan, found) = build::plan::survey(&context, &all).unwrap();
        assert_eq!(build::plan::builder_release(&plan), Some("debian12"));
        let why = |target: &str| match &found[target] {
            Availability::Buildable => String::new(),
            Availability::Missing(why) => why.clone(),
        };
        for old in ["ubuntu20.04-pg15", "ubuntu22.04-pg15", "debian11-pg15"] {
            assert!(
                why(old).contains("whose glibc 2.36 is newer than"),
                "{old}: {}",
                why(old)
            );
        }
        for new in ["debian12-pg15", "ubuntu24.04-pg15", "debian13-pg17"] {
            assert_eq!(why(new), "", "{new}");
        }
    });
}
