//! Path filters in dpkg's format: `path-exclude` and `path-include` of a `dpkg.cfg.d` file. The last one that matches
//! decides.

use std::path::Path;

use globset::{Glob, GlobMatcher};

use base::exit::Failure;
use base::files;

use super::OciError;

/// The slim image's filters, relative to the source tree.
pub const SLIM: &str = "docker/slim.dpkg.cfg";

/// The filters of one file.
#[derive(Default)]
pub struct Filter {
    lines: Vec<(bool, GlobMatcher)>,
    options: Vec<String>,
}

impl Filter {
    /// Reads the slim image's.
    pub fn slim(root: &Path) -> Result<Self, Failure> {
        Ok(Self::parse(&files::read_text(&root.join(SLIM))?)?)
    }

    fn parse(text: &str) -> Result<Self, OciError> {
        let wrong = |what: String| OciError::Configuration { file: SLIM, what };
        let mut filter = Self::default();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (include, glob) = match line.split_once('=') {
                Some(("path-exclude", glob)) => (false, glob),
                Some(("path-include", glob)) => (true, glob),
                _ => {
                    return Err(wrong(format!(
                        "`{line}` is neither path-exclude nor path-include"
                    )));
                }
            };
            // As in dpkg `*` matches `/` too.
            let glob = Glob::new(glob).map_err(|error| wrong(error.to_string()))?;
            filter.lines.push((include, glob.compile_matcher()));
            filter.options.push(format!("--{line}"));
        }
        Ok(filter)
    }

    /// Whether a path (without `/` in front) goes into the image.
    pub fn includes(&self, path: &str) -> bool {
        let path = format!("/{path}");
        let mut matching = self.lines.iter().rev();
        let last = matching.find(|(_, glob)| glob.is_match(&path));
        last.is_none_or(|(include, _)| *include)
    }

    /// The same as options of dpkg.
    pub fn options(&self) -> &[String] {
        &self.options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_matches_decides() {
        let filter = Filter::parse(
            "# why\npath-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n",
        )
        .unwrap();
        assert!(filter.includes("usr/bin/psql"));
        assert!(!filter.includes("usr/share/doc/x/changelog.gz"));
        assert!(!filter.includes("usr/share/doc/x/deep/file"));
        assert!(filter.includes("usr/share/doc/x/copyright"));
        assert_eq!(filter.options()[0], "--path-exclude=/usr/share/doc/*");
        assert!(Filter::parse("force-yes\n").is_err());
    }

    #[test]
    fn the_slim_image_keeps_the_server_and_leaves_out_llvm() {
        let filter = Filter::parse(include_str!("../../../../docker/slim.dpkg.cfg")).unwrap();
        assert!(filter.includes("usr/lib/postgresql/15/lib/pgml.so"));
        assert!(filter.includes("usr/share/postgresql/15/extension/pgml.control"));
        for gone in [
            "usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
            "usr/lib/postgresql/15/lib/llvmjit.so",
            "usr/lib/postgresql/15/lib/bitcode/postgres/access/x.bc",
        ] {
            assert!(!filter.includes(gone), "{gone}");
        }
    }
}
