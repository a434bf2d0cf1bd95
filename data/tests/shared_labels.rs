//! Label files of published data sets and of other programs, where the folder of shared data is beside the repository.

#![cfg(test)]

use std::path::{Path, PathBuf};

use adatad_data::annotation::{Action, Annotations};
use adatad_data::check::{CheckOptions, Checked, Trouble};
use adatad_data::classes::ClassList;
use adatad_data::datasets::{DatasetPreset, Layout};
use adatad_data::formats::{Format, LabelledVideo, Labels};
use adatad_data::import::{ImportOptions, Source, import};
use adatad_data::window::{Conversion, Grid, SlidingConfig, Timeline, TruncationConfig, TruthRule};

/// The shared folder, or nothing, which is said.
fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if folder.join("data").is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: the folder of shared data is not beside this repository");
    None
}

fn read(source: Source, files: &[&str], options: &ImportOptions) -> Option<Labels> {
    let folder = shared()?.join("data");
    let paths: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
    Some(import(source, &paths, options).unwrap_or_else(|error| panic!("{files:?}: {error}")).labels)
}

fn plain(format: Format, file: &str) -> Option<Labels> {
    read(Source::Format(format), &[file], &ImportOptions::default())
}

fn counts(labels: &Labels) -> (usize, usize) {
    (labels.videos.len(), labels.videos.iter().map(|video| video.actions.len()).sum())
}

fn video<'a>(labels: &'a Labels, name: &str) -> &'a LabelledVideo {
    labels.videos.iter().find(|video| video.name == name).unwrap()
}

/// Kinds of problems that are about how names are written.
fn spelling(labels: &Labels) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.json");
    Format::ActivityNet.write(&labels.videos, None, &path).unwrap();
    let checked = Checked::new(&path, CheckOptions::default()).unwrap();
    let alike = |trouble: &Trouble| matches!(trouble, Trouble::Misspelt { .. } | Trouble::MisspeltSubset { .. });
    let found = checked.report().problems.iter().filter(|finding| alike(&finding.trouble));
    found.map(|finding| finding.trouble.to_string()).collect()
}

#[test]
fn thumos_is_the_same_in_all_its_files() {
    let Some(actionformer) = plain(Format::ActionFormer, "thumos14/thumos14_actionformer.json") else { return };
    assert_eq!(counts(&actionformer), (412, 3007 + 3358));
    let classes = actionformer.classes.clone().unwrap();
    assert_eq!((classes.len(), classes[0].as_str(), classes[19].as_str()), (20, "BaseballPitch", "VolleyballSpiking"));
    assert_eq!(spelling(&actionformer), [""; 0]);

    let derived = plain(Format::ActivityNet, "thumos14/thumos_14_anno_opentad_layout_derived.json").unwrap();
    assert_eq!(derived.videos.len(), 411);
    for entry in &derived.videos {
        assert_eq!(entry.actions, video(&actionformer, &entry.name).actions, "{}", entry.name);
    }

    // G-TAD's numbers are texts, and some of its videos are others.
    let gtad = plain(Format::ActivityNet, "thumos14/thumos_gt_gtad_210test.json").unwrap();
    assert_eq!(counts(&gtad), (410, 6318));
    assert!(gtad.videos.iter().all(|video| video.duration.is_none()));
    let gtad = video(&gtad, "video_test_0000896");
    assert_eq!((gtad.subset.as_deref(), &gtad.actions[0]), (Some("test"), &action("HighJump", 18.6, 24.8)));

    let files = ["thumos14/afsd_test_Annotation_ours.csv", "thumos14/afsd_test_video_info.csv"];
    let options = ImportOptions { subset: Some("test".into()), ..ImportOptions::default() };
    let afsd = read(Source::Layout(Layout::Afsd), &files, &options).unwrap();
    assert_eq!(afsd.videos.len(), 212);
    let one = video(&afsd, "video_test_0000004");
    assert_eq!((one.frames, one.fps, one.duration), (Some(1012), Some(30.0), Some(1012.0 / 30.0)));
    assert_eq!(one.actions, video(&actionformer, "video_test_0000004").actions);

    let multi = plain(Format::ActivityNet, "other_tad/multithumos_tridetplus.json").unwrap();
    assert_eq!(
        (counts(&multi), multi.classes.as_ref().unwrap().len()),
        ((412, 38668), DatasetPreset::MultiThumos.settings().classes)
    );
    assert_eq!(spelling(&multi), [""; 0]);
}

