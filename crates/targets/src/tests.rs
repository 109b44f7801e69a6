//! The matrix: what `targets.toml` may say.

#![allow(clippy::unwrap_used)]

use super::*;

/// A small targets.toml in which every kind of reference occurs.
const SMALL: &str = include_str!("small.toml");

pub(crate) fn real() -> Targets {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
    Targets::load(&path).unwrap()
}

#[test]
fn the_real_file_has_the_whole_matrix() {
    let targets = real();
    assert_eq!(targets.majors.len(), 7);
    for architecture in &targets.architectures {
        assert_eq!(targets.distributions_on(architecture).count(), 8);
        assert_eq!(targets.all(architecture).len(), 56);
    }
    for major in &targets.majors {
        // PostgreSQL 19 has them from the project's archive alone, which has every major for each distribution.
        let of_archives = targets.with_other_majors.iter();
        let mut of_archives =
            of_archives.filter(|one| one.postgres == major.version && !one.development);
        assert!(
            major.headers.iter().any(|h| !h.development()) || of_archives.next().is_some(),
            "a release of {} needs headers",
            major.version
        );
    }
    let debian12 = targets.distribution("bookworm").unwrap();
    assert_eq!(debian12.id, "debian12");
    assert_eq!(debian12.libpython_soname(), "libpython3.11.so.1.0");
    let test = targets.role("test").unwrap();
    assert!(
        targets
            .seeds(test, debian12)
            .contains(&"libpython3.11".to_owned())
    );
}

#[test]
fn a_role_may_have_more_on_some_releases() {
    let targets = real();
    let image = targets.role("image").unwrap();
    let zones = "tzdata-legacy".to_owned();
    let has = |name: &str| {
        let distribution = targets.distribution(name).unwrap();
        targets.seeds(image, distribution).contains(&zones)
    };
    assert!(has("debian13") && has("debian14-arm64") && !has("debian12"));
    let text = include_str!("../../../packaging/targets.toml");
    let wrong = text.replacen("also = { debian13", "also = { debian99", 1);
    let error = Targets::parse("targets.toml", &wrong).unwrap_err();
    assert!(error.to_string().contains("debian99"), "{error}");
}

#[test]
fn the_oldest_glibc_is_the_builders() {
    // The builder's libc decides what every target must have: adding an older distribution must not pass unnoticed.
    let targets = real();
    let oldest = targets.distributions.iter().map(|d| &d.glibc).min();
    let builder = &targets.role("builder").unwrap().distributions[0];
    assert_eq!(oldest, targets.distribution(builder).map(|d| &d.glibc));
}

/// How a person sees the error.
fn rendered(text: &str) -> String {
    let error = Targets::parse("packaging/targets.toml", text).unwrap_err();
    let theme = miette::GraphicalTheme::unicode_nocolor();
    let mut out = String::new();
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
    handler.render_report(&mut out, &error).unwrap();
    out
}

macro_rules! refused {
    ($($name:ident: $right:literal => $wrong:literal;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(SMALL.matches($right).count(), 1, "the typo is made in one place");
            insta::assert_snapshot!(rendered(&SMALL.replacen($right, $wrong, 1)));
        }
    )*};
}

refused! {
    unknown_field: "\nglibc =" => "\nglibcc =";
    unknown_table: "[wheels]" => "[wheel]";
    missing_field: "openssl = \"libssl3\"\n" => "";
    wrong_type: "postgres = 15" => "postgres = \"15\"";
    no_version: "\"2.36\"" => "\"2,36\"";
    unknown_evidence: "\"tried\"" => "\"tryed\"";
    unknown_archive: "archive = \"debian\"" => "archive = \"debain\"";
    unknown_distribution: "distribution = \"debian12\"" => "distribution = \"debian21\"";
    unknown_builder: "'debian12'" => "'debian21'";
    no_suite_of_the_release: "\nname = \"bookworm\"\ncomp" => "\nname = \"bookworm\"\nkind = \"updates\"\ncomp";
    unknown_role: "[\"base\"]" => "[\"bass\"]";
    unknown_variable: "{postgres}" => "{postgers}";
    another_major_of_no_distribution: "distributions = [ \"debian12\" ]" => "distributions = [ \"debian21\" ]";
    another_major_that_is_none: "majors=[ 15 ]" => "majors=[ 51 ]";
    toolchain_of_no_role: "library='test'" => "library='tset'";
    toolchain_half_given: "role='base'\n" => "";
    unknown_major: "postgres = 15" => "postgres = 51";
    headers_of_another_major: "postgresql-server-dev-15" => "postgresql-server-dev-16";
    headers_half_given: "package = \"postgresql-server-dev-15\"\n" => "";
    libpython_of_another_python: "\"libpython3.11\"" => "\"libpython3.12\"";
    unknown_architecture: "beyond = [\"base\"]" => "architectures = [\"arm65\"]";
    an_architecture_twice: "name = \"arm64\"" => "name = \"amd64\"";
    a_name_twice: "name = \"test\"" => "name = \"base\"";
    another_format: "version = 1\n" => "version = 2\n";
    no_toml: "version = 15" => "version == 15";
}

#[test]
fn the_small_file_itself_is_right() {
    Targets::parse("small", SMALL).unwrap();
}

#[test]
fn a_name_means_one_target_on_every_machine() {
    let targets = real();
    for architecture in &targets.architectures {
        for target in targets.all(architecture) {
            let found = targets.target(&target.to_string()).unwrap();
            assert_eq!(found.distribution.id, target.distribution.id);
            assert_eq!(found.major, target.major);
        }
    }
    assert!(targets.target("debian12-pg15-riscv64").is_err());
}
