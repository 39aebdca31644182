//! Loads as an operator sees them: what was written, and the very lines that come back.

use super::*;
use std::time::Duration;

mod errors;
mod keys;

fn sources(yaml: &str, environment: &[(&str, &str)]) -> Sources {
    Sources {
        file: (!yaml.is_empty()).then(|| File { name: "bootstrap.yaml".to_owned(), text: yaml.to_owned() }),
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Sources::default()
    }
}

#[test]
fn nothing_at_all_is_the_contract() {
    let loaded = load::<()>(&Sources::default()).unwrap();
    assert_eq!(loaded.config.plan(), lameduck_lifecycle::Plan::default());
    assert_eq!(loaded.config.limits, lameduck_server::Limits::default());
    assert_eq!(loaded.config.closings, lameduck_server::Closings::default());
    assert!(loaded.config.dependencies.is_empty());
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}
