//! The packages that `--extra NAME` asks for.
#![allow(clippy::unwrap_used)]

use build::plan::{Availability, Context, Plan, Purpose, Step};
use targets::{Extra, Target, Targets};

use crate::{root, with_targets};

fn of(targets: &Targets, name: &str) -> Vec<Target> {
    let all = targets.all(targets.first_architecture());
    let mut chosen: Vec<Target> = all
        .into_iter()
        .filter(|target| target.to_string() == name)
        .collect();
    chosen.truncate(1);
    chosen
}

fn about(plan: &Plan, word: &str) -> Vec<String> {
    let ids = plan.jobs.iter().map(|job| job.id.clone());
    ids.filter(|id| id.contains(word)).collect()
}

/// Catches a default build that fetches 100 MB which nobody asked for.
#[test]
fn nothing_extra_is_planned_unless_it_is_asked_for() {
    with_targets(&root(), |targets, context| {
        let chosen = of(targets, "debian12-pg15");
        let plan = build::plan::compute(context, &chosen, Purpose::Test).unwrap();
        assert_eq!(about(&plan, "catboost"), Vec::<String>::new());
    });
}

/// Catches a package that is built and not published, or published and not checked.
#[test]
fn an_extra_package_is_verified_and_goes_into_the_repository() {
    with_targets(&root(), |targets, context| {
        let extras = targets.wheels.extras.clone();
        let context = Context {
            extras: &extras,
            lockable: Vec::new(),
            ..*context
        };
        let chosen = of(targets, "debian12-pg15");
        let plan = build::plan::compute(&context, &chosen, Purpose::Dist).unwrap();
        assert_eq!(
            about(&plan, "catboost"),
            [
                "fetch:catboost-python3.11",
                "runtime:debian12-catboost",
                "compress:debian12-catboost",
                "package:debian12-catboost",
                "sbom:debian12-catboost",
                "verify:debian12-pg15-catboost",
            ]
        );
        let repository = plan.job("repository").unwrap();
        let package = "package:debian12-catboost".to_owned();
        assert!(repository.needs.contains(&package));
        let verified = plan.job("verify:debian12-pg15-catboost").unwrap();
        assert!(matches!(verified.step, Step::VerifyExtra { .. }));
        // The others stay as they are without it.
        let plain = build::plan::compute(
            &Context {
                extras: &[],
                lockable: Vec::new(),
                ..context
            },
            &chosen,
            Purpose::Dist,
        );
        let plain = plain.unwrap();
        for id in [
            "package:debian12",
            "package:debian12-pg15",
            "verify:debian12-pg15",
        ] {
            assert_eq!(
                plain.job(id).unwrap().key,
                plan.job(id).unwrap().key,
                "{id}"
            );
        }
    });
}

/// Catches a Python whose package lacks what it is named after.
#[test]
fn a_python_without_a_wheel_is_refused_by_name() {
    with_targets(&root(), |targets, context| {
        let extras = [Extra {
            name: "lightgbm".into(),
            title: "LightGBM".into(),
            requirements: "python/requirements-catboost.lock".into(),
        }];
        let context = Context {
            extras: &extras,
            lockable: Vec::new(),
            ..*context
        };
        let chosen = of(targets, "debian12-pg15");
        let (_, found) = build::plan::survey(&context, &chosen).unwrap();
        let Availability::Missing(why) = &found["debian12-pg15"] else {
            panic!("it can be built");
        };
        assert!(
            why.starts_with(
                "pgml-python-lightgbm can't be made for Python 3.11: LightGBM has no wheel for it; leave out `--extra lightgbm`"
            ),
            "{why}"
        );
    });
}
