//! Formats of label files: what is written is read again, in the unit of time that the format has; what is wrong is told
//! with its place.

#![cfg(test)]

use adatad_data::annotation::Action;
use adatad_data::formats::{ContentError, Fault, Format, LabelledVideo, Labels, Place, ReadOptions, Written};
use proptest::prelude::*;

const RATE: f64 = 25.0;

fn action(label: &str, start: f64, end: f64) -> Action {
    Action { label: label.into(), start, end }
}

/// Reads what was written, as files of these names.
fn read_again(format: Format, written: &Written) -> Labels {
    let mut all = Labels::default();
    let files = match written {
        Written::One(text) => vec![("", text)],
        Written::PerVideo(files) => files.iter().map(|(name, text)| (name.as_str(), text)).collect(),
    };
    for (name, text) in files {
        let options = ReadOptions { name, fps: format.counts_frames().then_some(RATE), layer: None };
        let labels = format.parse(text.as_bytes(), &options);
        all.join(labels.unwrap_or_else(|error| panic!("{format:?}: {error}\n{text}")));
    }
    all
}

/// The segments of every video, in an order that does not depend on that of the file.
fn segments(videos: &[LabelledVideo]) -> Vec<(String, Vec<Action>)> {
    let sorted = |video: &LabelledVideo| {
        let mut actions = video.actions.clone();
        actions.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.end.total_cmp(&b.end)).then(a.label.cmp(&b.label)));
        (video.name.clone(), actions)
    };
    let mut all: Vec<_> = videos.iter().filter(|video| !video.actions.is_empty()).map(sorted).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The unit that a format counts time in, in seconds; nothing for any number of seconds.
fn unit(format: Format) -> Option<f64> {
    match format {
        Format::LabelStudio | Format::Cvat => Some(1.0 / RATE),
        Format::Elan | Format::WebVtt | Format::Srt => Some(0.001),
        _ => None,
    }
}

fn any_label() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 &<>\"',;:éß_.%#=-]{1,12}".prop_filter("a line without outer white space", |label| {
        !label.is_empty() && label.trim() == label && !label.contains("-->")
    })
}

prop_compose! {
    fn any_video()(
        name in "[a-zA-Z0-9é][a-zA-Z0-9 é_%&'-]{0,8}[a-z]",
        spans in proptest::collection::vec((any_label(), 0u32..500_000, 1u32..90_000, 0.0f64..1.0), 0..6),
    ) -> Drawn {
        (name, spans)
    }
}

/// A name and, of each segment: label, start and length in units, part of a unit.
type Drawn = (String, Vec<(String, u32, u32, f64)>);

/// The same videos with times in the unit of a format.
fn on_grid(format: Format, videos: &[Drawn]) -> Vec<LabelledVideo> {
    let time = |units: u32, part: f64| match unit(format) {
        Some(0.001) => f64::from(units) / 1000.0,
        Some(_) => f64::from(units) / RATE,
        None => (f64::from(units) + part) / 1000.0,
    };
    let video = |(name, spans): &Drawn| LabelledVideo {
        name: name.clone(),
        duration: Some(600_000.0),
        fps: Some(RATE),
        actions: spans
            .iter()
            .map(|(label, start, length, part)| action(label, time(*start, *part), time(start + length, *part)))
            .collect(),
        ..LabelledVideo::default()
    };
    let mut videos: Vec<_> = videos.iter().map(video).collect();
    videos.sort_by(|a, b| a.name.cmp(&b.name));
    videos.dedup_by(|a, b| a.name == b.name);
    videos
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn what_is_exported_is_imported_again(videos in proptest::collection::vec(any_video(), 1..4)) {
        for format in Format::ALL {
            let videos = on_grid(format, &videos);
            let written = format.text(&videos, None).unwrap();
            let found = read_again(format, &written);
            prop_assert_eq!(segments(&found.videos), segments(&videos), "{:?}", format);
            prop_assert_eq!(&found.left_out, &[], "{:?}", format);
            let twice = format.text(&found.videos, Some(RATE)).unwrap();
            prop_assert_eq!(segments(&read_again(format, &twice).videos), segments(&videos), "{:?}", format);
        }
    }

    #[test]
    fn times_between_two_units_move_by_half_a_unit_at_most(start in 0.0f64..5000.0, length in 0.2f64..100.0) {
        for format in Format::ALL {
            let actions = vec![action("a", start, start + length)];
            let video = LabelledVideo { name: "v".into(), fps: Some(RATE), actions, ..LabelledVideo::default() };
            let found = read_again(format, &format.text(&[video], None).unwrap());
            let Action { start: from, end: to, .. } = found.videos[0].actions[0];
            let most = unit(format).unwrap_or_default() / 2.0 + 1e-9;
            prop_assert!((from - start).abs() <= most && (to - start - length).abs() <= most, "{:?}", format);
        }
    }
}

