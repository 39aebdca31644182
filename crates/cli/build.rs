//! Puts the files that `template.list` names, and the chart, into the binary.
//!
//! In a checkout they are read from the repository itself. A published crate has copies of them in `template/root`, put
//! there by `make package`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What `template/root` has beside the files of the list.
const CHART: &str = "helm/lameduck";

fn main() {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let published = here.join("template/root");
    let root = if published.is_dir() { published } else { here.join("../..") };
    let list = here.join("template.list");
    println!("cargo:rerun-if-changed={}", list.display());
    println!("cargo:rerun-if-changed=build.rs");

    let text = std::fs::read_to_string(&list).expect("template.list is there");
    let mut generated = String::from("const ENTRIES: &[Entry] = &[\n");
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if let Some(replacement) = line.strip_prefix("    ") {
            generated.push_str(&replacement_of(replacement, number));
            continue;
        }
        if open {
            generated.push_str("] },\n");
        }
        open = true;
        generated.push_str(&entry_of(line, &here, &root, number));
    }
    generated.push_str("] },\n];\n");
    generated.push_str("const CHART: &[(&str, &str)] = &[\n");
    let mut files = Vec::new();
    collect(&root.join(CHART), Path::new(""), &mut files);
    files.sort();
    for file in files {
        let source = root.join(CHART).join(&file);
        writeln!(generated, "({:?}, include_str!({source:?})),", file.display().to_string()).expect("a string");
    }
    generated.push_str("];\n");
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    std::fs::write(out.join("files.rs"), generated).expect("OUT_DIR can be written");
}

/// `SOURCE [-> TARGET] [if CHOICE | unless CHOICE]`
fn entry_of(line: &str, here: &Path, root: &Path, number: u32) -> String {
    let (rest, only) = match (line.split_once(" if "), line.split_once(" unless ")) {
        (Some((rest, choice)), _) => (rest, format!("Only::With({choice:?})")),
        (_, Some((rest, choice))) => (rest, format!("Only::Without({choice:?})")),
        _ => (line, "Only::Always".to_owned()),
    };
    let (source, target) = rest.split_once(" -> ").unwrap_or((rest, rest));
    let path = if source.starts_with("template/") { here.join(source) } else { root.join(source) };
    // In a published crate: `scripts/package` says why.
    let path = if path.is_file() { path } else { path.with_extension("toml.template") };
    assert!(path.is_file(), "template.list:{number}: {} is not there", path.display());
    println!("cargo:rerun-if-changed={}", path.display());
    format!(
        "Entry {{ source: {source:?}, target: {target:?}, only: {only}, text: include_str!({path:?}), replace: &[\n"
    )
}

/// `[CHOICE: | !CHOICE: ]FROM => TO`
fn replacement_of(line: &str, number: u32) -> String {
    let (from, to) = line.split_once(" => ").unwrap_or_else(|| panic!("template.list:{number}: expected FROM => TO"));
    let choice = from.split_once(": ").filter(|(choice, _)| choice.chars().all(|c| c.is_ascii_lowercase() || c == '!'));
    let (only, from) = match choice {
        Some((choice, from)) => match choice.strip_prefix('!') {
            Some(choice) => (format!("Only::Without({choice:?})"), from),
            None => (format!("Only::With({choice:?})"), from),
        },
        None => ("Only::Always".to_owned(), from),
    };
    format!("({only}, {from:?}, {:?}),\n", to.replace("\\n", "\n"))
}

/// The files of the chart, without its own tests and examples, as `helm package` takes them.
fn collect(root: &Path, below: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo:rerun-if-changed={}", root.join(below).display());
    for entry in std::fs::read_dir(root.join(below)).expect("the chart is there") {
        let name = entry.expect("a name").file_name();
        let path = below.join(&name);
        let ignored = ["tests", "examples"].iter().any(|folder| path == Path::new(folder));
        if ignored || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if root.join(&path).is_dir() {
            collect(root, &path, files);
        } else {
            println!("cargo:rerun-if-changed={}", root.join(&path).display());
            files.push(path);
        }
    }
}
