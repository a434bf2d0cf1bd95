//! The classes that a file names, each kept once.

use std::collections::HashMap;

/// How a row names its class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    /// Its name.
    pub name: Option<String>,
    /// EPIC-Kitchens: verb, noun, and the verb and noun of the action.
    pub epic: Option<[u32; 4]>,
}

/// Labels in the order in which they were first seen.
#[derive(Debug, Default)]
pub(super) struct Labels {
    pub(super) table: Vec<Label>,
    /// Those that are nothing but a name, as nearly all are.
    names: HashMap<String, u32>,
    others: HashMap<Label, u32>,
}

impl Labels {
    /// The number of a label.
    pub(super) fn number(&mut self, name: Option<&str>, epic: Option<[u32; 4]>) -> u32 {
        let known = match (name, epic) {
            (Some(name), None) => self.names.get(name).copied(),
            _ => self.others.get(&Label { name: name.map(str::to_owned), epic }).copied(),
        };
        known.unwrap_or_else(|| {
            let (number, label) = (self.table.len() as u32, Label { name: name.map(str::to_owned), epic });
            self.table.push(label.clone());
            match (&label.name, epic) {
                (Some(name), None) => self.names.insert(name.clone(), number),
                _ => self.others.insert(label, number),
            };
            number
        })
    }
}
