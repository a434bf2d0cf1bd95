//! The word a person probably meant, for error messages.

/// Below this likeness a suggestion would mislead more than help.
const ALIKE: f64 = 0.75;

/// The candidate most like `word`, letter case aside, or nothing when none is alike.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.trim().to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `; did you mean `word`?`, or nothing: the end of an error message.
pub(crate) fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_key_finds_its_word() {
        let known = ["training", "validation", "testing"];
        assert_eq!(nearest("Trainig", known), Some("training"));
        assert_eq!(nearest("valid", known), Some("validation"));
    }

    #[test]
    fn a_word_like_none_gets_no_suggestion() {
        assert_eq!(nearest("xyz", ["training", "validation"]), None);
        assert_eq!(nearest("xyz", []), None);
    }
}
