//! Curves: from points to the coordinates of a line, with axes and a legend.
//!
//! A run has many more steps than a chart has pixels, so long curves keep the lowest and the highest point of every
//! pixel column: no spike is lost and the page stays small.

use super::axis::Axis;
use super::numbers::{short, tenth};
use super::palette::colour;
use super::{Chart, Series};

/// Size of a chart and of the frame in it, in units of its view box.
pub(super) const WIDTH: f64 = 520.0;
pub(super) const HEIGHT: f64 = 250.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = HEIGHT - 44.0;

/// Columns of a curve; each keeps two points.
const COLUMNS: usize = 220;

/// Values beyond this are as good as infinite: their differences would overflow.
const LARGEST: f64 = 1e100;

/// A chart ready to be drawn.
pub(super) struct ChartView<'a> {
    pub(super) title: &'a str,
    pub(super) x_label: &'a str,
    /// Height of a line across the frame, and its label.
    pub(super) rows: Vec<(f64, String)>,
    /// Place of a mark under the frame, and its label.
    pub(super) columns: Vec<(f64, String)>,
    pub(super) lines: Vec<LineView<'a>>,
    /// Points that are not finite.
    pub(super) left_out: usize,
}

/// A curve ready to be drawn.
pub(super) struct LineView<'a> {
    pub(super) name: &'a str,
    pub(super) colour: String,
    /// `x,y x,y ..`
    pub(super) points: String,
    /// The place of a point that is alone and so makes no line.
    pub(super) alone: Option<(f64, f64)>,
    /// The last value.
    pub(super) last: String,
}

impl<'a> ChartView<'a> {
    pub(super) const FRAME: [f64; 4] = [LEFT, TOP, RIGHT, BOTTOM];

    pub(super) fn of(chart: &'a Chart) -> Self {
        let kept: Vec<Vec<_>> = chart.series.iter().map(drawable).collect();
        let all = || kept.iter().flatten();
        let axes = range(all().map(|p| p.0)).zip(range(all().map(|p| p.1))).map(|((left, right), (low, high))| {
            let whole = all().all(|p| p.0.fract().abs() < 1e-9);
            (Axis::between(left, right, whole), Axis::around(low, high))
        });
        let total: usize = chart.series.iter().map(|s| s.points.len()).sum();
        let left_out = total - all().count();
        let (title, x_label) = (chart.title.as_str(), chart.x_label.as_str());
        let Some((across, up)) = axes else {
            return Self { title, x_label, rows: vec![], columns: vec![], lines: vec![], left_out };
        };
        let x = |value| tenth(LEFT + across.place(value) * (RIGHT - LEFT));
        let y = |value| tenth(BOTTOM - up.place(value) * (BOTTOM - TOP));
        let lines = chart.series.iter().zip(&kept).enumerate().map(|(i, (series, points))| {
            let placed: Vec<_> = thinned(points).into_iter().map(|(px, py)| (x(px), y(py))).collect();
            LineView {
                name: &series.name,
                colour: colour(i),
                alone: placed.first().copied().filter(|_| placed.len() == 1),
                points: placed.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" "),
                last: points.last().map(|p| short(p.1)).unwrap_or_else(|| "no points".into()),
            }
        });
        Self {
            title,
            x_label,
            lines: lines.collect(),
            rows: up.ticks.iter().map(|(value, label)| (y(*value), label.clone())).collect(),
            columns: across.ticks.iter().map(|(value, label)| (x(*value), label.clone())).collect(),
            left_out,
        }
    }
}

fn drawable(series: &Series) -> Vec<(f64, f64)> {
    series.points.iter().copied().filter(|(x, y)| x.abs() < LARGEST && y.abs() < LARGEST).collect()
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// The lowest and the highest point of every column, in the order in which they came; the ends always stay.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= 2 * COLUMNS {
        return points.to_vec();
    }
    let (first, last) = (points[0], points[points.len() - 1]);
    let mut kept = vec![first];
    for column in points.chunks(points.len().div_ceil(COLUMNS)) {
        let (mut low, mut high) = (0, 0);
        for (i, point) in column.iter().enumerate() {
            low = if point.1 < column[low].1 { i } else { low };
            high = if point.1 > column[high].1 { i } else { high };
        }
        kept.push(column[low.min(high)]);
        kept.push(column[low.max(high)]);
    }
    kept.push(last);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        Chart { series: vec![Series { name: "loss".into(), points }], ..Chart::default() }
    }

    #[test]
    fn points_that_are_not_finite_are_left_out_and_counted() {
        let chart = chart(vec![(0.0, 1.0), (1.0, f64::NAN), (f64::INFINITY, 2.0), (3.0, 0.5), (4.0, 1e300)]);
        let view = ChartView::of(&chart);
        assert_eq!(view.left_out, 3);
        assert_eq!(view.lines[0].points.split(' ').count(), 2);
    }

    #[test]
    fn no_points_are_no_lines() {
        assert!(ChartView::of(&chart(vec![])).lines.is_empty());
        assert!(ChartView::of(&chart(vec![(f64::NAN, 1.0)])).lines.is_empty());
    }

    #[test]
    fn one_point_is_a_dot_inside_the_frame() {
        let chart = chart(vec![(3.0, 0.7)]);
        let view = ChartView::of(&chart);
        let (x, y) = view.lines[0].alone.expect("a dot");
        assert!(x > LEFT && x < RIGHT && y > TOP && y < BOTTOM, "{x}, {y}");
    }

    #[test]
    fn a_long_curve_keeps_its_spike_and_its_ends() {
        let mut points: Vec<_> = (0..100_000).map(|i| (f64::from(i), 1.0)).collect();
        points[31_415].1 = 9.0;
        let kept = thinned(&points);
        assert!(kept.len() <= 2 * COLUMNS + 2);
        assert!(kept.contains(&(31_415.0, 9.0)));
        assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
    }
}
