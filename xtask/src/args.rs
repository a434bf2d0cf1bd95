//! What the command line asks for.

use std::ffi::OsString;

use crate::matrix::{Asked, BACKENDS};
use crate::{COMMAND, OWN};

/// Something that is done here, not by `adatad`.
#[derive(Debug, PartialEq)]
pub enum Own {
    /// List the verbs.
    Help,
    /// Tell the options of a verb of `adatad`.
    HelpOn(OsString),
    /// Run the tests, or the test matrix.
    Test(Asked),
    /// Run benches: arguments for `cargo bench`.
    Bench(Vec<OsString>),
    /// Check the repository's rules.
    Tidy,
    /// Run what CI runs.
    Check,
}

/// What is asked for; nothing if it is a verb of `adatad`.
pub fn own(args: &[OsString]) -> Result<Option<Own>, String> {
    let Some((verb, rest)) = args.split_first() else { return Ok(Some(Own::Help)) };
    // Refused before the build: minutes of compiling are a slow way to learn of a typing error.
    let verb = verb.to_str().ok_or_else(|| format!("unknown verb {}", verb.display()))?;
    let alone = |own| match rest {
        [] => Ok(Some(own)),
        [first, ..] => Err(format!("`{verb}` takes no argument, found `{}`", first.display())),
    };
    match verb {
        "help" | "--help" | "-h" => match rest {
            [verb] if is_command(verb) => Ok(Some(Own::HelpOn(verb.clone()))),
            _ => Ok(Some(Own::Help)),
        },
        "test" => test(rest).map(|asked| Some(Own::Test(asked))),
        // One real step is measured by `adatad` itself; all other benches are criterion's.
        "bench" if rest.first().is_some_and(|name| name == "step") => Ok(None),
        "bench" => bench(rest).map(|args| Some(Own::Bench(args))),
        "tidy" => alone(Own::Tidy),
        "check" => alone(Own::Check),
        verb if is_command(verb) => Ok(None),
        unknown => {
            let own = OWN.iter().filter_map(|(verb, _)| verb.split(' ').next());
            let known: Vec<_> = COMMAND.iter().map(|(verb, _)| *verb).chain(own).collect();
            Err(format!("unknown verb `{unknown}`; there are {}", known.join(", ")))
        }
    }
}

fn is_command(verb: impl AsRef<std::ffi::OsStr>) -> bool {
    COMMAND.iter().any(|(known, _)| verb.as_ref() == *known)
}

/// The value of `--name VALUE` or `--name=VALUE` before any `--`; the last counts.
pub fn option<'a>(args: &'a [OsString], name: &str) -> Result<Option<&'a str>, String> {
    let mut found = None;
    let mut args = args.iter().take_while(|arg| *arg != "--");
    while let Some(arg) = args.next() {
        let Some(rest) = arg.to_str().and_then(|arg| arg.strip_prefix(name)) else { continue };
        let value = match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => args.next().and_then(|value| value.to_str()),
            None => continue,
        };
        found = Some(value.filter(|value| !value.is_empty()).ok_or_else(|| format!("{name} needs a value"))?);
    }
    Ok(found)
}

/// Options of `test`.
fn test(rest: &[OsString]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut args = rest.iter();
    while let Some(arg) = args.next() {
        let arg = arg.to_str().ok_or_else(|| format!("`test` does not know {}", arg.display()))?;
        let (name, given) = arg.split_once('=').map_or((arg, None), |(name, value)| (name, Some(value)));
        match (name, given) {
            ("--json", None) => asked.json = true,
            ("--release", None) => asked.release = true,
            ("--at-length", None) => asked.at_length = true,
            ("--backend", given) => {
                let given = given.or_else(|| args.next().and_then(|value| value.to_str()));
                match given {
                    Some("all") => (asked.backends, asked.all) = (BACKENDS.to_vec(), true),
                    Some(given) => match BACKENDS.iter().find(|name| **name == given) {
                        Some(name) => (asked.backends, asked.all) = (vec![*name], false),
                        None => {
                            return Err(format!("unknown backend `{given}`; there are {}, all", BACKENDS.join(", ")));
                        }
                    },
                    None => return Err("--backend needs a value".into()),
                }
            }
            _ => {
                let known = "--backend NAME, and with it --json, --release, --at-length";
                return Err(format!("`test` takes {known}; found `{arg}`"));
            }
        }
    }
    match asked.backends.is_empty() && (asked.json || asked.release || asked.at_length) {
        true => Err("`test` takes these options with `--backend NAME` only".into()),
        false => Ok(asked),
    }
}