fn parse(format: Format, text: &str) -> Result<Labels, ContentError> {
    format.parse(text.as_bytes(), &ReadOptions { name: "clip", fps: None, layer: None })
}

fn message(format: Format, text: &str) -> String {
    parse(format, text).unwrap_err().to_string()
}

#[test]
fn a_video_keeps_what_is_known_of_it() {
    let video = LabelledVideo {
        name: "v".into(),
        subset: Some("training".into()),
        duration: Some(12.5),
        frames: Some(300),
        fps: Some(24.0),
        actions: vec![action("a", 1.0, 2.0)],
    };
    for format in [Format::ActivityNet, Format::ActionFormer] {
        let found = read_again(format, &format.text(std::slice::from_ref(&video), None).unwrap());
        assert_eq!(found.videos, std::slice::from_ref(&video));
    }
    let numbered = read_again(Format::ActionFormer, &Format::ActionFormer.text(&[video], None).unwrap());
    assert_eq!(numbered.classes, Some(vec!["a".to_owned()]));
}

#[test]
fn columns_of_csv_are_found_by_name_in_any_order() {
    let ours = parse(Format::Csv, "end;note;start;label\n4,5;x;1;a\n").unwrap();
    assert_eq!(ours.videos[0].actions, [action("a", 1.0, 4.5)]);
    let found = parse(Format::Csv, "\u{feff}end\tnote\tstart\tlabel\n00:01:04.5\tx\t1\ta b\n").unwrap();
    assert_eq!(found.videos[0].actions, [action("a b", 1.0, 64.5)]);
    let trace = parse(Format::Csv, "labelId,timestamp,endTimestamp\n\"walk, slow\",0.5,2\n").unwrap();
    assert_eq!((trace.videos[0].name.as_str(), &trace.videos[0].actions[0]), ("clip", &action("walk, slow", 0.5, 2.0)));
    let many = parse(Format::Csv, "video,label,start,end,subset\na/v1.mp4,x,1,2,training\nv2,y,3,4,\n").unwrap();
    let names: Vec<_> = many.videos.iter().map(|video| (video.name.as_str(), video.subset.as_deref())).collect();
    assert_eq!(names, [("v1", Some("training")), ("v2", None)]);
    let message = message(Format::Csv, "label,strat,end\n");
    assert_eq!(message, "line 1: no `start`, only [label, strat, end]; did you mean `strat`?");
}

#[test]
fn times_that_are_none_are_refused_everywhere() {
    for time in ["nan", "inf", "-inf", "1e400", "one", ""] {
        let error = parse(Format::Csv, &format!("label,start,end\na,1,2\nb,{time},3\n")).unwrap_err();
        assert_eq!(error.place, Place::Line(3), "{error}");
    }
    let json = r#"{"database": {"v": {"annotations": [{"label": "a", "segment": [1, NaN]}]}}}"#;
    assert!(message(Format::ActivityNet, json).contains("NaN and Infinity are not JSON"));
    let text = json.replace("NaN", "\"nan\"");
    assert!(message(Format::ActivityNet, &text).contains("expected a number"));
    assert_eq!(parse(Format::ActivityNet, &json.replace("NaN", "\"2.5\"")).unwrap().videos[0].actions[0].end, 2.5);
}

#[test]
fn frames_without_a_rate_are_refused() {
    let cvat = r#"<annotations><track label="a"><box frame="3" outside="0"/><box frame="9" outside="1"/></track></annotations>"#;
    assert_eq!(parse(Format::Cvat, cvat).unwrap_err().fault, Fault::NoRate);
    let task = r#"[{"data": {"video": "v.mp4"}, "annotations": [{"result": [{"type": "timelinelabels",
        "value": {"ranges": [{"start": 1, "end": 10}], "timelinelabels": ["a"]}}]}]}]"#;
    assert_eq!(parse(Format::LabelStudio, task).unwrap_err().fault, Fault::NoRate);
    let options = ReadOptions { fps: Some(10.0), ..ReadOptions::default() };
    assert_eq!(
        Format::LabelStudio.parse(task.as_bytes(), &options).unwrap().videos[0].actions,
        [action("a", 0.0, 1.0)]
    );
    let told = task.replace(r#""video": "v.mp4""#, r#""video": "v.mp4", "fps": 25"#);
    let error = Format::LabelStudio.parse(told.as_bytes(), &options).unwrap_err();
    assert!(error.to_string().contains("made at 25 frames a second, --fps says 10"), "{error}");
    assert!(Format::Cvat.parse(cvat.as_bytes(), &ReadOptions { fps: Some(0.0), ..options }).is_err());
}

