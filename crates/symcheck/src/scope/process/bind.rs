//! What a reference binds to: the lookup itself, in the order of a file's scopes.

use super::super::names::Name;
use super::super::object::Class;
use super::{List, Lookup, Process, Reference, Site};

impl Process<'_> {
    /// Looks up all references of a file.
    pub(super) fn relocate(&mut self, object: usize) {
        for index in 0..self.objects[object].object.symbols.len() {
            let symbol = self.objects[object].object.symbols[index];
            let from = Site {
                object,
                symbol: index,
            };
            let uses = symbol.references;
            let classes = [
                (uses.addresses, Class::Address),
                (uses.calls, Class::Call),
                (uses.copies, Class::Copy),
            ];
            let mut last = None;
            for class in classes
                .into_iter()
                .filter(|(used, _)| *used)
                .map(|(_, class)| class)
            {
                let lookup = self.objects[object].lookup;
                let to = self
                    .look_up(from, class, lookup)
                    .map(|to| self.one_of_all(to));
                let own = match to {
                    // The same wherever one looks first: itself, or nothing at all.
                    None => None,
                    Some(to) if to.object == object => Some(to),
                    Some(_) => self.look_up(from, class, Lookup::OwnFirst),
                };
                let reference = Reference { from, to, own };
                if last != Some(to) {
                    self.references.push(reference);
                }
                last = Some(to);
            }
        }
    }

    /// The definition that the process has of a unique symbol: the first that was looked up.
    fn one_of_all(&mut self, found: Site) -> Site {
        match self.symbol(found) {
            Some(symbol) if symbol.unique => *self.unique.entry(symbol.name).or_insert(found),
            _ => found,
        }
    }

    fn look_up(&self, from: Site, class: Class, lookup: Lookup) -> Option<Site> {
        let symbol = *self.symbol(from)?;
        if symbol.bound_inside {
            return Some(from);
        }
        let definers = self.definers_of(symbol.name);
        if definers.is_empty() {
            return None;
        }
        if self.objects.get(from.object)?.object.symbolic
            && let Some(site) = self.match_in(definers, from.object, symbol.version, class)
        {
            return Some(site);
        }
        let skipped = (class == Class::Copy).then_some(from.object);
        let lists = self.lists_of(from.object, lookup);
        lists.into_iter().flatten().find_map(|list| {
            let mut best: Option<(usize, Site)> = None;
            let mut last = None;
            for object in definers.iter().map(|site| site.object) {
                if last.replace(object) == Some(object) || skipped == Some(object) {
                    continue;
                }
                let Some(place) = list.place(object) else {
                    continue;
                };
                if best.is_some_and(|(best, _)| best < place) {
                    continue;
                }
                if let Some(site) = self.match_in(definers, object, symbol.version, class) {
                    best = Some((place, site));
                }
            }
            best.map(|(_, site)| site)
        })
    }

    fn match_in(
        &self,
        definers: &[Site],
        object: usize,
        version: Option<Name>,
        class: Class,
    ) -> Option<Site> {
        let loaded = self.objects.get(object)?;
        let symbol = loaded
            .object
            .matching(&symbols_of(definers, object), version, class)?;
        Some(Site {
            object,
            symbol: symbol as usize,
        })
    }

    pub(super) fn definers_of(&self, name: Name) -> &[Site] {
        self.definers.get(name.index()).map_or(&[], Vec::as_slice)
    }

    pub(super) fn lists_of(&self, object: usize, lookup: Lookup) -> [Option<&List>; 2] {
        let own = self.objects.get(object).and_then(|loaded| loaded.own);
        let own = own.and_then(|own| self.lists.get(own));
        match lookup {
            Lookup::GlobalFirst => [Some(&self.global), own],
            Lookup::OwnFirst => [own, Some(&self.global)],
        }
    }
}

pub(super) fn symbols_of(definers: &[Site], object: usize) -> Vec<u32> {
    let its = definers.iter().filter(|site| site.object == object);
    its.map(|site| u32::try_from(site.symbol).unwrap_or(u32::MAX))
        .collect()
}
