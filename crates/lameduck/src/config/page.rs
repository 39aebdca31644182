//! `docs/configuration.md`: how to configure, the keys that most people set, then every key.

use lameduck_config::{Prefixes, Schema, key_table, reference};

/// The keys that most services set, in the order in which one meets them.
const FREQUENT: [&str; 10] = [
    "listen.http",
    "listen.admin",
    "log.level",
    "log.format",
    "log.access",
    "drain.grace_period",
    "drain.delay",
    "limits.requests_in_flight",
    "limits.request_timeout",
    "stages.dependencies",
];

/// The page, from the declarations.
pub(crate) fn page(schema: &Schema) -> String {
    let mut text = introduction(&schema.prefixes);
    text.push_str(&key_table(schema, &FREQUENT));
    text.push_str(&reference(schema));
    text
}

fn introduction(prefixes: &Prefixes) -> String {
    let own = prefixes.own();
    let shared = prefixes.shared().map_or_else(String::new, |shared| {
        format!("\n   The engine's keys are also read as `{shared}…`; a variable that begins with `{own}` wins.")
    });
    let files = prefixes.plain("CONFIG").iter().map(|name| format!("`{name}=FILE`")).collect::<Vec<_>>().join(" or ");
    format!(
        "\
# Configuration

<!-- Generated from the declarations of the keys by `make docs`; a test compares. To change a sentence, change the declaration. -->

All keys have defaults: no file is needed. Sources, where a later one overrides an earlier one:

1. the defaults below;
2. a YAML file, `--config FILE` or {files};
3. environment variables: `{own}` and the path of the key in capitals, its parts joined by `__`: `{own}DRAIN__DELAY=3s`,
   `{own}DEPENDENCIES__DATABASE__TCP=database:5432`. Lists are separated by commas. An empty variable counts as not set.{shared}

Only names with `__` are keys: Kubernetes sets variables such as `{own}SERVICE_HOST` for a Service of that name in every pod of the
namespace, and these are no configuration.

Durations need a unit (`3s`, `250ms`, `1m30s`; only `0` may stand alone). Sizes are bytes, or `64KiB`, `1MiB`. An unknown key is an
error. All errors are reported at once, and the exit code is 2:

```text
the configuration has 2 errors:
  bootstrap.yaml:2: drain.delya: unknown key; did you mean drain.delay?
  {own}DRAIN__FLOOR: drain.floor = \"2\": expected a duration with a unit from 0s to 24h, such as 3s, 250ms or 1m30s; did you mean 2s?
```

`check` loads the same way, then prints every value with its source, and how long the shutdown may take.

## Keys that most people set

"
    )
}