#[test]
fn tracks_and_tags_of_cvat_become_stretches_of_time() {
    let text = r#"<?xml version="1.0"?><annotations><meta><task><id>7</id><source>x/clip.mp4</source>
        <frame_filter>step=2</frame_filter></task></meta>
        <track task_id="7" label="walk"><box frame="10" outside="0"/><box frame="20" outside="1"/>
        <polygon frame="30" outside="0"/></track>
        <image id="4" name="f4"><tag label="run"/></image><image id="6" name="f6"><tag label="run"/></image>
        <image id="12"><tag label="run"/></image></annotations>"#;
    let options = ReadOptions { fps: Some(10.0), ..ReadOptions::default() };
    let found = Format::Cvat.parse(text.as_bytes(), &options).unwrap();
    let expected =
        [action("walk", 1.0, 2.0), action("walk", 3.0, 3.2), action("run", 0.4, 0.8), action("run", 1.2, 1.4)];
    assert_eq!((found.videos[0].name.as_str(), found.videos[0].actions.as_slice()), ("clip", &expected[..]));
}

#[test]
fn documents_that_define_entities_are_refused() {
    let bomb =
        r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><annotations>&c;</annotations>"#;
    assert!(message(Format::Cvat, bomb).contains("document type"), "{}", message(Format::Cvat, bomb));
    assert!(message(Format::Elan, "<ANNOTATION_DOCUMENT>&bomb;</ANNOTATION_DOCUMENT>").contains("bomb"));
    assert!(message(Format::Elan, "<ANNOTATION_DOCUMENT>").contains("ends too early"));
    assert!(message(Format::Elan, "<a></b>").starts_with("line 1: "));
}

#[test]
fn several_layers_need_a_choice() {
    let tier = |name: &str, value: &str| {
        format!(
            "<TIER TIER_ID=\"{name}\" LINGUISTIC_TYPE_REF=\"default-lt\"><ANNOTATION><ALIGNABLE_ANNOTATION \
             TIME_SLOT_REF1=\"t1\" TIME_SLOT_REF2=\"t2\"><ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>\
             </ALIGNABLE_ANNOTATION></ANNOTATION></TIER>"
        )
    };
    let text = format!(
        "<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL=\"file:///my%20clip.mp4\"/></HEADER><TIME_ORDER>\
         <TIME_SLOT TIME_SLOT_ID=\"t1\" TIME_VALUE=\"500\"/><TIME_SLOT TIME_SLOT_ID=\"t2\" TIME_VALUE=\"1500\"/>\
         </TIME_ORDER>{}{}</ANNOTATION_DOCUMENT>",
        tier("hands", "take &amp; put"),
        tier("speech", "hello"),
    );
    assert_eq!(message(Format::Elan, &text), "labels stand in several tiers: [hands, speech]; choose one with --layer");
    let layer = |layer| Format::Elan.parse(text.as_bytes(), &ReadOptions { layer: Some(layer), ..Default::default() });
    let found = layer("hands").unwrap();
    assert_eq!(
        (found.videos[0].name.as_str(), &found.videos[0].actions[0]),
        ("my clip", &action("take & put", 0.5, 1.5))
    );
    assert!(layer("hand").unwrap_err().to_string().ends_with("did you mean `hands`?"));
}

#[test]
fn observations_of_boris_are_paired_by_who_does_what() {
    let head = "Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status\n";
    let row = |time: &str, subject: &str, status: &str| format!("{time},a/v.mp4,60.0,25.0,{subject},eat,,,{status}\n");
    let text = [head, &row("1", "x", "START"), &row("2", "y", "START"), &row("3", "x", "STOP"), &row("4", "y", "STOP")]
        .concat();
    let found = parse(Format::Boris, &(text.clone() + &row("9", "y", "POINT"))).unwrap();
    assert_eq!(found.videos[0].actions, [action("eat", 1.0, 3.0), action("eat", 2.0, 4.0)]);
    assert_eq!((found.videos[0].duration, found.videos[0].fps), (Some(60.0), Some(25.0)));
    assert_eq!(found.left_out[0].count, 1);
    assert!(
        message(Format::Boris, &(text.clone() + &row("5", "x", "START")))
            .contains("`eat` starts at 5 s and never stops")
    );
    assert!(message(Format::Boris, &(text + &row("5", "x", "STOP"))).contains("stops, but has not started"));
    assert!(message(Format::Boris, "a,b\n1,2\n").contains("names of the columns"));
}

