//! The rows about installed packages: what dpkg lists, and what the slim image leaves out.

use base::exit::Failure;
use build::package::packages;

use super::container::Container;
use super::contract::{Row, ensure_equal};
use super::ensure_says;
use crate::cases::ensure;

fn command<'a>(row: &'a Row<'_>, image: &str, script: &str) -> Result<Container<'a>, Failure> {
    let options = ["--user", "root", "--entrypoint", "sh"];
    let args: Vec<&str> = options.into_iter().chain([image, "-c", script]).collect();
    row.containers.start(&args)
}

pub(super) fn dpkg(row: &Row<'_>) -> Result<(), Failure> {
    let extension = packages::extension_name(row.test.target.major);
    let script = format!(
        "dpkg --audit; dpkg --verify; dpkg-query -W -f '${{Package}} ${{Status}}\\n' pgml-python {extension}; apt-get check --quiet=2"
    );
    let ended = command(row, &row.containers.full, &script)?.wait_for_end()?;
    let installed = "install ok installed";
    ensure_equal(
        ended.output.trim(),
        &format!("pgml-python {installed}\n{extension} {installed}"),
    )
}

pub(super) fn slim(row: &Row<'_>) -> Result<(), Failure> {
    let image = row.containers.slim.as_str();
    let server = row
        .containers
        .start(&["-e", "POSTGRES_PASSWORD=secret", image])?;
    server.wait_until_it_serves()?;
    let dot = "SELECT pgml.dot_product(ARRAY[1.0,2.0], ARRAY[3.0,4.0])";
    ensure_equal(&server.sql("postgres", dot)?, "11")?;
    ensure_equal(&server.sql("postgres", "SHOW jit")?, "off")?;
    let llvm = server.exec(&[
        "find", "/usr/lib", "-name", "libLLVM*", "-o", "-name", "llvmjit*",
    ])?;
    ensure_equal(&llvm, "")?;
    let script = "psql -U postgres -c \"SELECT pgml.load_dataset('iris')\" 2>&1 || true";
    let output = server.exec(&["sh", "-c", script])?;
    ensure_says(&output, &["ERROR", "pgml-python"])
}

pub(super) fn slim_dpkg(row: &Row<'_>) -> Result<(), Failure> {
    // Debian 11's dpkg says of a file that is not there what it says of one with other contents.
    let script = "verified() { dpkg --verify \"$@\" | while read -r marks rest; do file=/${rest#*/}
            [ -e \"$file\" ] || marks=missing; echo \"$marks $file\"; done; }
        dpkg --audit; verified; cat /etc/dpkg/dpkg.cfg.d/pgml-slim >&2; verified postgresql-15-pgml";
    let script = script.replace(
        "postgresql-15",
        &format!("postgresql-{}", row.test.target.major),
    );
    let ended = command(row, &row.containers.slim, &script)?.wait_for_end()?;
    ensure_says(&ended.output, &["path-exclude=/usr/lib/*/libLLVM*"])?;
    let filter = build::oci::filter::Filter::slim(row.test.source)?;
    let lines = ended
        .output
        .lines()
        .filter(|line| line.starts_with("missing") || line.starts_with("??"));
    let mut count = 0;
    for line in lines {
        let path = line
            .split_whitespace()
            .find(|word| word.starts_with('/'))
            .unwrap_or_default();
        ensure(
            line.starts_with("missing") && !filter.includes(path.trim_start_matches('/')),
            || line.into(),
        )?;
        count += 1;
    }
    ensure(count > 100, || {
        format!("dpkg misses {count} files only: does it know what is left out?")
    })
}
