//! The picture of the report in the documentation: made of a page with invented facts, so that it changes only when the
//! page does. The page that it was made of is named by its digest in `docs/report.md`.

use base::digest::Digest;
use base::exit::Failure;
use base::files;
use release::report::{self, Details};

use super::{ReportTest, WIDTH, png_size};
use crate::cases::ensure;

/// The page that shows the picture, and the picture beside it.
const PAGE: &str = "docs/report.md";
const PICTURE: &str = "docs/report.png";
/// What is before and behind the digest on the page.
const BEGIN: &str = "<!-- report.png shows the page with SHA-256 ";
const END: &str = ", made by `cargo xtask test --suite report --update` -->";
/// As much of the page as helps a reader who looks at it for the first time.
const HEIGHT: u32 = 800;
/// Everybody who clones the source has it.
const MOST_BYTES: usize = 200_000;

impl ReportTest<'_> {
    /// The picture is of the page as it is made today; with `update`, it is made anew.
    pub(super) fn documented(&self) -> Result<(), Failure> {
        let dir = self.scratch.join("documented");
        // Names are those of amd64 on every machine.
        let names = self
            .targets
            .iter()
            .map(|name| name.trim_end_matches("-arm64").to_owned());
        let names: Vec<String> = names.collect();
        let test = ReportTest {
            targets: &names,
            ..*self
        };
        let manifest = test.manifest_of_all();
        files::create_dir(&dir)?;
        report::publish(&dir, &manifest, &Details::default())?;
        let html = files::read(&dir.join(report::PAGE))?;
        let made_of = Digest::of(&html).to_string();
        let (page, picture) = (self.source.join(PAGE), self.source.join(PICTURE));
        let text = files::read_text(&page)?;
        let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
            let (digest, after) = rest.split_once(END)?;
            Some((before, digest, after))
        });
        let (before, digest, after) = parts
            .ok_or_else(|| Failure::bug("docs/report.md does not name the page of its picture"))?;
        if self.update {
            let made = self.picture("documented", &dir.join(report::PAGE), HEIGHT)?;
            files::remove_dir(&self.home("documented"))?;
            files::write(&picture, files::read(&made)?)?;
            files::write(&page, format!("{before}{BEGIN}{made_of}{END}{after}"))?;
        } else {
            ensure(digest == made_of, || {
                format!(
                    "{PICTURE} is of another page ({digest}, now {made_of}); \
                     `cargo xtask test --suite report --update` makes it anew"
                )
            })?;
        }
        let bytes = files::read(&picture)?;
        ensure(bytes.len() <= MOST_BYTES, || {
            format!(
                "{PICTURE} has {} bytes, and {MOST_BYTES} at most",
                bytes.len()
            )
        })?;
        ensure(png_size(&bytes) == Some((WIDTH, HEIGHT)), || {
            format!("{PICTURE} is no picture of {WIDTH} × {HEIGHT}")
        })
    }
}
