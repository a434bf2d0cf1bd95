//! `--set key=value` on the command line.

use toml::{Table, Value};

use super::error::{nearest, with_nearest};
use super::{ConfigError, RunConfig};

/// Applies overrides in order; each must name an existing key.
pub(super) fn apply(config: RunConfig, overrides: &[String]) -> Result<RunConfig, ConfigError> {
    let mut config = config;
    for given in overrides {
        let wrong = |message: String| ConfigError::Override { given: given.clone(), message };
        let (key, value) = given.split_once('=').ok_or_else(|| wrong("expected KEY=VALUE".into()))?;
        let (key, value) = (key.trim(), parse_value(value.trim()));
        let mut table = match Table::try_from(&config) {
            Ok(table) => table,
            Err(error) => unreachable!("a run configuration is plain data: {error}"),
        };
        put(&mut table, key, value).map_err(&wrong)?;
        config = table.try_into().map_err(|error: toml::de::Error| wrong(with_nearest(error.message())))?;
    }
    Ok(config)
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
