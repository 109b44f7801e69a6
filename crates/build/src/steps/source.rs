//! The step that writes the list of the source tree, with a digest for each file.

use base::exit::Failure;
use base::files;
use jobs::source_tree::{self, SourceTree};

use super::context::Steps;
use crate::plan::Work;

impl Steps<'_> {
    pub(super) fn source(&self, work: &Work<'_>) -> Result<String, Failure> {
        let tree = SourceTree::read(self.workspace)?;
        // A file that was edited during the run would wrongly count as a source of the packages.
        let planned = work.job.inputs.get(source_tree::INPUT);
        if planned != Some(&source_tree::input(&tree.digest())) {
            return Err(source_tree::Changed.into());
        }
        files::write(&work.out.join(source_tree::LIST), tree.list())?;
        Ok(format!(
            "{} files, {}",
            tree.names().count(),
            tree.digest().short()
        ))
    }
}
