//! The score table in percent, its classes sorted by name.

use super::numbers::{count, percent, signed_percent, tenth, without_idle_zeros};
use super::{ClassScore, ScoreTable};

/// More classes than this are folded.
const MOST_OPEN: usize = 40;

/// The table ready to be drawn.
pub(super) struct ScoresView<'a> {
    pub(super) average: String,
    /// The average with its sign.
    pub(super) headline: String,
    /// Threshold and its mean average precision.
    pub(super) thresholds: Vec<(String, String)>,
    pub(super) classes: Vec<ClassView<'a>>,
    pub(super) truths: String,
    pub(super) open: bool,
}

/// One row of the table.
pub(super) struct ClassView<'a> {
    pub(super) name: &'a str,
    pub(super) truths: String,
    pub(super) values: Vec<String>,
    pub(super) average: String,
    /// Length of the bar beside the average, in percent of its room.
    pub(super) bar: f64,
}

impl<'a> ScoresView<'a> {
    pub(super) fn of(table: &'a ScoreTable) -> Self {
        let mut classes: Vec<&ClassScore> = table.classes.iter().collect();
        classes.sort_by_cached_key(|class| (class.name.to_lowercase(), class.name.clone()));
        let values = |values: &[f64]| -> Vec<String> {
            let all = values.iter().copied().chain(std::iter::repeat(f64::NAN));
            all.take(table.thresholds.len()).map(percent).collect()
        };
        let names = table.thresholds.iter().map(|t| without_idle_zeros(&format!("{t:.3}")).to_owned());
        Self {
            average: percent(table.average),
            headline: signed_percent(table.average),
            thresholds: names.zip(values(&table.values)).collect(),
            truths: count(classes.iter().map(|class| class.truths).sum::<usize>()),
            open: classes.len() <= MOST_OPEN,
            classes: classes
                .into_iter()
                .map(|class| ClassView {
                    name: &class.name,
                    truths: count(class.truths),
                    values: values(&class.values),
                    average: percent(class.average),
                    bar: if class.average.is_finite() { tenth(class.average.clamp(0.0, 1.0) * 100.0) } else { 0.0 },
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sorted_by_name_and_missing_values_are_dashes() {
        let class = |name: &str, values| ClassScore { name: name.into(), values, ..ClassScore::default() };
        let table = ScoreTable {
            thresholds: vec![0.3, 0.55],
            values: vec![0.8126, f64::NAN],
            average: 0.5,
            classes: vec![class("wash", vec![1.0]), class("Cut", vec![0.5, 0.25, 0.1]), class("cut", vec![])],
        };
        let view = ScoresView::of(&table);
        assert_eq!(view.thresholds, [("0.3".into(), "81.3".into()), ("0.55".into(), "–".into())]);
        assert_eq!(view.classes.iter().map(|c| c.name).collect::<Vec<_>>(), ["Cut", "cut", "wash"]);
        assert_eq!(
            view.classes.iter().map(|c| c.values.join(" ")).collect::<Vec<_>>(),
            ["50.0 25.0", "– –", "100.0 –"]
        );
    }
}
