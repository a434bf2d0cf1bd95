//! Detections as files: the ActivityNet results layout, and CSV in the layout of labels.

use adatad_data::classes::ClassList;
use adatad_detector::segment::Detection;
use serde_json::{Map, Value, json};

/// `{"version", "results": {video: [{"segment": [start, end], "label", "score"}]}}`, times in seconds.
pub fn activitynet<'a>(videos: impl Iterator<Item = (&'a str, &'a [Detection])>, classes: &ClassList) -> Value {
    let results: Map<String, Value> = videos
        .map(|(name, detections)| {
            let rows = detections
                .iter()
                .map(|d| json!({"segment": [d.start, d.end], "label": classes.label(d.label), "score": d.score}));
            (name.to_owned(), Value::Array(rows.collect()))
        })
        .collect();
    json!({"version": concat!("adatad ", env!("CARGO_PKG_VERSION")), "results": results})
}

/// First line of [`csv`].
pub const CSV_HEAD: &str = "video,label,start,end,score";

/// A row for each detection under [`CSV_HEAD`], times in seconds.
pub fn csv<'a>(videos: impl Iterator<Item = (&'a str, &'a [Detection])>, classes: &ClassList) -> String {
    let mut text = format!("{CSV_HEAD}\n");
    for (name, detections) in videos {
        for d in detections {
            let label = classes.label(d.label).unwrap_or_default();
            text += &format!("{},{},{:.2},{:.2},{:.4}\n", field(name), field(label), d.start, d.end, d.score);
        }
    }
    text
}

/// Quoted where commas, quotes or line ends would be read as more than text (RFC 4180).
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> (ClassList, Vec<Detection>) {
        let classes = ClassList::new(["a, b"]).unwrap();
        (classes, vec![Detection { start: 1.0, end: 2.25, label: 0, score: 0.5 }])
    }

    #[test]
    fn csv_quotes_what_holds_a_comma() {
        let (classes, found) = one();
        let text = csv([("clip", &found[..])].into_iter(), &classes);
        assert_eq!(text, "video,label,start,end,score\nclip,\"a, b\",1.00,2.25,0.5000\n");
    }

    #[test]
    fn json_has_the_activitynet_layout() {
        let (classes, found) = one();
        let value = activitynet([("clip", &found[..])].into_iter(), &classes);
        assert_eq!(value["results"]["clip"][0], json!({"segment": [1.0, 2.25], "label": "a, b", "score": 0.5}));
    }
}
