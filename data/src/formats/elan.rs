//! ELAN: XML with tiers of annotations, in milliseconds.
//!
//! The label is the value of an annotation. Where annotations stand in several tiers, [`ReadOptions::layer`] says which
//! tier counts. Annotations that refer to others instead of to time are left out.

use std::collections::HashMap;

use super::clock::milliseconds;
use super::error::{ContentError, Fault};
use super::xml::{Element, Node, Nodes, escaped};
use super::{Gather, LabelledVideo, Labels, ReadOptions, video_name};
use crate::annotation::Action;
use crate::nearest::nearest;

/// The type of tiers that this program writes: an ELAN tier holds no overlaps, so that it may take several, which are
/// read as one.
const OWN_TYPE: &str = "adatad-action";

/// A tier and its annotations: between which time slots, with what value, in which line.
struct Tier {
    name: String,
    kind: String,
    notes: Vec<(String, String, String, usize)>,
}

pub(super) fn parse(text: &str, options: &ReadOptions) -> Result<Labels, ContentError> {
    let mut nodes = Nodes::new(text);
    let mut gather = Gather::default();
    let mut media: Option<String> = None;
    let mut slots: HashMap<String, Option<f64>> = HashMap::new();
    let mut tiers: Vec<Tier> = Vec::new();
    let (mut root, mut value, mut aligned) = (false, None, false);
    while let Some(node) = nodes.next_node()? {
        match node {
            Node::Open(element) => match element.name() {
                "ANNOTATION_DOCUMENT" => root = true,
                "MEDIA_DESCRIPTOR" if media.is_none() => media = address(&element)?,
                "TIME_SLOT" => {
                    let time = element.get("TIME_VALUE")?.map(|text| {
                        let number = text.parse().ok().filter(|time: &f64| time.is_finite());
                        let fault = || Fault::value("TIME_VALUE", &text, "milliseconds").line(element.line);
                        number.map(|time| time / 1000.0).ok_or_else(fault)
                    });
                    slots.insert(element.need("TIME_SLOT_ID")?, time.transpose()?);
                }
                "TIER" => {
                    let kind = element.get("LINGUISTIC_TYPE_REF")?.unwrap_or_default();
                    tiers.push(Tier { name: element.need("TIER_ID")?, kind, notes: Vec::new() });
                }
                "ALIGNABLE_ANNOTATION" => {
                    let Some(tier) = tiers.last_mut() else {
                        return Err(Fault::Syntax("an annotation outside of a tier".into()).line(element.line));
                    };
                    let (from, to) = (element.need("TIME_SLOT_REF1")?, element.need("TIME_SLOT_REF2")?);
                    tier.notes.push((from, to, String::new(), element.line));
                    aligned = true;
                }
                "REF_ANNOTATION" => {
                    let line = element.line;
                    gather.leave("annotation that refers to another instead of to time", || format!("line {line}"));
                    aligned = false;
                }
                "ANNOTATION_VALUE" => value = Some(String::new()),
                _ => {}
            },
            Node::Text(text) => {
                if let Some(value) = &mut value {
                    *value += &text;
                }
            }
            Node::Close(name) if name == "ANNOTATION_VALUE" => {
                let note = tiers.last_mut().and_then(|tier| tier.notes.last_mut()).filter(|_| aligned);
                if let (Some(note), Some(value)) = (note, value.take()) {
                    note.2 = value;
                }
            }
            Node::Close(_) => {}
        }
    }
    if !root {
        return Err(Fault::Syntax("no ANNOTATION_DOCUMENT: not an ELAN file".into()).whole());
    }
    let name = media.as_deref().map_or(options.name, video_name).to_owned();
    if name.is_empty() {
        return Err(Fault::NoVideo("the header").whole());
    }
    gather.video(&name);
    for (from, to, label, line) in chosen(tiers, options.layer).map_err(Fault::whole)? {
        let time = |slot: &str| {
            let dangling = || Fault::Dangling { field: "TIME_SLOT_REF", name: slot.to_owned() }.line(line);
            slots.get(slot).copied().ok_or_else(dangling)
        };
        match (time(&from)?, time(&to)?) {
            _ if label.is_empty() => gather.leave("annotation without value", || format!("line {line}")),
            (Some(start), Some(end)) => gather.video(&name).actions.push(Action { label, start, end }),
            _ => gather.leave("annotation at a time that is not told", || format!("line {line}")),
        }
    }
    Ok(gather.finish())
}

/// The media file, without the escapes of an address.
fn address(element: &Element) -> Result<Option<String>, ContentError> {
    let url = element.get("MEDIA_URL")?.or(element.get("RELATIVE_MEDIA_URL")?);
    Ok(url.map(|url| unescaped(&url)).filter(|url| !url.is_empty()))
}

