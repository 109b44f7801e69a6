//! The process: what is loaded, in which order, which scope each library looks symbols up in, and what it finds there.

mod bind;
mod search;

use std::collections::{HashMap, HashSet};

use self::bind::symbols_of;
use super::ScopeError;
use super::files::{FileSystem, normal};
use super::names::{Name, Names};
use super::object::{Class, Object, Symbol};
use crate::elf::Facts;

/// Which of a library's two scopes comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The program's and of all that was opened with RTLD_GLOBAL: how dlopen works unless told otherwise.
    GlobalFirst,
    /// The library's own: RTLD_DEEPBIND.
    OwnFirst,
}

/// A symbol of a loaded file, by positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// Which file, in the order of loading.
    pub object: usize,
    /// Which of its symbols.
    pub symbol: usize,
}

/// A reference that the dynamic linker looks up.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// Who refers, by which symbol.
    pub from: Site,
    /// What it binds to; `None` where nothing defines it.
    pub to: Option<Site>,
    /// What it would bind to if the library's own scope came first.
    pub own: Option<Site>,
}

/// A reference in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding<'a> {
    /// The path of the file that refers.
    pub file: &'a str,
    /// The symbol's name, without its version.
    pub symbol: &'a str,
    /// The version that it asks for.
    pub version: Option<&'a str>,
    /// The path of the file whose definition it gets; `None` where there is none.
    pub provider: Option<&'a str>,
}

/// A file in the process, with how it got there.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its path without links.
    pub path: String,
    /// What the dynamic linker needs of it.
    pub object: Object,
    /// DT_NEEDED entries that were found nowhere.
    pub missing: Vec<String>,
    /// Names that it was asked for by.
    names: Vec<String>,
    /// On whose behalf it was loaded.
    loader: Option<usize>,
    /// The scope of its own; `None` for the program's libraries.
    own: Option<usize>,
    lookup: Lookup,
}

/// A library that was not loaded because another one has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The number of the file that needs it.
    pub needed_by: usize,
    /// The DT_NEEDED entry.
    pub name: String,
    /// The path of the file that its RPATH or RUNPATH means.
    pub meant: String,
    /// The number of the file that was loaded before.
    pub got: usize,
}

/// Files in the order in which they are looked into.
#[derive(Debug, Default, Clone)]
struct List {
    order: Vec<usize>,
    /// For each loaded file its place in `order`.
    places: Vec<Option<usize>>,
}

impl List {
    fn place(&self, object: usize) -> Option<usize> {
        self.places.get(object).copied().flatten()
    }

    fn add(&mut self, object: usize) {
        if self.place(object).is_some() {
            return;
        }
        if self.places.len() <= object {
            self.places.resize(object + 1, None);
        }
        self.places[object] = Some(self.order.len());
        self.order.push(object);
    }
}

/// A process with all that it has loaded.
#[derive(Debug, Clone)]
pub struct Process<'f> {
    files: &'f FileSystem,
    /// The names of all symbols.
    pub names: Names,
    objects: Vec<Loaded>,
    by_path: HashMap<String, usize>,
    /// For each name the symbols that define it, file by file.
    definers: Vec<Vec<Site>>,
    global: List,
    lists: Vec<List>,
    unique: HashMap<Name, Site>,
    references: Vec<Reference>,
    replaced: Vec<Replaced>,
}

impl<'f> Process<'f> {
    /// Starts a program and loads its libraries.
    pub fn start(files: &'f FileSystem, program: &str) -> Result<Self, ScopeError> {
        let mut process = Self::without_program(files);
        process.open_with(program, true, Lookup::GlobalFirst, true)?;
        Ok(process)
    }

    /// A process whose program is not known. What is opened finds only what was opened before.
    pub fn without_program(files: &'f FileSystem) -> Self {
        Self {
            files,
            names: Names::default(),
            objects: Vec::new(),
            by_path: HashMap::new(),
            definers: Vec::new(),
            global: List::default(),
            lists: Vec::new(),
            unique: HashMap::new(),
            references: Vec::new(),
            replaced: Vec::new(),
        }
    }

    /// Opens a library with RTLD_NOW | RTLD_GLOBAL, as Postgres does with an extension. Returns its number.
    pub fn open_global(&mut self, path: &str) -> Result<usize, ScopeError> {
        self.open_with(path, true, Lookup::GlobalFirst, false)
    }

    /// Opens a library with RTLD_NOW | RTLD_LOCAL, as Python does with a module. Returns its number.
    pub fn open_local(&mut self, path: &str, lookup: Lookup) -> Result<usize, ScopeError> {
        self.open_with(path, false, lookup, false)
    }

    /// Opens a library whose facts are at hand with RTLD_NOW | RTLD_GLOBAL, as if it lay at a path. Returns its number.
    pub fn open_facts(&mut self, path: &str, facts: &Facts<'_>) -> Result<usize, ScopeError> {
        let path = normal(path);
        let first_new = self.objects.len();
        let root = match self.by_path.get(&path) {
            Some(root) => *root,
            None => {
                let object = Object::new(facts, &mut self.names);
                self.put(path.clone(), &path, object, None)
            }
        };
        self.complete(root, first_new, true, Lookup::GlobalFirst, false)?;
        Ok(root)
    }

