//! Locks that were made from other archives than the distributions' own: of other majors, and stand-ins.

use base::files;
use build::plan::Plan;
use targets::{Target, Targets};

use super::{copy_sources, with_plan_of};

/// The source tree with locks of further distributions, each with one package for each of its roles.
fn tree_with_locks(ids: &[&str], stand_in: bool) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy_sources(dir.path());
    let packaging = dir.path().join("packaging");
    let targets = Targets::load(&packaging.join("targets.toml")).unwrap();
    let stand_in = if stand_in {
        "stand-in = \"packages of Debian 14\"\n"
    } else {
        ""
    };
    for id in ids {
        let distribution = targets.require_distribution(id).unwrap();
        let roles = targets
            .roles_of(distribution)
            .map(|role| format!("{:?}", role.name));
        let roles: Vec<String> = roles.collect();
        let text = format!(
            "version = 1\ndistribution = \"{id}\"\nconfig = \"{}\"\n\n[[suite]]\narchive = \"ubuntu\"\nname = \"x\"\n\
             date = \"2026-01-01T00:00:00Z\"\n{stand_in}\n[[package]]\nname = \"x\"\nversion = \"1\"\narchitecture = \"amd64\"\n\
             sha256 = \"{}\"\nsize = 1\narchive = \"ubuntu\"\npath = \"x\"\nroles = [{}]\n",
            targets::lock::config_digest(&targets, distribution),
            "1".repeat(64),
            roles.join(", ")
        );
        files::write(&packaging.join(format!("lock/{id}.toml")), text).unwrap();
    }
    dir
}

/// Catches a server of the archive of other majors that goes into a target's own lock, or that nothing takes.
#[test]
fn a_locked_archive_of_other_majors_makes_its_targets_installable_and_leaves_the_others_as_they_are()
 {
    let own = tree_with_locks(&["ubuntu24.04"], false);
    let both = tree_with_locks(&["ubuntu24.04", "ubuntu24.04-pgdg17"], false);
    let chosen = |target: &Target| {
        target.distribution.id == "ubuntu24.04" && [16, 17].contains(&target.major)
    };
    let before = with_plan_of(own.path(), &chosen, |plan, _| plan.unwrap());
    let after = with_plan_of(both.path(), &chosen, |plan, _| plan.unwrap());
    let why = |plan: &Plan| plan.targets["ubuntu24.04-pg17"].not_installable.clone();
    assert!(why(&before).is_some_and(|why| why.contains("`--mirror pgdg`")));
    assert_eq!(why(&after), None);
    for job in ["images:ubuntu24.04-pg17", "image-base:ubuntu24.04-pgdg17"] {
        assert!(
            before.job(job).is_none() && after.job(job).is_some(),
            "{job}"
        );
    }
    // Debian 13 carries 17, and the headers stay its own.
    assert!(after.job("unpack:debian13:headers").is_some());
    for job in [
        "images:ubuntu24.04-pg16",
        "stamp:ubuntu24.04-pg17",
        "package:ubuntu24.04",
    ] {
        assert_eq!(
            before.job(job).unwrap().key,
            after.job(job).unwrap().key,
            "{job}"
        );
    }
    // The headers of 14 came from a wheel, which a release refuses; a package goes before it.
    let fourteen = |target: &Target| target.to_string() == "ubuntu24.04-pg14";
    let headers = tree_with_locks(&["ubuntu24.04", "ubuntu24.04-pgdg14"], false);
    with_plan_of(headers.path(), &fourteen, |plan, _| {
        let plan = plan.unwrap();
        assert!(plan.job("unpack:ubuntu24.04-pgdg14:headers").is_some());
        build::plan::require_release(&plan).unwrap();
    });
}

/// Catches a target that counts as installed although its packages were another distribution's.
#[test]
fn what_stands_in_for_an_archive_is_told_and_no_release() {
    let tree = tree_with_locks(&["ubuntu26.04"], true);
    let own = |target: &Target| target.to_string() == "ubuntu26.04-pg18";
    with_plan_of(tree.path(), &own, |plan, _| {
        let plan = plan.unwrap();
        let error = build::plan::require_release(&plan).unwrap_err().to_string();
        assert!(
            error.contains("stand-in archive: packages of Debian 14"),
            "{error}"
        );
        let states = release::publish::states(&plan, &|_| release::publish::State::Yes);
        let state = &states["ubuntu26.04-pg18"];
        let stand_in = release::publish::State::StandIn("packages of Debian 14".into());
        assert_eq!((&state.image, &state.verified), (&stand_in, &stand_in));
        assert_eq!(state.held(), stand_in);
    });
}