/// `NAME` is a bench of ours; what follows `--` is for criterion.
fn bench(rest: &[OsString]) -> Result<Vec<OsString>, String> {
    let (name, criterion) = rest.split_at(rest.iter().position(|arg| arg == "--").unwrap_or(rest.len()));
    let mut args: Vec<OsString> = match name {
        [] => Vec::new(),
        [name] if !name.to_string_lossy().starts_with('-') => vec!["--bench".into(), name.clone()],
        _ => return Err("`bench` takes one name at most; options of criterion go after `--`".into()),
    };
    args.extend_from_slice(criterion);
    Ok(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn asked(line: &str) -> Result<Option<Own>, String> {
        own(&words(line))
    }

    #[test]
    fn verbs_of_adatad_are_left_to_it_with_whatever_follows() {
        assert_eq!(asked("train run.toml --out here --help"), Ok(None));
        assert_eq!(asked("data synth"), Ok(None));
    }

    #[test]
    fn a_typing_error_is_refused_before_anything_is_built() {
        let message = asked("trian").unwrap_err();
        assert!(message.contains("`trian`") && message.contains("train") && message.contains("check"), "{message}");
    }

    #[test]
    fn no_verb_is_a_question_for_help() {
        for line in ["", "help", "--help", "-h", "help check"] {
            assert_eq!(asked(line), Ok(Some(Own::Help)), "{line}");
        }
        assert_eq!(asked("help eval"), Ok(Some(Own::HelpOn("eval".into()))));
    }

    #[test]
    fn tests_run_alone_or_on_backends() {
        let test = |line: &str| match asked(line) {
            Ok(Some(Own::Test(asked))) => asked,
            other => panic!("{line}: {other:?}"),
        };
        assert!(test("test").backends.is_empty());
        for line in ["test --backend wgpu --json", "test --json --backend=wgpu"] {
            let asked = test(line);
            assert!(asked.backends == ["wgpu"] && asked.json && !asked.all && !asked.release, "{line}");
        }
        let all = test("test --backend all --release");
        assert!(all.backends == BACKENDS && all.all && all.release);
        for line in ["test --backend x", "test --backend", "test flex", "test --json", "test --backend all --fast"] {
            let message = asked(line).unwrap_err();
            assert!(
                message.contains("all") || message.contains("needs a value") || message.contains("NAME"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_bench_is_chosen_by_name_and_criterion_gets_the_rest() {
        assert_eq!(asked("bench"), Ok(Some(Own::Bench(vec![]))));
        assert_eq!(asked("bench metrics -- --quick"), Ok(Some(Own::Bench(words("--bench metrics -- --quick")))));
        assert_eq!(asked("bench step --size b --memory min"), Ok(None));
        assert!(asked("bench --quick").is_err());
    }

    #[test]
    fn the_last_value_of_an_option_counts_and_what_follows_two_dashes_does_not() {
        let line = words("a --device cpu --devices x --device=flex -- --device cuda");
        assert_eq!(option(&line, "--device"), Ok(Some("flex")));
        assert_eq!(option(&words("a b"), "--device"), Ok(None));
        assert!(option(&words("a --device"), "--device").is_err());
        assert!(option(&words("a --device="), "--device").is_err());
    }

    #[test]
    fn checks_take_no_argument() {
        assert_eq!(asked("check"), Ok(Some(Own::Check)));
        assert!(asked("check --fast").unwrap_err().contains("--fast"));
    }
}
