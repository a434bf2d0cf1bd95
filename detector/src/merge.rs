//! From windows to a video: results are clamped and rounded per window, then thinned out once more across windows.
//!
//! Neighbouring windows see the same action, so each reports it. The reference rounds what a window found before it
//! compares windows, which makes equal scores and identical spans common; both roundings are kept for that reason.
//! Source: OpenTAD `convert_to_seconds` (clamping), `ActionFormer.post_processing` (first rounding) and
//! `gather_ddp_results` (suppression and second rounding).

use crate::segment::{Detection, Segment};
use crate::suppression::Suppression;

/// Hundredths of a second.
const TIME_STEPS: f64 = 100.0;
/// Ten thousandths.
const SCORE_STEPS: f64 = 10_000.0;

/// What one window found, in seconds of its video, as results of a video that lasts `duration` seconds.
///
/// Times are clamped to the video and rounded to 2 decimals, scores to 4. A segment that is not a number is left out.
/// Differs from OpenTAD, which passes NaN on and turns an infinite end into NaN.
pub fn settle(segments: &[Segment], duration: f64) -> Vec<Detection> {
    let clamped = |time| clamp(time, duration as f32);
    let settled = segments.iter().map(|s| Segment { start: clamped(s.start), end: clamped(s.end), ..*s });
    settled.filter(Segment::is_finite).map(|segment| rounded(&segment)).collect()
}

/// The results of all windows of one video as the results of the video, best first.
///
/// `found` is what [`settle`] made of each window, one window after the other.
/// Differs from OpenTAD in nothing but the order of equal scores: see [`suppression`](crate::suppression).
pub fn merge(found: &[Detection], suppression: &Suppression) -> Vec<Detection> {
    let segments = found.iter().map(|detection| Segment {
        start: detection.start as f32,
        end: detection.end as f32,
        label: detection.label,
        score: detection.score as f32,
    });
    suppression.apply(&segments.collect::<Vec<_>>()).iter().map(rounded).collect()
}

/// A time within the video; what is not a number stays so.
fn clamp(time: f32, duration: f32) -> f32 {
    if time <= 0.0 {
        0.0
    } else if time >= duration {
        duration
    } else {
        time
    }
}

fn rounded(segment: &Segment) -> Detection {
    Detection {
        start: round(segment.start, TIME_STEPS),
        end: round(segment.end, TIME_STEPS),
        label: segment.label,
        score: round(segment.score, SCORE_STEPS),
    }
}

/// The decimal number nearest to `value`, of two the even one: what Python's `round` answers.
///
/// Nothing is lost on the way: an f32 has 24 bits and the steps at most 14, so their product fits into an f64, and the
/// quotient of whole numbers is the f64 that the decimal would be read as.
fn round(value: f32, steps: f64) -> f64 {
    (f64::from(value) * steps).round_ties_even() / steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LATE: Segment = Segment { start: 98.0, end: 103.4, label: 1, score: 0.987_654 };

    #[test]
    fn halves_go_to_the_even_neighbour() {
        assert_eq!([0.125, 0.375, 2.5, -0.125].map(|value| round(value, TIME_STEPS)), [0.12, 0.38, 2.5, -0.12]);
        assert_eq!([0.031_25, 0.093_75, 0.5].map(|value| round(value, SCORE_STEPS)), [0.0312, 0.0938, 0.5]);
    }

    #[test]
    fn what_only_looks_like_a_half_is_rounded_by_its_exact_value() {
        // As f32 these are 2.674999952, 1.004999995 and 0.0350000001.
        assert_eq!([2.675, 1.005, 0.035].map(|value| round(value, TIME_STEPS)), [2.67, 1.0, 0.04]);
    }

    #[test]
    fn times_stay_within_the_video() {
        let early = Segment { start: -2.0, end: 4.321, ..LATE };
        let settled = settle(&[early, LATE], 100.004);
        assert_eq!(settled[0], Detection { start: 0.0, end: 4.32, label: 1, score: 0.9877 });
        assert_eq!(settled[1], Detection { start: 98.0, end: 100.0, label: 1, score: 0.9877 });
        assert!(settled[0].start.is_sign_positive(), "a result file shows no -0");
    }

    #[test]
    fn what_is_no_number_does_not_reach_a_file() {
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|odd| Segment { end: odd, ..LATE });
        let ends: Vec<_> = settle(&odd, 100.0).iter().map(|detection| detection.end).collect();
        assert_eq!(ends, [100.0, 0.0]);
        assert_eq!(settle(&[Segment { score: f32::NAN, ..LATE }], 100.0), []);
    }

    #[test]
    fn an_action_that_two_windows_saw_leaves_one_at_full_score() {
        let seen = |start, score| Detection { start, end: start + 10.0, label: 0, score };
        let merged = merge(&[seen(5.0, 0.7), seen(40.0, 0.6), seen(5.01, 0.9)], &Suppression::thumos());
        assert_eq!(merged[..2], [seen(5.01, 0.9), seen(40.0, 0.6)]);
        assert!(merged[2].score < 0.2);
    }

    proptest! {
        #[test]
        fn rounding_is_that_of_the_decimal_written_out(value in any::<f32>()) {
            prop_assert_eq!(round(value, TIME_STEPS), format!("{value:.2}").parse::<f64>().unwrap());
            prop_assert_eq!(round(value, SCORE_STEPS), format!("{value:.4}").parse::<f64>().unwrap());
        }

        #[test]
        fn settling_twice_is_settling_once(start in -5.0_f32..50.0, length in 0.0_f32..50.0, score in 0.0_f32..1.0) {
            let once = settle(&[Segment { start, end: start + length, label: 0, score }], 60.0);
            let Detection { start, end, score, .. } = once[0];
            let again = Segment { start: start as f32, end: end as f32, label: 0, score: score as f32 };
            prop_assert_eq!(settle(&[again], 60.0), once);
        }
    }
}
