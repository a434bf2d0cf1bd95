//! Where a walk through a module is.

/// Names of fields from the root down. Which kind of detector stands at a place leaves no trace, so that a parameter has
/// the same name whichever it is, and files have OpenTAD's names.
#[derive(Debug, Default)]
pub(crate) struct ParameterPath(Vec<String>);

impl ParameterPath {
    /// Takes in what `enter_module` says.
    pub(crate) fn enter(&mut self, name: &str, container: &str) {
        if !is_choice(container) {
            self.0.push(name.to_owned());
        }
    }

    /// Takes in what `exit_module` says.
    pub(crate) fn exit(&mut self, container: &str) {
        if !is_choice(container) {
            self.0.pop();
        }
    }

    /// Names joined by dots.
    pub(crate) fn joined(&self) -> String {
        self.0.join(".")
    }
}

/// Whether the name is that of an enum's variant.
fn is_choice(container: &str) -> bool {
    container.starts_with("Enum:")
}
