//! The results as one page: everything inside it, nothing from the network.

use crate::report::Document;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Puts the document into the page.
///
/// # Errors
/// The document cannot be written as JSON.
pub(crate) fn render(document: &Document) -> serde_json::Result<String> {
    // Inside a script element only `<` could end it. The document goes in last: it may hold any text.
    let json = serde_json::to_string(document)?.replace('<', "\\u003c");
    let frame = PAGE.replacen("/*STYLE*/", STYLE, 1).replacen("/*SCRIPT*/", SCRIPT, 1);
    Ok(frame.replacen("\"DOCUMENT\"", &json, 1))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use lameduck_load::Verdict;

    use super::*;
    use crate::cli::{Cli, Command, local::plan};
    use crate::facts::sample;
    use crate::judge::{judge, judge_run};
    use crate::local::keys::ServiceKeys;
    use crate::plan::Role;
    use crate::report::Drilled;

    fn document(name: &str) -> Document {
        let cli = Cli::try_parse_from(["lameduck-drill", "local", "--seed", "18446744073709551615", "--", "server"]);
        let Command::Local(local) = cli.expect("valid options").command else {
            unreachable!("the arguments say local")
        };
        let plan = plan(&local, ServiceKeys::default()).expect("a valid plan");
        let facts = sample::run(name, Role::Subject, &[(Verdict::Answered, 90), (Verdict::Closed, 2)]);
        let in_cluster = sample::cluster(&[(Verdict::Answered, 90)], false);
        let judged = judge([facts, in_cluster].map(|facts| judge_run(facts, &plan.limits, false)).into());
        Document::new(&Drilled::program(&plan.command), std::time::UNIX_EPOCH, &plan.load, &judged)
    }

    #[test]
    fn the_page_is_whole_and_needs_no_network() {
        let page = render(&document("as-given")).unwrap();
        for left in ["\"DOCUMENT\"", "/*STYLE*/", "/*SCRIPT*/", "src=", "href=", "@import", "fetch(", "url("] {
            assert!(!page.contains(left), "{left} in the page");
        }
        assert!(!page.contains("https:"));
        assert_eq!(page.matches("http://").count(), 1, "the SVG name space only");
    }

    #[test]
    fn text_in_the_document_cannot_end_the_script() {
        let page = render(&document("</script><script>alert(1)</script>")).unwrap();
        assert!(!page.contains("<script>alert"));
        assert!(page.contains("\\u003c/script>"));
    }

    #[test]
    fn the_document_has_the_keys_that_are_documented() {
        let json = serde_json::to_value(document("as-given")).unwrap();
        assert_eq!((&json["version"], &json["exit_code"]), (&1.into(), &1.into()));
        assert_eq!(json["seed"], "18446744073709551615");
        let run = &json["runs"][0];
        assert_eq!((&run["requests"], &run["lost"], &run["lost_on_kept_alive"]), (&92.into(), &2.into(), &2.into()));
        assert_eq!(run["kinds"]["hot"]["latency"]["during"]["answered"], 90);
        assert_eq!(run["replicas"][0]["account"]["account"], "not_kept");
        assert_eq!(run["losses"][0]["verdict"], "closed");
        let in_cluster = &json["runs"][1];
        assert_eq!(in_cluster["replicas"][0]["wait_end"], "observed");
        let documented = include_str!("../../../../docs/drill.md");
        let pod = in_cluster["replicas"][0].as_object().unwrap().keys();
        let pod = pod.filter(|key| !run["replicas"][0].as_object().unwrap().contains_key(*key));
        let cluster = in_cluster["cluster"].as_object().unwrap().keys();
        for key in json.as_object().unwrap().keys().chain(run.as_object().unwrap().keys()).chain(pod).chain(cluster) {
            let forms = [format!("`{key}`"), format!("`{key}{{}}`"), format!("`{key}[]`")];
            assert!(forms.iter().any(|form| documented.contains(form)), "{key} is not in docs/drill.md");
        }
    }
}
