//! The table of keys against the parser and the presets.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::presets::ALL;
use crate::config::{DEMONSTRATION, RunConfig};

/// Keys that the parser knows in a table, `given` being what else must stand there.
fn parsed(section: &str, given: &str) -> BTreeSet<String> {
    let text = match section {
        "" => "nothing = 1".to_owned(),
        section => format!("[{section}]\n{given}\nnothing = 1"),
    };
    let error = RunConfig::parse(&text, Path::new("run.toml"), &[]).unwrap_err().to_string();
    assert!(error.contains("unknown field `nothing`"), "{error}");
    let error = error.split("; the nearest").next().unwrap();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

/// Keys and tables that the list has in a table.
fn listed(section: &str, fits: impl Fn(&Key) -> bool) -> BTreeSet<String> {
    let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
    let below = all().filter(|key| fits(key)).filter_map(|key| key.name.strip_prefix(&prefix));
    below.filter_map(|rest| rest.split('.').next()).map(str::to_owned).collect()
}

#[test]
fn every_key_that_the_parser_knows_is_in_the_table_and_no_other() {
    for section in [
        "",
        "data",
        "data.augment",
        "data.synth",
        "data.features",
        "window",
        "backbone",
        "weights",
        "adapter",
        "optimizer",
        "schedule",
        "schedule.falls",
        "inference",
        "inference.suppression",
        "inference.classifier",
        "inference.classifier.fusion",
        "evaluation",
    ] {
        assert_eq!(parsed(section, ""), listed(section, |_| true), "[{section}]");
    }
}

#[test]
fn every_detector_has_the_keys_that_the_table_says() {
    for kind in ["actionformer", "tridet", "gtad"] {
        let mut expected = listed("detector", |key| key.of.is_empty() || key.of.contains(&kind));
        expected.remove("kind");
        assert_eq!(parsed("detector", &format!("kind = \"{kind}\"")), expected, "{kind}");
    }
}

#[test]
fn every_way_of_suppression_has_the_keys_that_the_table_says() {
    let method = "inference.suppression.method";
    for kind in ["hard", "zero", "linear", "gaussian", "sparing-gaussian"] {
        let needs =
            |key: &Key| matches!(key.missing, Missing::RequiredIf(kinds) if kinds.split(", ").any(|k| k == kind));
        assert_eq!(parsed(method, &format!("kind = \"{kind}\"")), listed(method, needs), "{kind}");
    }
}

#[test]
fn words_are_those_that_the_parser_takes() {
    for key in all() {
        let Kind::Word(words) = key.kind else { continue };
        let (section, name) = key.name.rsplit_once('.').unwrap();
        let kind = match (section, name) {
            ("detector", "kind") => "",
            ("detector", _) => &*format!("kind = \"{}\"\n", key.of[0]),
            _ => "",
        };
        let text = format!("[{section}]\n{kind}{name} = \"nothing\"");
        let error = RunConfig::parse(&text, Path::new("run.toml"), &[]).unwrap_err().to_string();
        let error = error.split("; ").next().unwrap();
        let taken: Vec<&str> = error.split('`').skip(1).step_by(2).filter(|word| *word != key.name).skip(1).collect();
        assert_eq!(taken, words, "{}: {error}", key.name);
    }
}

#[test]
fn defaults_are_those_of_the_parser() {
    // What the demonstration leaves out is there when it is written again.
    let config = RunConfig::parse(DEMONSTRATION, Path::new("demo.toml"), &[]).unwrap();
    let given = flat(&toml::from_str(DEMONSTRATION).unwrap(), "");
    let written = flat(&toml::from_str(&config.to_toml()).unwrap(), "");
    let mut filled = 0;
    for (name, value) in written.iter().filter(|(name, _)| !given.iter().any(|(key, _)| key == name)) {
        let expected = find(name).unwrap().missing;
        let Missing::Value(text) = expected else { panic!("{name} is {value}, but the table has no default") };
        let wanted = toml::from_str::<Table>(&format!("value = {text}")).unwrap()["value"].clone();
        assert_eq!(*value, wanted, "{name}");
        filled += 1;
    }
    assert!(filled >= 10, "{filled} defaults were looked at");
}

#[test]
fn every_key_of_every_preset_is_known_and_no_default_is_left_to_guess() {
    for preset in ALL.iter().filter(|preset| preset.data_set.is_some()) {
        let given = flat(&toml::from_str(preset.text).unwrap(), "");
        let written = flat(&toml::from_str(&preset.load(&[]).unwrap().to_toml()).unwrap(), "");
        let names = |list: &[(String, Value)]| list.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
        let missing: Vec<_> = names(&written).difference(&names(&given)).cloned().collect();
        assert!(missing.is_empty(), "{}: {missing:?}", preset.name);
        assert!(given.iter().all(|(name, _)| find(name).is_some()));
    }
}

#[test]
fn a_range_refuses_its_neighbours_and_what_is_no_number() {
    let key = |name: &str| *find(name).unwrap();
    let said = |name: &str, value: Value| key(name).check(&value).unwrap_err();
    assert_eq!(said("schedule.batch", Value::Integer(0)), "schedule.batch is 0; it must be at least 1");
    assert!(said("window.size", Value::Integer(i64::MAX)).ends_with("it must be at most 1048576"));
    assert!(said("window.overlap", Value::Float(1.0)).ends_with("it must be a number from 0 to 1, 1 left out"));
    assert!(said("detector.loss-weight", Value::Float(f64::NAN)).ends_with("it must be a finite number"));
    assert!(said("optimizer.clip-norm", Value::Integer(0)).ends_with("it must be a number above 0"));
    assert!(key("window.overlap").check(&Value::Float(0.0)).is_ok());
    let ranges = Value::Array(vec![Value::Array(vec![Value::Integer(0), Value::Float(f64::INFINITY)])]);
    assert!(key("detector.regression-ranges").check(&ranges).is_err());
}

#[test]
fn a_sentence_names_its_key() {
    assert_eq!(named_in("window.size * window.scale-factor is 770 frames"), Some("window.size"));
    assert_eq!(named_in("`data.crop` belongs to runs on videos."), Some("data.crop"));
    assert_eq!(named_in("nothing of the kind"), None);
    assert_eq!(nearest_to("window.sise"), "window.size");
    assert_eq!(nearest_to("bach"), "schedule.batch");
}

#[test]
fn the_table_can_be_read_by_people_and_programs() {
    let text = lines(Some("window")).join("\n");
    assert!(text.contains("window.size") && text.contains("grid steps") && !text.contains("schedule"), "{text}");
    assert_eq!(lines(None).len(), 2 * all().count());
    let schema = json();
    assert_eq!(schema["properties"]["schedule"]["properties"]["batch"]["minimum"], 1);
    assert_eq!(schema["properties"]["window"]["properties"]["cover-tail"]["default"], true);
    assert_eq!(schema["properties"]["window"]["additionalProperties"], false);
}