fn action(label: &str, start: f64, end: f64) -> Action {
    Action { label: label.into(), start, end }
}

#[test]
fn the_derived_thumos_file_makes_the_windows_it_is_known_for() {
    let Some(shared) = shared() else { return };
    let path = shared.join("data/thumos14/thumos_14_anno_opentad_layout_derived.json");
    let annotations = Annotations::salvage(path).unwrap().annotations;
    let settings = DatasetPreset::Thumos14.settings();
    let test = settings.sliding(false).unwrap().1.build().unwrap();
    let videos = annotations.subset(settings.test_subset).unwrap();
    let windows: usize =
        videos.iter().map(|entry| test.cut(&Timeline::new(0, entry, settings.fps, None).unwrap(), None).len()).sum();
    // A run of the official small model reports these (sec. 9.3 of the specification).
    assert_eq!((videos.len(), windows), (211, 792));
}

#[test]
fn activitynet_comes_with_its_subsets() {
    let files = ["activitynet/anet_anno_action.json", "activitynet/video_info_new.csv"];
    let Some(labels) = read(Source::Layout(Layout::Bsn), &files, &ImportOptions::default()) else { return };
    let subset = |name: &str| labels.videos.iter().filter(|video| video.subset.as_deref() == Some(name)).count();
    assert_eq!(["training", "validation", "testing"].map(subset), [9649, 4728, 4851]);
    assert!(labels.videos.iter().all(|video| video.duration.is_some() && video.frames.is_some()));
    let mut classes: Vec<_> =
        labels.videos.iter().flat_map(|video| &video.actions).map(|action| &action.label).collect();
    classes.sort();
    classes.dedup();
    assert_eq!(classes.len(), DatasetPreset::ActivityNet13.settings().classes);
    assert_eq!(spelling(&labels), [""; 0]);
}

#[test]
fn both_tables_of_epic_tell_the_same_times() {
    let verbs = ["epic100/EPIC_100_verb_classes.csv", "epic100/EPIC_100_video_info.csv"];
    let options = ImportOptions { subset: Some("val".into()), ..ImportOptions::default() };
    let own = [&["epic100/EPIC_100_validation.csv"], &verbs[..]].concat();
    let Some(own) = read(Source::Layout(Layout::EpicVerb), &own, &options) else { return };
    let c2 = ["epic100/c2_video_lengths.csv", "epic100/c2_validation.csv", verbs[0]];
    let c2 = read(Source::Layout(Layout::EpicVerb), &c2, &options).unwrap();
    assert_eq!((counts(&own).1, counts(&c2).1), (9668, 9668));
    let sorted = |video: &LabelledVideo| {
        let mut actions = video.actions.clone();
        actions.sort_by(|a, b| (a.start + a.end).total_cmp(&(b.start + b.end)).then(a.label.cmp(&b.label)));
        actions
    };
    let (mut near, mut all) = (0, 0);
    for entry in &own.videos {
        for (a, b) in sorted(entry).iter().zip(sorted(video(&c2, &entry.name))) {
            all += 1;
            near += usize::from((a.start - b.start).abs() < 0.07 && (a.end - b.end).abs() < 0.07 && a.label == b.label);
        }
    }
    assert!(near * 100 > all * 98, "{near} of {all} segments agree to two frames");
    assert_eq!(own.classes.as_ref().map(Vec::len), Some(97));
    assert_eq!(own.videos[0].subset.as_deref(), Some("val"));

    let training = ["epic100/c2_training.csv", "epic100/c2_video_lengths.csv", "epic100/EPIC_100_noun_classes.csv"];
    let training = read(Source::Layout(Layout::EpicNoun), &training, &options).unwrap();
    assert_eq!((counts(&training).1, training.classes.as_ref().map(Vec::len)), (67217, Some(300)));
    assert_eq!(spelling(&training), [""; 0]);
    let swapped = ["epic100/c2_validation.csv", "epic100/EPIC_100_noun_classes.csv"]
        .map(|f| shared().unwrap().join("data").join(f));
    let error = import(Source::Layout(Layout::EpicVerb), &swapped, &options).unwrap_err().to_string();
    assert!(error.contains("300 classes, but there are 97"), "{error}");
}