    /// Makes a library known of which only the name and the names that it defines are known, without versions. It is
    /// loaded when something needs it.
    pub fn suppose(&mut self, soname: &str, defines: impl Iterator<Item = String>) {
        let symbols = defines.map(|name| Symbol::definition(self.names.put(&name)));
        let object = Object {
            soname: Some(soname.to_owned()),
            needed: Vec::new(),
            filters: Vec::new(),
            no_default_directories: false,
            rpath: None,
            runpath: None,
            symbolic: false,
            versioned: false,
            symbols: symbols.collect(),
        };
        self.put(format!("/{soname}"), soname, object, None);
    }

    /// All that is loaded, in order.
    pub fn objects(&self) -> &[Loaded] {
        &self.objects
    }

    /// The file at a path without links, where it is loaded.
    pub fn loaded(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// Every reference of every loaded file.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// Libraries of which another one of the same name took the place.
    pub fn replaced(&self) -> &[Replaced] {
        &self.replaced
    }

    /// The symbol at a site.
    pub fn symbol(&self, site: Site) -> Option<&Symbol> {
        self.objects
            .get(site.object)?
            .object
            .symbols
            .get(site.symbol)
    }

    /// A reference in words.
    pub fn binding(&self, reference: &Reference) -> Option<Binding<'_>> {
        let symbol = self.symbol(reference.from)?;
        Some(Binding {
            file: &self.objects.get(reference.from.object)?.path,
            symbol: self.names.text(symbol.name),
            version: symbol.version.map(|version| self.names.text(version)),
            provider: match reference.to {
                Some(site) => Some(&self.objects.get(site.object)?.path),
                None => None,
            },
        })
    }

    /// Every reference in words.
    pub fn bindings(&self) -> impl Iterator<Item = Binding<'_>> {
        self.references
            .iter()
            .filter_map(|reference| self.binding(reference))
    }

    /// The files in whose scope a file's symbols are looked up, in order.
    pub fn scope(&self, object: usize) -> Vec<usize> {
        let mut seen = HashSet::new();
        let lists = self.lists_of(object, Lookup::GlobalFirst);
        let all = lists.into_iter().flatten().flat_map(|list| &list.order);
        all.copied().filter(|object| seen.insert(*object)).collect()
    }

    /// Every definition that an undefined or own symbol could bind to, in the order of its scope; the first is the one that
    /// it gets.
    pub fn candidates(&self, from: Site) -> Vec<Site> {
        let Some(symbol) = self.symbol(from).copied() else {
            return Vec::new();
        };
        let definers = self.definers_of(symbol.name);
        let mut found = Vec::new();
        for object in self.scope(from.object) {
            let its: Vec<u32> = symbols_of(definers, object);
            let matching = self
                .objects
                .get(object)
                .and_then(|loaded| loaded.object.matching(&its, symbol.version, Class::Address));
            if let Some(index) = matching {
                found.push(Site {
                    object,
                    symbol: index as usize,
                });
            }
        }
        found
    }

    fn open_with(
        &mut self,
        path: &str,
        global: bool,
        lookup: Lookup,
        program: bool,
    ) -> Result<usize, ScopeError> {
        let Some(found) = self.files.resolve(path) else {
            return Err(ScopeError::Absent { path: path.into() });
        };
        let first_new = self.objects.len();
        let root = match self.by_path.get(&found) {
            Some(root) => *root,
            None => self.map(found, path, None, program)?,
        };
        self.complete(root, first_new, global, lookup, program)?;
        Ok(root)
    }

    /// Loads what a library needs, gives the new ones their scopes and looks up what they refer to.
    fn complete(
        &mut self,
        root: usize,
        first_new: usize,
        global: bool,
        lookup: Lookup,
        program: bool,
    ) -> Result<(), ScopeError> {
        let mut list = List::default();
        list.add(root);
        let mut at = 0;
        while let Some(object) = list.order.get(at).copied() {
            at += 1;
            for name in self.objects[object].object.needed.clone() {
                if let Some(library) = self.need(&name, object)? {
                    list.add(library);
                }
            }
        }
        if global {
            for object in &list.order {
                self.global.add(*object);
            }
        }
        if !program {
            let own = self.lists.len();
            self.lists.push(list);
            for loaded in &mut self.objects[first_new..] {
                (loaded.own, loaded.lookup) = (Some(own), lookup);
            }
        }
        for object in (first_new..self.objects.len()).rev() {
            self.relocate(object);
        }
        Ok(())
    }

    /// Reads a file into the process.
    fn map(
        &mut self,
        path: String,
        name: &str,
        loader: Option<usize>,
        program: bool,
    ) -> Result<usize, ScopeError> {
        let parsed = self.files.parsed(&path, program)?;
        let object = parsed.object.renamed(&parsed.names, &mut self.names);
        Ok(self.put(path, name, object, loader))
    }

    fn put(&mut self, path: String, name: &str, object: Object, loader: Option<usize>) -> usize {
        let number = self.objects.len();
        for (index, symbol) in object.symbols.iter().enumerate() {
            if symbol.definition == crate::elf::Definition::None {
                continue;
            }
            let name = symbol.name.index();
            if self.definers.len() <= name {
                self.definers.resize_with(name + 1, Vec::new);
            }
            self.definers[name].push(Site {
                object: number,
                symbol: index,
            });
        }
        self.by_path.insert(path.clone(), number);
        self.objects.push(Loaded {
            path,
            object,
            missing: Vec::new(),
            names: vec![name.to_owned()],
            loader,
            own: None,
            lookup: Lookup::GlobalFirst,
        });
        number
    }
}
