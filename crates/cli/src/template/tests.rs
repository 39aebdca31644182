use super::*;
use crate::name::Name;
use crate::project::Choice;
use clap::ValueEnum;
use std::collections::BTreeSet;

/// Every project that can be asked for: by choices, with and without the sample, for each kind of engine.
fn projects() -> Vec<Project> {
    let every = Choice::value_variants();
    let sets = [BTreeSet::new(), every.iter().copied().collect()]
        .into_iter()
        .chain(every.iter().map(|one| BTreeSet::from([*one])));
    let git = Engine::Git { url: "https://example.com/lameduck".to_owned(), tag: Some("v9".to_owned()) };
    let engines = [Engine::Path("../lameduck".into()), Engine::Version("9.0.0".to_owned()), git];
    let mut projects = Vec::new();
    for with in sets {
        for sample in [false, true] {
            for engine in &engines {
                let name = Name::parse("order-api").unwrap();
                projects.push(Project { name, engine: engine.clone(), with: with.clone(), sample });
            }
        }
    }
    projects
}

fn texts(project: &Project) -> Vec<(String, String)> {
    let files = render(project).unwrap();
    let texts = files.into_iter().filter(|(path, _)| path != "Cargo.lock");
    texts.filter_map(|(path, bytes)| Some((path, String::from_utf8(bytes).ok()?))).collect()
}

#[test]
fn every_project_is_whole_and_speaks_of_itself() {
    for project in projects() {
        for (path, text) in texts(&project) {
            for mark in [
                "@name@",
                "@NAME@",
                "@engine",
                "@install",
                "@image",
                "@kinds",
                "@snake",
                "@Pascal",
                "[sample",
                "[repository",
                "lameduck-service",
                "bench",
            ] {
                assert!(!text.contains(mark), "{path} has {mark}: {project:?}");
            }
            // The sample's own name, as text.
            assert!(!text.contains("\"lameduck\"") || path.ends_with("Cargo.toml"), "{path}: {text}");
        }
    }
}

#[test]
fn without_the_sample_no_route_of_it_is_there() {
    for project in projects().iter().filter(|project| !project.sample) {
        for (path, text) in texts(project) {
            for word in ["submit", "/account", "utoipa", "keys_file"] {
                assert!(!text.contains(word), "{path} has {word}");
            }
        }
    }
}

/// What a new owner has to know: not the lock file, not the engine's chart.
#[test]
fn an_owner_has_few_lines() {
    let count =
        |path: &str| ["src/", "tests/", "helm/"].iter().any(|folder| path.starts_with(folder)) || path == "Cargo.toml";
    let project = &projects()[0];
    let lines: usize =
        texts(project).iter().filter(|(path, _)| count(path)).map(|(_, text)| text.lines().count()).sum();
    assert!(lines <= 400, "{lines} lines");
}

#[test]
fn the_manifest_is_a_package_with_the_versions_of_this_repository() {
    let root: toml::Table = toml::from_str(include_str!("../../../../Cargo.toml")).unwrap();
    for project in projects() {
        let (_, text) = texts(&project).into_iter().find(|(path, _)| path == "Cargo.toml").unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(!manifest.contains_key("workspace"));
        assert_eq!(manifest["package"]["name"].as_str(), Some("order-api"));
        assert_eq!(manifest["profile"], root["profile"]);
        assert_eq!(manifest["dependencies"]["axum"]["version"], root["workspace"]["dependencies"]["axum"]["version"]);
        let features: Vec<_> = manifest["features"]["default"]
            .as_array()
            .unwrap()
            .iter()
            .map(|feature| feature.as_str().unwrap())
            .collect();
        assert_eq!(features.contains(&"traces"), project.with.contains(&Choice::Traces), "{text}");
        for feature in features {
            assert!(manifest["features"].as_table().unwrap().contains_key(feature), "{text}");
        }
    }
}

/// The template's workflow pins what the repository's own pins.
#[test]
fn actions_are_the_ones_of_this_repository() {
    let own = include_str!("../../../../.github/workflows/ci.yml");
    let template = include_str!("../../template/ci.yml");
    for line in template.lines().map(str::trim).filter(|line| line.starts_with("- uses: ")) {
        assert!(own.contains(line), "{line}");
    }
}