/// `%20` and the like; what is none stays.
fn unescaped(url: &str) -> String {
    let mut bytes = Vec::with_capacity(url.len());
    let mut rest = url.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%').and_then(|hex| str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(meant) => {
                bytes.push(meant);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The annotations of the tier that counts.
fn chosen(tiers: Vec<Tier>, wanted: Option<&str>) -> Result<Vec<(String, String, String, usize)>, Fault> {
    let names = |tiers: &[Tier]| tiers.iter().take(20).map(|tier| tier.name.clone()).collect::<Vec<_>>();
    let mut filled: Vec<Tier> = tiers.into_iter().filter(|tier| !tier.notes.is_empty()).collect();
    if let Some(wanted) = wanted {
        let all = names(&filled);
        filled.retain(|tier| tier.name == wanted);
        if filled.is_empty() {
            let nearest = nearest(wanted, all.iter().map(String::as_str)).map(String::from);
            return Err(Fault::NoLayer { name: wanted.into(), names: all, nearest });
        }
    }
    if filled.len() > 1 && filled.iter().any(|tier| tier.kind != OWN_TYPE) {
        return Err(Fault::Layers { layers: "tiers", names: names(&filled) });
    }
    Ok(filled.into_iter().flat_map(|tier| tier.notes).collect())
}

/// A document with as many tiers as segments overlap.
pub(super) fn text(video: &LabelledVideo) -> Result<String, ContentError> {
    let name = escaped(&super::media_name(&video.name, "ELAN")?.replace('%', "%25"), "ELAN")?;
    let mut actions: Vec<_> = video.actions.iter().collect();
    actions.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.end.total_cmp(&b.end)));
    let mut times = Vec::with_capacity(2 * actions.len());
    // Of each tier: when it is free again, and its annotations.
    let mut tiers: Vec<(u64, String)> = Vec::new();
    for (index, Action { label, start, end }) in actions.into_iter().enumerate() {
        let [start, end] = [*start, *end].map(milliseconds);
        if label.is_empty() {
            let reason = "an annotation without value is none";
            return Err(Fault::Unwritable { text: label.clone(), format: "ELAN", reason }.named(&video.name));
        }
        let note = format!(
            "        <ANNOTATION>\n            <ALIGNABLE_ANNOTATION ANNOTATION_ID=\"a{index}\" TIME_SLOT_REF1=\"ts{}\" \
             TIME_SLOT_REF2=\"ts{}\">\n                <ANNOTATION_VALUE>{}</ANNOTATION_VALUE>\n            \
             </ALIGNABLE_ANNOTATION>\n        </ANNOTATION>\n",
            2 * index,
            2 * index + 1,
            escaped(label, "ELAN")?,
        );
        times.extend([(start, 2 * index), (end, 2 * index + 1)]);
        match tiers.iter_mut().find(|(free, _)| *free <= start) {
            Some((free, notes)) => {
                *free = end;
                *notes += &note;
            }
            None => tiers.push((end, note)),
        }
    }
    times.sort_unstable();
    let slot =
        |(time, id): &(u64, usize)| format!("        <TIME_SLOT TIME_SLOT_ID=\"ts{id}\" TIME_VALUE=\"{time}\"/>\n");
    let times: String = times.iter().map(slot).collect();
    let tier = |(index, (_, notes)): (usize, &(u64, String))| {
        let name = if index == 0 { "actions".to_owned() } else { format!("actions {}", index + 1) };
        format!("    <TIER LINGUISTIC_TYPE_REF=\"{OWN_TYPE}\" TIER_ID=\"{name}\">\n{notes}    </TIER>\n")
    };
    let tiers: String = tiers.iter().enumerate().map(tier).collect();
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ANNOTATION_DOCUMENT AUTHOR=\"\" DATE=\"2000-01-01T00:00:00+00:00\" FORMAT=\"3.0\" VERSION=\"3.0\">\n    \
         <HEADER MEDIA_FILE=\"\" TIME_UNITS=\"milliseconds\">\n        \
         <MEDIA_DESCRIPTOR MEDIA_URL=\"file:///{name}\" MIME_TYPE=\"video/mp4\" RELATIVE_MEDIA_URL=\"./{name}\"/>\n    \
         </HEADER>\n    <TIME_ORDER>\n{times}    </TIME_ORDER>\n{tiers}    \
         <LINGUISTIC_TYPE GRAPHIC_REFERENCES=\"false\" LINGUISTIC_TYPE_ID=\"{OWN_TYPE}\" TIME_ALIGNABLE=\"true\"/>\n\
         </ANNOTATION_DOCUMENT>\n"
    ))
}