#[test]
fn charades_and_pku_mmd_are_read_in_their_own_units() {
    let Some(charades) =
        read(Source::Layout(Layout::Charades), &["other_tad/charades_superevents.json"], &ImportOptions::default())
    else {
        return;
    };
    assert_eq!(counts(&charades), (9848, 66500));
    assert_eq!(video(&charades, "7UPGT").actions[0], action("c149", 16.0, 22.2));
    assert_eq!(spelling(&charades), [""; 0]);
    let options = ImportOptions { subset: Some("train".into()), ..ImportOptions::default() };
    let pku = read(Source::Layout(Layout::PkuMmd), &["other_tad/pku_mmd_train.json"], &options).unwrap();
    let one = video(&pku, "0002-L");
    assert_eq!((pku.videos.len(), one.frames, one.fps.unwrap().round()), (831, Some(4462), 30.0));
    assert_eq!((one.actions[0].label.as_str(), (one.actions[0].start * 30.0).round()), ("salute", 182.0));
    assert_eq!(spelling(&pku), [""; 0]);
}

#[test]
fn exports_of_boris_are_read_and_what_they_cannot_tell_is_said() {
    let Some(tabular) = plain(Format::Boris, "formats/boris/test_export_events_tabular.tsv") else { return };
    let expected =
        [action("s", 3.3, 7.75), action("s", 9.9, 16.2), action("s", 18.35, 24.475), action("s", 38.425, 46.1)];
    let one = video(&tabular, "video_test_25fps_360s");
    assert_eq!((one.actions.as_slice(), one.duration, one.fps), (&expected[..], Some(359.96), Some(25.0)));
    assert_eq!(plain(Format::Boris, "formats/boris/test_export_events_tabular.csv").unwrap(), tabular);

    let shared = shared().unwrap().join("data/formats/boris");
    let refused = |file: &str| {
        let error = import(Source::Format(Format::Boris), &[shared.join(file)], &ImportOptions::default()).unwrap_err();
        error.to_string()
    };
    let joined = refused("test_export_aggregated_events_test_full_1.tsv");
    assert!(joined.contains("several") || joined.contains("joins 2 video files"), "{joined}");
    assert!(refused("test_export_aggregated_events_test_full_3.tsv").contains("names of the columns"));

    let project = plain(Format::Boris, "formats/boris/test.boris").unwrap();
    // Of `observation #2`, the second video starts where the first ends, at 179.96 s.
    let second = &video(&project, "video_test_25fps_360s").actions;
    let moved = |start: f64, end: f64| {
        second.iter().any(|a| (a.start - (start - 179.96)).abs() < 1e-9 && (a.end - (end - 179.96)).abs() < 1e-9)
    };
    assert!(moved(227.765, 253.49) && moved(266.165, 276.69), "{second:?}");
    assert!(second.contains(&expected[0]), "those of `observation #1`");
    let reasons: Vec<_> = project.left_out.iter().map(|left| left.reason).collect();
    assert!(reasons.contains(&"event without length") && reasons.contains(&"observation without video"), "{reasons:?}");
}

