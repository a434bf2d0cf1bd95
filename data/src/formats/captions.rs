//! WebVTT and SubRip: a label as the text of a cue. Times are whole milliseconds.
//!
//! Both are read by the same rules: blocks between empty lines, of which a line with `-->` tells the times and the lines
//! after it the label.

use super::clock::{clock, milliseconds, seconds};
use super::error::{ContentError, Fault};
use super::{Gather, LabelledVideo, Labels, ReadOptions};
use crate::annotation::Action;

const ARROW: &str = "-->";

pub(super) fn parse(text: &str, options: &ReadOptions) -> Result<Labels, ContentError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let vtt = text.starts_with("WEBVTT");
    let mut gather = Gather::default();
    gather.video(options.name);
    let mut cue: Option<(usize, f64, f64, Vec<&str>)> = None;
    let mut lines = text.lines().map(str::trim).enumerate();
    let mut cues = 0;
    loop {
        let next = lines.next();
        match next {
            Some((at, line)) if line.contains(ARROW) => {
                if cue.is_some() {
                    return Err(Fault::Syntax("an empty line must stand before the next cue".into()).line(at + 1));
                }
                let (start, end) = times(line).map_err(|fault| fault.line(at + 1))?;
                cue = Some((at + 1, start, end, Vec::new()));
                cues += 1;
            }
            Some((_, line)) if !line.is_empty() => {
                if let Some((.., label)) = &mut cue {
                    label.push(line);
                }
            }
            _ => {
                if let Some((line, start, end, label)) = cue.take() {
                    let label = label.join(" ");
                    let label = if vtt { unescaped(&label) } else { label };
                    if label.is_empty() {
                        gather.leave("cue without text", || format!("line {line}"));
                    } else {
                        gather.video(options.name).actions.push(Action { label, start, end });
                    }
                }
            }
        }
        if next.is_none() {
            break;
        }
    }
    if cues == 0 && !vtt && !text.trim().is_empty() {
        return Err(Fault::Syntax("no cue: no line has an arrow (00:00:01.000 --> 00:00:02.000)".into()).whole());
    }
    Ok(gather.finish())
}

/// `START --> END`, in WebVTT with settings behind.
fn times(line: &str) -> Result<(f64, f64), Fault> {
    let (start, rest) = line.split_once(ARROW).unwrap_or((line, ""));
    let end = rest.split_whitespace().next().unwrap_or_default();
    let time = |field, text: &str| {
        seconds(text).ok_or_else(|| Fault::value(field, text.trim(), "a time such as 00:00:01.000"))
    };
    Ok((time("start", start)?, time("end", end)?))
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

pub(super) fn web_vtt(video: &LabelledVideo) -> Result<String, ContentError> {
    let mut text = String::from("WEBVTT\n");
    for action in &video.actions {
        let label = action.label.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text += &cue(action, &label, '.', "WebVTT")?;
    }
    Ok(text)
}

pub(super) fn srt(video: &LabelledVideo) -> Result<String, ContentError> {
    let mut text = String::new();
    for (index, action) in video.actions.iter().enumerate() {
        let cue = cue(action, &action.label, ',', "SRT")?;
        text += &format!("{}{}{cue}", if index == 0 { "" } else { "\n" }, index + 1);
    }
    Ok(text)
}

/// A line end, the times, the label.
fn cue(action: &Action, label: &str, mark: char, format: &'static str) -> Result<String, ContentError> {
    let bad = |reason| Err(Fault::Unwritable { text: action.label.clone(), format, reason }.whole());
    if label.trim() != label || label.is_empty() {
        return bad("white space around a label is lost");
    }
    if label.contains(['\n', '\r']) || label.contains(ARROW) {
        return bad("a label is one line without an arrow here");
    }
    let [start, end] = [action.start, action.end].map(|time| clock(milliseconds(time), mark));
    Ok(format!("\n{start} {ARROW} {end}\n{label}\n"))
}
