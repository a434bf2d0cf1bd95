//! Segments of one video held against each other.

use super::finding::{Findings, Trouble};
use crate::annotation::{Action, Fault, RawVideo};

/// Finds segments without length, told twice, or overlapping one of the same label.
pub(super) fn look(video: &RawVideo, found: &mut Findings) {
    let action = |index: usize| video.actions.get(index).and_then(Option::as_ref);
    let usable = |action: &Action| action.start.is_finite() && action.end.is_finite() && action.start <= action.end;
    let mut order: Vec<u32> = Vec::new();
    for (index, action) in video.actions.iter().enumerate() {
        let Some(action) = action.as_ref().filter(|action| usable(action)) else { continue };
        order.extend(u32::try_from(index).ok());
        if action.start == action.end {
            let trouble = Trouble::Labels(Fault::ZeroLength { at: action.start });
            found.add(Some(video.name.clone()), Some(index), trouble);
        }
    }
    let key = |index: &u32| action(*index as usize).map(|a| (a.label.as_str(), a.start, a.end));
    order.sort_by(|a, b| match (key(a), key(b)) {
        (Some(x), Some(y)) => x.0.cmp(y.0).then(x.1.total_cmp(&y.1)).then(x.2.total_cmp(&y.2)).then(a.cmp(b)),
        _ => a.cmp(b),
    });
    // In this order, of all segments of a label that start no later, the one that ends last.
    let mut reach: Option<(usize, &Action)> = None;
    for index in order.into_iter().map(|index| index as usize) {
        let Some(here) = action(index) else { continue };
        let same = reach.filter(|(_, last)| last.label == here.label);
        if let Some((other, last)) = same {
            let trouble = if (last.start, last.end) == (here.start, here.end) {
                Some(Trouble::Labels(Fault::Repeated { first: other }))
            } else if here.start < last.end {
                Some(Trouble::Overlap { start: here.start, end: here.end, other })
            } else {
                None
            };
            if let Some(trouble) = trouble {
                found.add(Some(video.name.clone()), Some(index), trouble);
            }
        }
        if same.is_none_or(|(_, last)| here.end > last.end) {
            reach = Some((index, here));
        }
    }
}