#[test]
fn a_timeline_of_label_studio_is_held_against_its_video() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("data/formats/labelstudio");
    let files = [folder.join("test_timeline_labels_1.json")];
    let source = Source::Format(Format::LabelStudio);
    let labels = import(source, &files, &ImportOptions::default()).unwrap().labels;
    assert_eq!(labels.videos[0].actions, [action("Car", 0.0, 0.4), action("croquet_ball", 4.0 / 25.0, 0.6)]);
    let told = import(source, &files, &ImportOptions { fps: Some(24.0), ..ImportOptions::default() }).unwrap_err();
    assert!(told.to_string().contains("25 frames a second, --fps says 24"), "{told}");
    let with_video = |other_rate| {
        import(source, &files, &ImportOptions { videos: Some(folder.clone()), other_rate, ..ImportOptions::default() })
    };
    let real = adatad_data::video::Video::open(&folder.join("opossum_snow_short.mp4")).unwrap().info().fps;
    match with_video(false) {
        Ok(found) => assert!((real - 25.0).abs() < 0.2, "{real}: {found:?}"),
        Err(error) => assert!((real - 25.0).abs() > 0.1 && error.to_string().contains("the video says"), "{error}"),
    }
    let imported = with_video(true).unwrap();
    assert!(imported.missing.is_empty() && imported.labels.videos[0].duration.is_some());
}

#[test]
fn the_kitchen_clip_goes_from_its_labels_to_windows() {
    let Some(shared) = shared() else { return };
    let videos = shared.join("videos");
    let folder = tempfile::tempdir().unwrap();
    let options =
        ImportOptions { subset: Some("training".into()), videos: Some(videos.clone()), ..ImportOptions::default() };
    let project = [videos.join("alioli_via3_project.json")];
    let imported = import(Source::Format(Format::Via), &project, &options).unwrap();
    assert_eq!(imported.labels.left_out[0].count, 1, "a box in a picture");
    let labels = folder.path().join("labels.json");
    Format::ActivityNet.write(&imported.labels.videos, None, &labels).unwrap();

    let wanted = ["training".to_owned()];
    let check = CheckOptions { videos: Some(&videos), subsets: &wanted, ..CheckOptions::default() };
    let checked = Checked::new(&labels, check).unwrap();
    let about = |kind: &str| {
        let problems = checked.report().problems.iter().filter(|finding| finding.trouble.kind() == kind);
        problems.map(|finding| finding.place()).collect::<Vec<_>>()
    };
    let place = |index| format!("video \"alioli_wikimedia_40s\", annotations[{index}]");
    assert_eq!(about("past-end"), [place(3), place(4)], "{:#?}", checked.report());
    assert_eq!(about("no-labels").len() + about("past-end").len(), checked.report().total, "nothing else is wrong");

    let fixed = checked.fix().unwrap();
    let corrected = folder.path().join("corrected.json");
    fixed.save(&corrected).unwrap();
    assert_eq!(fixed.changes.len(), 2, "{:?}", fixed.changes);
    let annotations = Annotations::load(&corrected).unwrap();
    let entry = &annotations.subset("training").unwrap()[0];
    let spans: Vec<_> = entry.actions.iter().map(|action| (action.start, action.end)).collect();
    assert_eq!(spans, [(2.0, 6.5), (9.0, 20.0), (24.0, 26.0), (32.0, entry.duration)]);

    let classes = ClassList::from_annotations(&annotations, &[]).unwrap();
    let grid = Grid { window_size: 64, feature_stride: 4, sample_stride: 1, scale_factor: 1, offset_frames: 0 };
    let line = Timeline::new(0, entry, None, None).unwrap();
    let rule = TruthRule { conversion: Conversion::Exact, filter_gt: true, ignored: Vec::new() };
    let truth = rule.in_frames(entry, &line, &grid, &classes).unwrap();
    assert_eq!((line.frames, truth.len(), classes.len()), (1200, 4, 3));
    let truncation = TruncationConfig { grid, crop_ratio: (0.9, 1.0), trunc_thresh: 0.75 }.build().unwrap();
    for draw in 0..20 {
        let mut rng = adatad_data::random::Rng::new(0, adatad_data::random::Stream::Window, 0, draw);
        let window = truncation.draw(&line, &truth, &mut |low, high| rng.integer(low, high));
        assert!(!window.truth.is_empty() && window.mask_valid == 64, "every window of training teaches something");
    }
    let config = SlidingConfig { grid, overlap: 0.5, completeness: None, cover_tail: true };
    let windows = config.build().unwrap().cut(&line, None);
    let last = windows.iter().flat_map(|window| window.frames.indices()).max();
    assert_eq!(last, Some(1196), "the end of the clip is seen");
}
