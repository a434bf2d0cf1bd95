//! A test of the repository itself: rules that neither the compiler nor clippy knows.

mod rules;

use std::process::Command;

use anyhow::Context;

use crate::root;

/// Whether every tracked file follows the rules; says where one does not.
pub fn tidy() -> anyhow::Result<bool> {
    let files = tracked()?;
    let mut problems = Vec::new();
    for path in &files {
        let bytes = match std::fs::read(root().join(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue, // about to be removed
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        };
        problems.extend(rules::problems(path, &bytes));
    }
    problems.iter().for_each(|problem| eprintln!("{problem}"));
    match problems.len() {
        0 => eprintln!("{} files follow the rules", files.len()),
        count => eprintln!("{count} breaches of the rules in {} files", files.len()),
    }
    Ok(problems.is_empty())
}

/// Paths of all tracked files, from the root on.
fn tracked() -> anyhow::Result<Vec<String>> {
    // In a container the clone often belongs to someone else, and git would refuse to list it.
    let trust = format!("safe.directory={}", root().display());
    let git = Command::new("git").args(["-c", &trust, "ls-files", "-z"]).current_dir(root()).output();
    let git = git.context("cannot start git, which knows the files of the repository")?;
    anyhow::ensure!(git.status.success(), "git ls-files: {}", String::from_utf8_lossy(&git.stderr).trim());
    let listed = String::from_utf8_lossy(&git.stdout);
    Ok(listed.split('\0').filter(|path| !path.is_empty()).map(String::from).collect())
}
