//! The documentation of every key, from its declaration.

use crate::effective::effective;
use crate::key::{Key, Section, environment_name};
use crate::resolve::resolve;
use crate::source::Sources;
use std::fmt::Write as _;

/// Markdown: an introduction, a file with every default, then each section with its keys.
pub fn reference(sections: &[Section]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let defaults = resolve(&Sources::default(), sections).values;
    for line in effective(&defaults, sections) {
        let _ = writeln!(text, "{}", line.yaml);
    }
    text.push_str("```\n");
    for (index, section) in sections.iter().enumerate() {
        if sections[..index].iter().any(|earlier| earlier.name == section.name) {
            continue;
        }
        let _ = write!(text, "\n## `{}`\n", section.name);
        let same: Vec<_> = sections.iter().filter(|other| other.name == section.name).collect();
        for part in &same {
            let _ = write!(text, "\n{}\n", part.doc);
        }
        for key in same.iter().flat_map(|part| part.keys) {
            describe(&mut text, key);
        }
    }
    text
}

fn describe(text: &mut String, key: &Key) {
    let path = key.path.replace('*', "NAME");
    let _ = write!(text, "\n### `{path}`\n\n{}", key.doc);
    if !key.why.is_empty() {
        let _ = write!(text, " {}", key.why);
    }
    let default = match key.default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some(default) => format!("`{default}`"),
    };
    let _ = write!(
        text,
        "\n\n- Value: {}\n- Default: {default}\n- Environment: `{}`\n",
        key.kind.expected(),
        environment_name(&path)
    );
    if key.secret {
        text.push_str("- Never shown by `check`, in errors or in logs.\n");
    }
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Made from the declarations of the keys by `make docs`; a test compares. To change a sentence, change the declaration. -->

Everything has a default: no file is fine. Values come from, each over the one before:

1. the defaults below;
2. a YAML file, `--config FILE` or `LAMEDUCK_CONFIG=FILE`;
3. environment variables: `LAMEDUCK_` and the path of the key, its parts joined by `__`, in capitals:
   `LAMEDUCK_DRAIN__DELAY=3s`, `LAMEDUCK_DEPENDENCIES__DATABASE__TCP=database:5432`. Lists are separated by commas.

Only names with `__` are keys: for a Service called `lameduck` the kubelet sets `LAMEDUCK_SERVICE_HOST` and the like in every
pod of the namespace, and these are nobody's configuration.

Durations carry a unit (`3s`, `250ms`, `1m30s`, bare only `0`); sizes are bytes or `64KiB`, `1MiB`. A key that does not exist
is an error, not a comment. All errors of a load are reported together, and the exit code is 2:

```text
the configuration has 2 errors:
  bootstrap.yaml:2: drain.delya: unknown key; did you mean drain.delay?
  LAMEDUCK_DRAIN__FLOOR: drain.floor = \"2\": expected a duration with a unit from 0s to 24h, such as 3s, 250ms or 1m30s; did you mean 2s?
```

`check` loads the same way, then prints every value with where it came from, and what the exit may take at most.

## All defaults

```yaml
";
