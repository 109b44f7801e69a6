//! Who signs a release: the user's key signs the repository and the statement, although a local key is there too.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use base::files;
use base::process::Program;
use base::progress::Silent;
use base::workspace::Workspace;
use build::plan::{Plan, Purpose, Step};
use debian::apt::options::{RepositoryOptions, UserKey};
use debian::apt::repository::KEYRING;
use debian::apt::signing::SigningKey;
use inputs::fetch::mirrors::UserMirrors;
use release::outdated::Summary;
use release::pipeline::Pipeline;
use release::provenance::{DIRECTORY, SIGNATURE, STATEMENT};
use release::publish::{self, plan_digest, products_digest};

fn pipeline(cache: &Path) -> Pipeline {
    let workspace = Workspace {
        root: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        cache: cache.to_owned(),
    };
    Pipeline::load(&workspace, Some("1000000000"), &UserMirrors::default()).unwrap()
}

fn whole_plan(pipeline: &Pipeline) -> Plan {
    let target = pipeline.targets.target("debian12-pg15").unwrap();
    pipeline.whole_plan(&[target], Purpose::Dist).unwrap()
}

/// A user's key in a directory below `dir`.
fn user_key(dir: &Path, log: &Path) -> UserKey {
    let home = dir.join("home");
    let key = SigningKey::local(&home, log).unwrap();
    UserKey {
        home,
        id: key.fingerprint().to_owned(),
    }
}

/// Whether gpgv accepts the statement of a release by a keyring.
fn is_signed_by(out: &Path, keyring: &Path, log: &Path) -> bool {
    let statement = out.join(DIRECTORY).join(STATEMENT);
    let gpgv = Program::new("gpgv").args(["--keyring".as_ref(), keyring.as_os_str()]);
    let gpgv = gpgv.args([&statement.with_file_name(SIGNATURE), &statement]);
    gpgv.run(log).is_ok()
}

/// Catches a statement that the local key signs although `--sign-key` names another: the keyring of the repository, by which
/// users check the statement, does not have it.
#[test]
fn the_key_of_the_repository_signs_the_statement() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, log) = (dir.path(), dir.path().join("log"));
    let mut pipeline = pipeline(&dir.join("cache"));
    let local = pipeline.steps(&[]).signing_key(&log).unwrap();
    let user = user_key(dir, &log);
    assert_ne!(user.id, local.fingerprint());
    let local_ring = dir.join("local.gpg");
    local.export(&local_ring, &log).unwrap();
    for (sign_key, by_local) in [(Some(user), false), (None, true)] {
        pipeline.repository.sign_key = sign_key;
        // An empty repository and the list of the source tree: the parts of a release without its packages.
        let mut plan = whole_plan(&pipeline);
        let kept = |step: &Step| matches!(step, Step::Source | Step::AptRepository);
        plan.jobs.retain(|job| kept(&job.step));
        for job in &mut plan.jobs {
            job.needs.clear();
        }
        plan.goals = plan.jobs.iter().map(|job| job.id.clone()).collect();
        plan.targets.clear();
        let outcome = pipeline.execute(&plan, &[], &Silent).unwrap();
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        let out = dir.join("dist");
        let unknown = Summary::default();
        pipeline
            .publish(&out, &plan, false, &unknown, &Silent)
            .unwrap();
        assert!(publish::is_current(&out, &plan));
        let ring = out.join("apt").join(KEYRING);
        assert!(is_signed_by(&out, &ring, &log), "by_local: {by_local}");
        assert_eq!(is_signed_by(&out, &local_ring, &log), by_local);
    }
}

/// Catches a digest in the statement that only somebody with the secret key can compute, and a release that is not made again
/// when another key is to sign it.
#[test]
fn the_digest_of_the_plan_does_not_depend_on_the_key_and_on_what_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, log) = (dir.path(), dir.path().join("log"));
    let mut pipeline = pipeline(&dir.join("cache"));
    let third_party = whole_plan(&pipeline);
    let kept = dir.join("kept");
    files::write(&kept.join("dists/x/Release"), "Suite: x\n").unwrap();
    files::write(&kept.join("pool/x/a_1_amd64.deb"), "1").unwrap();
    pipeline.repository = RepositoryOptions {
        sign_key: Some(user_key(dir, &log)),
        keep: Some(kept),
        ..RepositoryOptions::default()
    };
    let publisher = whole_plan(&pipeline);
    assert_eq!(products_digest(&publisher), products_digest(&third_party));
    // Another key makes another release.
    assert_ne!(plan_digest(&publisher), plan_digest(&third_party));
    pipeline.epoch += 1;
    let later = whole_plan(&pipeline);
    assert_ne!(products_digest(&later), products_digest(&third_party));
}
