//! Modules that use each other in a circle: none may be read without the others, so there are none but those on a list.
//!
//! Compared are siblings: modules with the same parent, each with everything below it. A module and its parent always
//! know each other. What a parent re-exports counts as the child that it comes from. Tests are left out.

use super::{files, read, report, root};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Circles that stay, each with its reason. Modules sorted, from the source folder: `crates/x/src: a b`.
const ALLOWED: &[(&str, &str)] = &[
    ("crates/drill/src: cluster::api_client cluster::kubeconfig", "an error of the one is made by the other"),
    ("crates/drill/src: plan scenario", "a scenario changes the plan that names it"),
    (
        "crates/lameduck/src: metrics observer requests telemetry",
        "the metrics read the observer, which holds what exemplars and scrapes are kept in",
    ),
    (
        "crates/server/src: app goodbye histogram numbers request_info shared table",
        "a request is counted where its route, its connection and the server's totals are kept",
    ),
    (
        "crates/server/src: body guard service",
        "the body of a response ends its request, which the guard began and the service answers",
    ),
    ("crates/telemetry/src: log::json log::notices log::pretty", "a notice is written in the format of the lines"),
];

/// The modules of a source folder: path (`a::b`) to text.
type Modules = BTreeMap<Vec<String>, String>;

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let mut faults = Vec::new();
    let crates = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = crates.chain([root().to_owned()]).map(|folder| folder.join("src")).collect();
    folders.sort();
    let mut seen = BTreeSet::new();
    for folder in folders {
        for circle in circles(&modules(&folder)) {
            let name = format!("{}: {}", super::shown(&folder), circle.join(" "));
            if ALLOWED.iter().any(|(allowed, _)| *allowed == name) {
                seen.insert(name);
            } else {
                faults.push(format!("{name} use each other in a circle: move what both need, or pass it"));
            }
        }
    }
    let gone = ALLOWED.iter().filter(|(allowed, _)| !seen.contains(*allowed));
    faults.extend(gone.map(|(allowed, _)| format!("{allowed} is no circle any more: take it off the list")));
    report(&faults);
}

#[test]
fn a_circle_is_found() {
    let modules = |files: &[(&str, &str)]| -> Modules {
        let path = |name: &str| name.split("::").map(str::to_owned).collect::<Vec<_>>();
        files.iter().map(|(name, text)| (path(name), (*text).to_owned())).collect()
    };
    let through_the_parent = modules(&[
        ("room", "mod a;\nmod b;\npub use a::A;\npub use b::{B, C as D};"),
        ("room::a", "use super::D;"),
        ("room::b", "use crate::room::{A, X};"),
    ]);
    assert_eq!(circles(&through_the_parent), [["room::a", "room::b"]]);
    let three = modules(&[
        ("a", "use crate::b::{self, B};"),
        ("b", "fn f() { crate::c::g() }"),
        ("c", "use crate::{d::D, a::x::A};"),
        ("d", "// use crate::a::A;\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
    ]);
    assert_eq!(circles(&three), [["a", "b", "c"]]);
    let parent_and_child = modules(&[("a", "mod b;\nuse b::B;"), ("a::b", "use super::A;"), ("c", "use crate::a::A;")]);
    assert!(circles(&parent_and_child).is_empty());
}

fn modules(folder: &Path) -> Modules {
    let mut modules = Modules::new();
    for path in files(folder, ".rs") {
        let relative = path.strip_prefix(folder).unwrap().with_extension("");
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let is_test = parts.iter().any(|part| part == "tests");
        let is_root = parts.len() == 1 && ["lib", "main"].contains(&parts[0].as_str()) || parts[0] == "bin";
        if !is_test {
            modules.insert(if is_root { Vec::new() } else { parts }, read(&path));
        }
    }
    modules
}

/// Every group of siblings each of which leads to each other.
fn circles(modules: &Modules) -> Vec<Vec<String>> {
    let mut edges: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (module, text) in modules {
        for used in uses(module, text).iter().map(|path| resolved(path, modules)) {
            let common = module.iter().zip(&used).take_while(|(one, other)| one == other).count();
            if module.len() > common && used.len() > common {
                edges.entry(module[..=common].to_vec()).or_default().insert(used[..=common].to_vec());
            }
        }
    }
    let reach = |from: &Vec<String>| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            for to in edges.get(next).into_iter().flatten() {
                // Siblings alone: the circle of their parents is another one.
                if to.len() == from.len() && reached.insert(to.clone()) {
                    open.push(to);
                }
            }
        }
        reached
    };
    let reached: BTreeMap<_, _> = edges.keys().map(|from| (from.clone(), reach(from))).collect();
    let together = |one: &Vec<String>| -> Vec<String> {
        let mutual = reached[one].iter().filter(|other| reached.get(*other).is_some_and(|back| back.contains(one)));
        mutual.map(|module| module.join("::")).collect()
    };
    let found: BTreeSet<_> = reached.keys().map(together).filter(|circle| circle.len() > 1).collect();
    found.into_iter().collect()
}

/// The module that a path leads to: the longest part of it that is one, or the child that it is re-exported from.
fn resolved(path: &[String], modules: &Modules) -> Vec<String> {
    let length = (1..=path.len()).rev().find(|length| modules.contains_key(&path[..*length])).unwrap_or(0);
    let (module, rest) = path.split_at(length);
    let Some(name) = rest.first() else { return module.to_vec() };
    let text = modules.get(module).map(String::as_str).unwrap_or_default();
    let exported = paths_in(text, "pub use ").into_iter().chain(paths_in(text, "pub(crate) use "));
    let child = exported.chain(paths_in(text, "pub(super) use ")).find_map(|mut path| {
        path.retain(|part| part != "self");
        let same = path.last() == Some(name) || path.last().is_some_and(|last| last.ends_with(&format!(" as {name}")));
        let child: Vec<_> = module.iter().cloned().chain(path.first().cloned()).collect();
        (same && modules.contains_key(&child)).then_some(child)
    });
    child.unwrap_or_else(|| module.to_vec())
}

/// The paths that a module uses, from the root of its crate.
fn uses(module: &[String], text: &str) -> Vec<Vec<String>> {
    let text: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let from_root = paths_in(text, "crate::");
    let from_parent = paths_in(text, "super::").into_iter().map(|path| {
        let up = 1 + path.iter().take_while(|part| *part == "super").count();
        let base = &module[..module.len().saturating_sub(up)];
        base.iter().chain(&path[up - 1..]).cloned().collect()
    });
    from_root.into_iter().chain(from_parent).collect()
}

/// Every path that follows `lead` in the text, with its braces expanded.
fn paths_in(text: &str, lead: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(lead) {
        let before = text[..at].chars().next_back();
        if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            expand(&text[at + lead.len()..], &[], &mut found);
        }
    }
    found
}

/// Expands `a::{b, c::{self, D}}` at the start of `text`; returns what follows it.
fn expand<'t>(text: &'t str, base: &[String], found: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(rest, base, found).trim_start();
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return rest;
    }
    let mut path = base.to_vec();
    if name != "self" || base.is_empty() {
        path.push(name.to_owned());
    }
    if let Some(rest) = rest.strip_prefix("::") {
        return expand(rest, &path, found);
    }
    let alias = rest.strip_prefix(" as ").map(|rest| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        (&rest[..end], &rest[end..])
    });
    let rest = match alias {
        Some((alias, rest)) => {
            if let Some(last) = path.last_mut() {
                *last = format!("{last} as {alias}");
            }
            rest
        }
        None => rest,
    };
    found.push(path);
    rest
}
