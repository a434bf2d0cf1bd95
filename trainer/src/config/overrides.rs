//! `--set key=value` on the command line.

use toml::{Table, Value};

use super::error::{nearest, with_nearest};
use super::file::RunFile;
use super::{ConfigError, RunConfig};

/// Applies overrides in order; each must name an existing key.
pub(super) fn apply(config: RunConfig, overrides: &[String]) -> Result<RunConfig, ConfigError> {
    let mut config = config;
    for given in overrides {
        let wrong = |message: String| ConfigError::Override { given: given.clone(), message };
        let (key, value) = given.split_once('=').ok_or_else(|| wrong("expected KEY=VALUE".into()))?;
        let (key, value) = (key.trim(), parse_value(value.trim()));
        let mut table = table(&config);
        put(&mut table, key, value).map_err(&wrong)?;
        let file: RunFile = table.try_into().map_err(|error: toml::de::Error| wrong(with_nearest(error.message())))?;
        config = file.try_into().map_err(wrong)?;
    }
    Ok(config)
}

/// Keys whose values differ, as `key: old -> new`.
pub(super) fn differences(old: &RunConfig, new: &RunConfig) -> Vec<String> {
    let (old, new) = (table(old), table(new));
    let mut names = keys(&old, "");
    names.extend(keys(&new, "").into_iter().filter(|name| get(&old, name).is_none()));
    let show = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    let differs = |name: &String| get(&old, name) != get(&new, name);
    let line = |name: String| format!("{name}: {} -> {}", show(get(&old, &name)), show(get(&new, &name)));
    names.into_iter().filter(differs).map(line).collect()
}

fn table(config: &RunConfig) -> Table {
    match Table::try_from(RunFile::from(config)) {
        Ok(table) => table,
        Err(error) => unreachable!("a run configuration is plain data: {error}"),
    }
}

fn get<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (path, last) = key.rsplit_once('.').map_or((None, key), |(path, last)| (Some(path), last));
    let mut parts = path.into_iter().flat_map(|path| path.split('.'));
    parts.try_fold(table, |at, part| at.get(part)?.as_table())?.get(last)
}

/// A TOML value, or plain text without quotes.
fn parse_value(text: &str) -> Value {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn put(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let names = keys(table, "");
    let unknown = || {
        let near = nearest(key, names.iter().map(String::as_str)).unwrap_or_default();
        format!("unknown key `{key}`; the nearest is `{near}`")
    };
    let mut at = table;
    let (path, last) = key.rsplit_once('.').map_or((None, key), |(path, last)| (Some(path), last));
    for part in path.into_iter().flat_map(|path| path.split('.')) {
        at = at.get_mut(part).and_then(Value::as_table_mut).ok_or_else(unknown)?;
    }
    let slot = at.get_mut(last).ok_or_else(unknown)?;
    // A whole number is a fine value for a key that holds a fraction.
    *slot = match (&*slot, value) {
        (Value::Float(_), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    };
    Ok(())
}

fn keys(table: &Table, prefix: &str) -> Vec<String> {
    let below = |(name, value): (&String, &Value)| match value {
        Value::Table(inner) => keys(inner, &format!("{prefix}{name}.")),
        _ => vec![format!("{prefix}{name}")],
    };
    table.iter().flat_map(below).collect()
}
