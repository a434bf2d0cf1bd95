//! What goes wrong and what scores mean, as tables and charts of the report.

use adatad_detector::diagnosis::{Bin, Calibration, Diagnosis, Operating, Outcome};

use crate::report::{Chart, Series, Table};

/// Kinds of detections, in the words of the report.
const KINDS: [(Outcome, &str); 6] = [
    (Outcome::TruePositive, "right"),
    (Outcome::DoubleDetection, "found twice"),
    (Outcome::WrongLabel, "wrong class"),
    (Outcome::Localization, "wrong place"),
    (Outcome::Confusion, "wrong class and place"),
    (Outcome::Background, "nothing there"),
];

/// The tables of a run's errors and scores.
pub fn tables(diagnosis: &Diagnosis, calibration: &Calibration) -> Vec<Table> {
    vec![operating(calibration), profile(diagnosis), gains(diagnosis), sizes(diagnosis)]
}

/// How often detections are right, by their score.
pub fn charts(calibration: &Calibration) -> Vec<Chart> {
    let points = |value: fn(&(f64, f64)) -> (f64, f64)| {
        calibration.bands.iter().map(|band| value(&(band.score, band.precision))).collect()
    };
    vec![Chart {
        title: format!("How often a detection is right (tIoU {})", calibration.tiou),
        x_label: "score".into(),
        series: vec![
            Series { name: "share that is right".into(), points: points(|band| *band) },
            Series { name: "if scores were shares".into(), points: points(|(score, _)| (*score, *score)) },
        ],
    }]
}

fn percent(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}

/// Which score to ask for.
fn operating(calibration: &Calibration) -> Table {
    let row = |name: String, operating: &Operating| match operating.score {
        Some(score) => {
            // Rounded up: rounded down, it would let in what it must not.
            let score = (score * 10_000.0).ceil() / 10_000.0;
            vec![name, format!("{score:.4}"), percent(operating.precision), percent(operating.recall)]
        }
        None => vec![name, "no score".into(), "-".into(), "-".into()],
    };
    let mut rows: Vec<_> = calibration.operating.iter().map(|o| row(percent(o.wanted), o)).collect();
    rows.extend(calibration.per_class.iter().map(|(class, o)| row(format!("{class}: {}", percent(o.wanted)), o)));
    Table {
        title: "The score to ask for".into(),
        note: format!(
            "Of all detections that score at least so much (detect --min-score), that share is right at tIoU {}. Measured \
             on this subset; distance of scores from shares {}.",
            calibration.tiou,
            percent(calibration.error)
        ),
        head: ["Wanted precision", "Score", "Precision", "Actions found"].map(str::to_owned).to_vec(),
        rows,
    }
}

fn profile(diagnosis: &Diagnosis) -> Table {
    let groups = diagnosis.profile.iter().filter(|group| group.detections > 0);
    let row = |group: &adatad_detector::diagnosis::Group| {
        let shares = KINDS.iter().map(|(kind, _)| percent(group.shares.of(*kind)));
        [format!("{}G", group.multiple), group.detections.to_string()].into_iter().chain(shares).collect()
    };
    Table {
        title: "What detections turn out to be".into(),
        note: "The best G detections of each class (G: how many actions it has), the next G, and so on; averaged over the \
               thresholds."
            .into(),
        head: ["Detections", "Number"].into_iter().chain(KINDS.map(|(_, name)| name)).map(str::to_owned).collect(),
        rows: groups.map(row).collect(),
    }
}

fn gains(diagnosis: &Diagnosis) -> Table {
    let name = |error: Outcome| KINDS.iter().find(|(kind, _)| *kind == error).map_or("", |(_, name)| *name);
    let row = |gain: &adatad_detector::diagnosis::Gain| vec![name(gain.error).to_owned(), percent(gain.map)];
    Table {
        title: "What each kind of error costs".into(),
        note: format!(
            "Average mAP that would be gained without it. {} of the actions are never found.",
            percent(diagnosis.false_negative_rate)
        ),
        head: ["Error", "Gain"].map(str::to_owned).to_vec(),
        rows: diagnosis.gains.iter().map(row).collect(),
    }
}

fn sizes(diagnosis: &Diagnosis) -> Table {
    let row = |kind: &str, unit: &str, bin: &Bin| {
        let range = match bin.up_to {
            Some(up_to) => format!("{:.2} to {up_to:.2}{unit}", bin.above),
            None => format!("above {:.2}{unit}", bin.above),
        };
        let share = |value: Option<f64>| value.map_or("-".into(), percent);
        let (map, missed) = (share(bin.normalised_map), share(bin.false_negative_rate));
        vec![format!("{kind} {}", bin.name), range, bin.truths.to_string(), map, missed]
    };
    let of = |kind: &'static str, unit: &'static str, bins: &[Bin]| {
        bins.iter().filter(|bin| bin.truths > 0).map(|bin| row(kind, unit, bin)).collect::<Vec<_>>()
    };
    let rows = [
        of("length", " s", &diagnosis.length),
        of("share of the video", "", &diagnosis.coverage),
        of("of its class in the video", "", &diagnosis.count),
    ];
    Table {
        title: "Which actions are found".into(),
        note: "By size, from XS to XL; mAP normalised, so that sizes can be compared.".into(),
        head: ["Actions", "Range", "Number", "mAP", "Never found"].map(str::to_owned).to_vec(),
        rows: rows.concat(),
    }
}
