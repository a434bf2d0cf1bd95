//! Projects of the VGG Image Annotator 3: temporal segments, in seconds.
//!
//! A segment's label is the value of one attribute. Where segments have values of several, [`ReadOptions::layer`] says
//! which. Regions drawn into pictures are left out. VIA does not store how long a video is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::error::{ContentError, Fault};
use super::{Gather, LabelledVideo, Labels, ReadOptions, media_name};
use crate::annotation::Action;
use crate::json::{self, EachEntry, Number, Text, Under};
use crate::nearest::nearest;

#[derive(Deserialize)]
struct Project {
    #[serde(default)]
    attribute: BTreeMap<String, Attribute>,
    #[serde(default)]
    file: BTreeMap<String, File>,
    #[serde(default)]
    view: BTreeMap<String, View>,
}

#[derive(Deserialize)]
struct Attribute {
    aname: Text,
    /// 1 is a free text, 2 to 4 are choices among `options`.
    #[serde(default, rename = "type")]
    kind: Option<Number>,
    #[serde(default)]
    options: BTreeMap<String, Text>,
}

#[derive(Deserialize)]
struct File {
    fname: Text,
}

#[derive(Deserialize)]
struct View {
    fid_list: Vec<Text>,
}

#[derive(Deserialize)]
struct Note {
    vid: Text,
    #[serde(default)]
    z: Vec<Number>,
    #[serde(default)]
    xy: Vec<Number>,
    #[serde(default)]
    av: BTreeMap<String, Text>,
}

/// A segment before it is known which attribute is its label.
struct Segment {
    view: String,
    start: f64,
    end: f64,
    values: BTreeMap<String, Text>,
}

pub(super) fn parse(text: &[u8], options: &ReadOptions) -> Result<Labels, ContentError> {
    let project: Project = json::parse_as(text)?;
    let mut gather = Gather::default();
    for view in project.view.values() {
        // Every video is one of the project's, also without a segment.
        let Some(file) = view.fid_list.first().and_then(|file| project.file.get(&file.0)) else { continue };
        gather.media(&file.fname.0).map_err(Fault::whole)?;
    }
    let mut segments = Vec::new();
    let each = EachEntry::new(|id: String, note: Note| {
        match note.z.as_slice() {
            &[Number(start), Number(end)] if note.xy.is_empty() => {
                segments.push(Segment { view: note.vid.0, start, end, values: note.av });
            }
            _ => gather.leave("region in a picture, not a stretch of time", || format!("metadata {id:?}")),
        }
        Ok(())
    });
    let (found, others) = json::parse(text, Under { key: "metadata", seed: each })?;
    if found.is_none() {
        return Err(Fault::missing("metadata", others.iter().map(String::as_str)).whole());
    }
    let Some(layer) = layer(&project, &segments, options.layer).map_err(Fault::whole)? else {
        return Ok(gather.finish());
    };
    let attribute = project.attribute.get(&layer);
    for Segment { view, start, end, values } in segments {
        let view = project.view.get(&view).ok_or(Fault::Dangling { field: "vid", name: view });
        let view = view.map_err(Fault::whole)?;
        let Some(file) = view.fid_list.first() else {
            gather.leave("segment of a view without file", || format!("{start} s"));
            continue;
        };
        let file = project.file.get(&file.0).ok_or_else(|| Fault::Dangling { field: "fid", name: file.0.clone() });
        let file = file.map_err(Fault::whole)?;
        let Some(Text(value)) = values.get(&layer).filter(|value| !value.0.is_empty()) else {
            gather.leave("segment without label", || format!("{}, {start} s", file.fname.0));
            continue;
        };
        for label in labels(attribute, value).map_err(Fault::whole)? {
            let video = gather.media(&file.fname.0).map_err(Fault::whole)?;
            video.actions.push(Action { label, start, end });
        }
    }
    Ok(gather.finish())
}

/// The attribute that is the label.
fn layer(project: &Project, segments: &[Segment], wanted: Option<&str>) -> Result<Option<String>, Fault> {
    let name = |id: &str| project.attribute.get(id).map_or(id, |attribute| &attribute.aname.0).to_owned();
    let used: BTreeSet<&str> = segments.iter().flat_map(|segment| segment.values.keys().map(String::as_str)).collect();
    let names = || used.iter().take(20).map(|id| name(id)).collect::<Vec<_>>();
    match (wanted, used.iter().collect::<Vec<_>>().as_slice()) {
        (Some(wanted), _) => {
            let found = used.iter().find(|id| name(id) == wanted || **id == wanted);
            found.map(|id| Some((*id).to_owned())).ok_or_else(|| {
                let names = names();
                let nearest = nearest(wanted, names.iter().map(String::as_str)).map(String::from);
                Fault::NoLayer { name: wanted.into(), names, nearest }
            })
        }
        (None, []) => Ok(None),
        (None, [one]) => Ok(Some((**one).to_owned())),
        (None, _) => Err(Fault::Layers { layers: "attributes", names: names() }),
    }
}

/// The labels that a value means: several where boxes can be ticked.
fn labels(attribute: Option<&Attribute>, value: &str) -> Result<Vec<String>, Fault> {
    let Some(attribute) = attribute.filter(|attribute| attribute.kind.is_some_and(|Number(kind)| kind > 1.5)) else {
        return Ok(vec![value.to_owned()]);
    };
    let option = |id: &str| {
        let option = attribute.options.get(id).map(|option| option.0.clone());
        option.ok_or_else(|| Fault::Dangling { field: "option", name: id.into() })
    };
    value.split(',').filter(|id| !id.is_empty()).map(option).collect()
}

/// A project with one attribute, `Action`.
pub(super) fn text(videos: &[LabelledVideo]) -> Result<String, ContentError> {
    let mut files = serde_json::Map::new();
    let mut views = serde_json::Map::new();
    let mut notes = serde_json::Map::new();
    for (index, video) in videos.iter().enumerate() {
        let id = (index + 1).to_string();
        let fname = media_name(&video.name, "VIA 3")?;
        for (at, Action { label, start, end }) in video.actions.iter().enumerate() {
            if label.is_empty() {
                let reason = "an empty value is none there";
                return Err(Fault::Unwritable { text: label.clone(), format: "VIA 3", reason }.named(&video.name));
            }
            let note = json!({"vid": id, "flg": 0, "z": [start, end], "xy": [], "av": {"1": label}});
            notes.insert(format!("{id}_{at:06}"), note);
        }
        files.insert(id.clone(), json!({"fid": id, "fname": fname, "type": 4, "loc": 1, "src": ""}));
        views.insert(id.clone(), json!({"fid_list": [id]}));
    }
    let ids: Vec<_> = (1..=videos.len()).map(|id| id.to_string()).collect();
    let project = json!({
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": "adatad",
            "creator": "adatad",
            "data_format_version": "3.1.1",
            "created": 0,
            "vid_list": ids,
        },
        "config": {
            "file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}},
            "ui": {"file_content_align": "center"},
        },
        "attribute": {"1": {
            "aname": "Action", "anchor_id": "FILE1_Z2_XY0", "type": 1, "desc": "What happens", "options": {},
            "default_option_id": "",
        }},
        "file": files,
        "metadata": notes,
        "view": views,
    });
    Ok(project.to_string() + "\n")
}
