//! `--set key=value` on the command line, and how two run files differ.

use toml::{Table, Value};

use super::error::with_nearest;
use super::file::RunFile;
use super::{ConfigError, RunConfig, keys};

/// Takes a key out of the file; quoted it is a text like any other.
const ABSENT: &str = "absent";

/// Applies overrides in order, to a file and to the table it was read from.
pub(super) fn apply(
    mut file: RunFile,
    mut table: Table,
    overrides: &[String],
) -> Result<(RunFile, Table), ConfigError> {
    for given in overrides {
        let wrong = |message: String| ConfigError::Override { given: given.clone(), message };
        let (key, value) = given.split_once('=').ok_or_else(|| wrong("expected KEY=VALUE".into()))?;
        let (key, value) = (key.trim(), value.trim());
        known(key).map_err(&wrong)?;
        put(&mut table, key, (value != ABSENT).then(|| parse_value(value)));
        let said = |error: toml::de::Error| wrong(keys::explain(key, &with_nearest(error.message())));
        file = table.clone().try_into().map_err(said)?;
    }
    Ok((file, table))
}

/// Keys whose values differ, as `key: old -> new`.
pub(super) fn differences(old: &RunConfig, new: &RunConfig) -> Vec<String> {
    let (old, new) = (flat(&table(old), ""), flat(&table(new), ""));
    let mut names: Vec<&String> = old.iter().map(|(name, _)| name).collect();
    names.extend(new.iter().map(|(name, _)| name).filter(|name| get(&old, name).is_none()));
    let show = |value: Option<&Value>| value.map_or(ABSENT.to_owned(), Value::to_string);
    let differs = |name: &&String| get(&old, name) != get(&new, name);
    let line = |name: &String| format!("{name}: {} -> {}", show(get(&old, name)), show(get(&new, name)));
    names.into_iter().filter(differs).map(line).collect()
}

/// Every key of a table that holds a value, with its full name.
pub(super) fn flat(table: &Table, prefix: &str) -> Vec<(String, Value)> {
    let below = |(name, value): (&String, &Value)| match value {
        Value::Table(inner) => flat(inner, &format!("{prefix}{name}.")),
        value => vec![(format!("{prefix}{name}"), value.clone())],
    };
    table.iter().flat_map(below).collect()
}

fn table(config: &RunConfig) -> Table {
    match Table::try_from(RunFile::from(config)) {
        Ok(table) => table,
        Err(error) => unreachable!("a run configuration is plain data: {error}"),
    }
}

fn get<'a>(flat: &'a [(String, Value)], key: &str) -> Option<&'a Value> {
    flat.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// A TOML value, or plain text without quotes.
fn parse_value(text: &str) -> Value {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A key, or a table of keys.
fn known(key: &str) -> Result<(), String> {
    let is_known = keys::all().any(|known| {
        let rest = known.name.strip_prefix(key);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    match is_known {
        true => Ok(()),
        false => Err(format!("unknown key `{key}`; the nearest is `{}`", keys::nearest_to(key))),
    }
}

/// Puts a value where there may be none yet, or takes it away.
fn put(table: &mut Table, key: &str, value: Option<Value>) {
    let Some((first, rest)) = key.split_once('.') else {
        match value {
            Some(value) => table.insert(key.to_owned(), value),
            None => table.remove(key),
        };
        return;
    };
    if value.is_some() && !table.contains_key(first) {
        table.insert(first.to_owned(), Value::Table(Table::new()));
    }
    if let Some(Value::Table(below)) = table.get_mut(first) {
        put(below, rest, value);
    }
}