#[test]
fn captions_are_read_with_and_without_their_extras() {
    let vtt = "WEBVTT - title\n\nNOTE nothing\n\nintro\n00:01.000 --> 00:02.500 align:start\nA &lt;b&gt; &amp;\nsecond line\n";
    assert_eq!(parse(Format::WebVtt, vtt).unwrap().videos[0].actions, [action("A <b> & second line", 1.0, 2.5)]);
    let srt = "\u{feff}1\r\n00:00:01,000 --> 00:00:02,000\r\nx\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n\r\n";
    let found = parse(Format::Srt, srt).unwrap();
    assert_eq!((found.videos[0].actions.len(), found.left_out[0].count), (1, 1));
    assert_eq!(
        message(Format::Srt, "1\n00:00:01 --> soon\nx\n"),
        "line 2: `end` is \"soon\"; it must be a time such as 00:00:01.000"
    );
    assert!(message(Format::Srt, "hello\n").contains("no cue"));
    let bad = LabelledVideo { name: "v".into(), actions: vec![action("a\nb", 0.0, 1.0)], ..Default::default() };
    assert!(Format::Srt.text(&[bad], None).unwrap_err().to_string().contains("one line"));
}

#[test]
fn a_name_that_would_leave_the_folder_is_not_written() {
    for name in ["../x", "a/b", "", ".hidden", "a\\b"] {
        let video = LabelledVideo { name: name.into(), fps: Some(RATE), ..LabelledVideo::default() };
        for format in
            Format::ALL.into_iter().filter(|f| !matches!(f, Format::ActivityNet | Format::ActionFormer | Format::Csv))
        {
            let error = format.text(std::slice::from_ref(&video), None).unwrap_err();
            assert!(matches!(error.fault, Fault::Unwritable { .. }), "{format:?} {name}: {error}");
        }
    }
}

#[test]
fn times_that_a_format_cannot_hold_are_not_written_as_others() {
    for (start, end) in [(f64::NAN, 1.0), (0.0, f64::INFINITY), (-1.0, 1.0), (2.0, 1.0)] {
        let actions = vec![action("a", start, end)];
        let video = LabelledVideo { name: "v".into(), fps: Some(RATE), actions, ..LabelledVideo::default() };
        for format in Format::ALL {
            let finite = start.is_finite() && end.is_finite();
            let written = format.text(std::slice::from_ref(&video), None);
            assert_eq!(written.is_ok(), finite && unit(format).is_none() && format != Format::Boris, "{format:?}");
        }
    }
}

#[test]
fn two_videos_of_one_name_in_two_folders_are_not_mixed_up() {
    let text = r#"[{"data": {"video": "a/v.mp4", "fps": 5}, "annotations": []}, {"data": {"video": "b/v.mp4", "fps": 5}, "annotations": []}]"#;
    assert!(message(Format::LabelStudio, text).contains("two videos have the name \"v\""));
    let upload = r#"{"data": {"video": "/data/upload/1/0a1b2c3d-clip.mp4", "fps": 5}, "annotations": []}"#;
    assert_eq!(parse(Format::LabelStudio, upload).unwrap().videos[0].name, "clip");
    assert!(message(Format::LabelStudio, r#"[{"video": "v.mp4", "data": {"video": "v.mp4"}}]"#).contains("JSON-MIN"));
}

/// Every example of docs/formats.md says the same of the same video.
#[test]
fn the_examples_of_the_documentation_are_what_they_say() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats.md");
    let text = std::fs::read_to_string(path).unwrap();
    let expected = [action("insert", 1.4, 4.0), action("press", 6.2, 7.8)];
    let mut seen = Vec::new();
    for block in text.split("\n```").filter_map(|block| block.split_once('\n')) {
        let Some(name) = block.0.split_once(" example ").map(|(_, name)| name.trim()) else { continue };
        let format = Format::ALL.into_iter().find(|format| format!("{format:?}").eq_ignore_ascii_case(name)).unwrap();
        let options = ReadOptions { name: "press_1", fps: format.counts_frames().then_some(RATE), layer: None };
        let found = format.parse(block.1.as_bytes(), &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.videos.len(), 1, "{name}");
        assert_eq!(
            (found.videos[0].name.as_str(), found.videos[0].actions.as_slice()),
            ("press_1", &expected[..]),
            "{name}"
        );
        seen.push(format);
    }
    assert_eq!(seen.len(), Format::ALL.len(), "an example of every format: {seen:?}");
}
