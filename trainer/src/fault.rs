//! Whose fault an error is: what the exit code of a command says.

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Of what was given: files, settings.
    Input,
    /// Of the machine: memory, disk; or of a run that cannot go on.
    Resource,
    /// Of this program.
    Program,
}
