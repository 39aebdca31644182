//! The examples in the docs, run: configuration through `check`, curl lines against a service.

use crate::process::{Service, command};
use lameduck_testing::request;
use std::path::{Path, PathBuf};

/// The pages whose examples are run.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

/// Fenced blocks of a language, with the line on which each begins.
pub fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let fence = format!("```{language}");
    let mut found = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim_end() == fence {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
            found.push((number, block.flat_map(|line| [line, "\n"]).collect()));
        }
    }
    found
}

#[test]
fn every_configuration_example_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bootstrap.yaml");
    // Its kinds are not compiled into this service; the example `orders` takes them, and holds the page.
    let elsewhere = Path::new("dependencies.md");
    for page in pages().into_iter().filter(|page| !page.ends_with(elsewhere)) {
        for (line, block) in blocks(&std::fs::read_to_string(&page).unwrap(), "yaml") {
            std::fs::write(&file, &block).unwrap();
            let output = command().args(["check", "--config"]).arg(&file).output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{}:{line}: {text}", page.display());
        }
    }
}

/// `curl [-X METHOD] [-H HEADER] [-d BODY] URL   # what comes back`, as far as the docs use it.
fn run_curl(service: &Service, line: &str) -> (u16, String, Option<String>) {
    let (line, expected) =
        line.split_once("  #").map_or((line, None), |(line, expected)| (line, Some(expected.trim().to_owned())));
    let (mut method, mut body, mut target, mut headers) = ("GET", String::new(), None, Vec::new());
    let words = words(line);
    let mut words = words.iter().map(String::as_str).skip(1);
    while let Some(word) = words.next() {
        match word {
            "-X" => method = words.next().unwrap(),
            "-d" => body = words.next().unwrap().to_owned(),
            "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
            "-i" | "-s" => {}
            url => target = Some(url.trim_start_matches("http://")),
        }
    }
    if !body.is_empty() && method == "GET" {
        method = "POST";
    }
    let target = target.unwrap_or_else(|| panic!("no address in {line}"));
    let (host, path) = target.split_once('/').unwrap_or((target, ""));
    let address = match host {
        "localhost:8080" => service.http,
        "localhost:8081" => service.admin,
        other => panic!("{other} in {line}: the examples use localhost:8080 and localhost:8081"),
    };
    let answer = request(address, method, &format!("/{path}"), &headers, body.as_bytes());
    (answer.status, answer.text(), expected)
}

/// Splits as a shell does, for plain words and quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for char in line.chars() {
        match (quote, char) {
            (None, '\'' | '"') => quote = Some(char),
            (None, ' ') => words.push(String::new()),
            (Some(open), _) if open == char => quote = None,
            _ => words.last_mut().expect("never empty").push(char),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_curl_line_does_what_it_says() {
    let mut lines = 0;
    // The tutorial has a test of its own.
    for page in pages().into_iter().filter(|page| !page.ends_with("tutorial.md")) {
        // Each page has its own service: one of its lines may end it.
        let service =
            crate::process::start(&[("BENCH__ENABLED", "true"), ("DRAIN__STRATEGY", "delay"), ("DRAIN__DELAY", "10s")]);
        for line in
            std::fs::read_to_string(&page).unwrap().lines().map(str::trim).filter(|line| line.starts_with("curl "))
        {
            lines += 1;
            let (status, text, expected) = run_curl(&service, line);
            assert!(status < 400, "{}: {line}: {status} {text}", page.display());
            if let Some(expected) = expected.filter(|expected| expected.starts_with(['{', '"'])) {
                assert_eq!(text, expected, "{}: {line}", page.display());
            }
        }
    }
    assert!(lines >= 2, "the README shows how to ask");
}
