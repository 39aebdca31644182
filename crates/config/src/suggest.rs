//! "Did you mean", for paths of keys.

use crate::closest::closest;
use crate::key::{Key, Section};

/// The key or group that was probably meant by `path`, which does not exist.
pub(crate) fn path(path: &str, sections: &[Section]) -> Option<String> {
    let path = path.replace('-', "_");
    let known = known_paths(&path, sections);
    let (parent, last) = path.rsplit_once('.').unwrap_or(("", &path));
    let siblings = known.iter().filter(|known| known.rsplit_once('.').map_or("", |(parent, _)| parent) == parent);
    let names = siblings.map(|sibling| sibling.rsplit('.').next().unwrap_or(sibling));
    if let Some(name) = closest(last, names) {
        return Some(if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") });
    }
    if let Some(close) = closest(&path, known.iter().map(String::as_str)) {
        return Some(close.to_owned());
    }
    // Right name, wrong place: only if there is one such place.
    let mut elsewhere = known.iter().filter(|known| known.rsplit('.').next() == Some(last));
    elsewhere.next().filter(|_| elsewhere.next().is_none()).cloned()
}

/// Every key and group; where a name is free to choose, with the one that `path` has there.
fn known_paths(path: &str, sections: &[Section]) -> Vec<String> {
    let mut known = Vec::new();
    for Key { path: pattern, .. } in sections.iter().flat_map(|section| section.keys) {
        let mut theirs = path.split('.');
        let mut same = true;
        let mut spelled = |part: &'static str| {
            let their = theirs.next().filter(|_| same);
            same = part == "*" || their == Some(part);
            if part == "*" { their.unwrap_or("NAME").to_owned() } else { part.to_owned() }
        };
        let parts: Vec<_> = pattern.split('.').map(&mut spelled).collect();
        for end in 1..=parts.len() {
            let prefix = parts[..end].join(".");
            if !prefix.is_empty() && !known.contains(&prefix) {
                known.push(prefix);
            }
        }
    }
    known
}
