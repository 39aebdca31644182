//! A project as the version before would have written it, and what owners do.

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::Read;
use std::path::Path;

/// What the template says now, and what it said before.
const CHANGED: [(&str, &str, &str); 8] = [
    (
        "Makefile",
        "check: ## The effective configuration, and the exit timeline with its budget\n\t$(CARGO) run --quiet -- check\n\n",
        "",
    ),
    ("Dockerfile", "ARG RUST=1.95", "ARG RUST=1.94"),
    ("Cargo.toml", "rust-version = \"1.95\"", "rust-version = \"1.94\""),
    ("src/error.rs", "the body is too large", "body too large"),
    (
        "tests/service.rs",
        "#[test]\nfn errors_are_json() {\n    let service = start(&[]);\n    let response = service.get(\"/nowhere\");\n    \
         assert_eq!(response.status, 404);\n    assert!(response.json()[\"error\"].is_string());\n}\n\n",
        "",
    ),
    ("README.md", "## The next version", "## Upgrades"),
    (".github/workflows/ci.yml", "timeout-minutes: 45", "timeout-minutes: 30"),
    (".lameduck.toml", "template = \"0.1.0\"", "template = \"0.0.9\""),
];

pub fn edit_file(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}:\n{text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// Turns a new project into one of the version before: the files, and what it remembers of them.
pub fn age(folder: &Path, name: &str) {
    for (file, now, before) in CHANGED {
        edit_file(folder, file, now, before);
    }
    std::fs::write(folder.join(".editorconfig"), "root = true\n").unwrap();
    std::fs::remove_file(folder.join("clippy.toml")).unwrap();
    let charts = folder.join(format!("helm/{name}/charts"));
    std::fs::rename(charts.join("lameduck-0.1.0.tgz"), charts.join("lameduck-0.0.9.tgz")).unwrap();
    edit_file(
        folder,
        &format!("helm/{name}/Chart.yaml"),
        "name: lameduck, version: 0.1.0",
        "name: lameduck, version: 0.0.9",
    );

    let base = folder.join(".lameduck/base.tar.gz");
    let mut archive = tar::Archive::new(GzDecoder::new(std::fs::File::open(&base).unwrap()));
    let mut names = vec![".editorconfig".to_owned()];
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        names.push(entry.path().unwrap().to_str().unwrap().to_owned());
    }
    let mut older = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for name in names.iter().filter(|name| *name != "clippy.toml") {
        let mut bytes = Vec::new();
        std::fs::File::open(folder.join(name)).unwrap().read_to_end(&mut bytes).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        older.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    std::fs::write(base, older.into_inner().unwrap().finish().unwrap()).unwrap();
}

/// Ten edits: a route with its test, a key, an error, a dependency, chart values, a make target, a label of the image,
/// a job of the workflow, a sentence in the README, an ignored folder.
pub fn edit_as_an_owner(folder: &Path, name: &str) {
    std::fs::write(
        folder.join("src/routes/total.rs"),
        "//! `GET /total`: the sum of a cart.\n\nuse crate::error::Error;\n\n/// The sum.\npub async fn total() -> Result<String, Error> {\n    \
         Err(Error::Gone)\n}\n",
    )
    .unwrap();
    let values = format!("helm/{name}/values.yaml");
    for (file, from, to) in [
        ("src/routes.rs", "pub mod ping;\n", "pub mod ping;\npub mod total;\n"),
        (
            "src/service.rs",
            ".route(\"/ping\", get(ping::ping))",
            ".route(\"/ping\", get(ping::ping)).route(\"/total\", get(crate::routes::total::total))",
        ),
        (
            "src/settings.rs",
            "        // Section {\n",
            "        Section {\n            name: \"cart\",\n            doc: \"Carts.\",\n            keys: &[lameduck::config::Key::new(\"cart.items_max\", lameduck::config::Kind::Count { min: 1, max: 10 }, \"5\", \"Items.\")],\n        },\n        // Section {\n",
        ),
        ("src/error.rs", "    /// 409:", "    /// 410: it was there.\n    Gone,\n    /// 409:"),
        (
            "src/error.rs",
            "            Self::Conflict(_) => StatusCode::CONFLICT,",
            "            Self::Gone => StatusCode::GONE,\n            Self::Conflict(_) => StatusCode::CONFLICT,",
        ),
        (
            "src/error.rs",
            "            Self::Full(what) => write!",
            "            Self::Gone => f.write_str(\"it is gone\"),\n            Self::Full(what) => write!",
        ),
        ("src/error.rs", "            | Self::NotJson\n", "            | Self::NotJson\n            | Self::Gone\n"),
        ("Cargo.toml", "serde_json = \"1.0\"", "bytes = \"1\"\nserde_json = \"1.0\""),
        (values.as_str(), "replicaCount: 2", "replicaCount: 5"),
        ("Makefile", "upgrade: ", "load: ## Some load\n\they http://localhost:8080/total\n\nupgrade: "),
        (
            "Dockerfile",
            "      org.opencontainers.image.version=",
            "      org.opencontainers.image.vendor=\"Shop\" \\\n      org.opencontainers.image.version=",
        ),
        (".github/workflows/ci.yml", "  ok:\n", "  nightly:\n    runs-on: ubuntu-24.04\n    steps: []\n\n  ok:\n"),
        ("README.md", "## Where what is", "The carts of all customers.\n\n## Where what is"),
        (".gitignore", "target/\n", "target/\n/data/\n"),
        (
            "tests/service.rs",
            "#[test]\nfn ping_is_answered",
            "#[test]\nfn totals_are_answered() {\n    assert_eq!(start(&[]).get(\"/total\").status, 410);\n}\n\n#[test]\nfn ping_is_answered",
        ),
    ] {
        edit_file(folder, file, from, to);
    }
}
