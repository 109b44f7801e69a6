//! Which file a DT_NEEDED entry means.

use super::super::ScopeError;
use super::super::files::normal;
use super::super::object::Object;
use super::{Loaded, Process, Replaced};

impl Process<'_> {
    /// What a DT_NEEDED entry means: a loaded file of that name, or a file that is found and then loaded.
    pub(super) fn need(&mut self, name: &str, by: usize) -> Result<Option<usize>, ScopeError> {
        let has_name = |loaded: &Loaded| {
            loaded.names.iter().any(|known| known == name)
                || loaded.object.soname.as_deref() == Some(name)
                || loaded.path == name
        };
        if let Some(got) = self.objects.iter().position(has_name) {
            let meant = self.search_paths(name, by);
            if let Some(meant) = meant.filter(|meant| *meant != self.objects[got].path) {
                self.replaced.push(Replaced {
                    needed_by: by,
                    name: name.to_owned(),
                    meant,
                    got,
                });
            }
            return Ok(Some(got));
        }
        let found = match name.contains('/') {
            true => self.files.resolve(&self.expanded(name, by)),
            false => self.search_paths(name, by).or_else(|| {
                let defaults = !self.objects[by].object.no_default_directories;
                defaults.then(|| self.files.find_in_system(name)).flatten()
            }),
        };
        let Some(found) = found else {
            self.objects[by].missing.push(name.to_owned());
            return Ok(None);
        };
        if let Some(loaded) = self.by_path.get(&found).copied() {
            self.objects[loaded].names.push(name.to_owned());
            return Ok(Some(loaded));
        }
        self.map(found, name, Some(by), false).map(Some)
    }

    /// A path with `$ORIGIN` in it.
    fn expanded(&self, path: &str, by: usize) -> String {
        let by = self.objects.get(by).map_or("", |loaded| &loaded.path);
        let origin = by.rsplit_once('/').map_or("", |(dir, _)| dir);
        path.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)
    }

    /// Looks for a library along RPATH or RUNPATH.
    fn search_paths(&self, name: &str, by: usize) -> Option<String> {
        let mut paths = Vec::new();
        let requester = self.objects.get(by)?;
        if requester.object.runpath.is_none() {
            let mut next = Some(requester);
            while let Some(loaded) = next {
                paths.push((loaded, rpath(&loaded.object)));
                next = loaded.loader.and_then(|loader| self.objects.get(loader));
            }
            paths.extend(
                self.objects
                    .first()
                    .map(|program| (program, rpath(&program.object))),
            );
        }
        paths.push((requester, requester.object.runpath.as_deref()));
        paths.iter().find_map(|(loaded, path)| {
            let origin = loaded.path.rsplit_once('/').map_or("", |(dir, _)| dir);
            path.iter()
                .flat_map(|path| path.split(':'))
                .find_map(|dir| {
                    let dir = dir.replace("${ORIGIN}", origin).replace("$ORIGIN", origin);
                    self.files.resolve(&normal(&format!("{dir}/{name}")))
                })
        })
    }
}

/// DT_RPATH counts only without DT_RUNPATH.
fn rpath(object: &Object) -> Option<&str> {
    object.rpath.as_deref().filter(|_| object.runpath.is_none())
}
