//! What a service may be called.

/// Longest name: a release of this name still has room for suffixes in the names of its objects.
const CHARS_MAX: usize = 40;

/// Words that Cargo or Rust refuse as the name of a package with a binary.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Words that YAML does not take for text.
const NOT_TEXT: &[&str] = &["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// Packages that a project depends on: two packages of one name cannot be told apart.
const DEPENDENCIES: &[&str] = &[
    "anyhow",
    "axum",
    "futures-util",
    "libc",
    "serde",
    "serde-json",
    "subtle",
    "tempfile",
    "tokio",
    "tracing",
    "utoipa",
];

/// Keys that Helm gives a meaning of its own.
const HELM: &[&str] = &["global"];

/// The name of a service: package, binary, image, chart, prefix of its environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

/// Why a name cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NameError {
    name: String,
    reason: String,
}

impl std::fmt::Display for NameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the name {:?} cannot be used: {}", self.name, self.reason)
    }
}

impl std::error::Error for NameError {}

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// It says what is wrong, and which name would do where one is near.
    pub(crate) fn parse(name: &str) -> Result<Self, NameError> {
        match fault(name) {
            Some(reason) => Err(NameError { name: name.to_owned(), reason }),
            None => Ok(Self(name.to_owned())),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As a module and as the package of a `.proto` file: `order_api`.
    pub(crate) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// As a type: `OrderApi`.
    pub(crate) fn pascal(&self) -> String {
        let word =
            |word: &str| word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default();
        self.0.split('-').map(word).collect()
    }

    /// What its environment variables begin with, without the underscore at the end: `ORDER_API`.
    pub(crate) fn prefix(&self) -> String {
        self.0.replace('-', "_").to_ascii_uppercase()
    }
}

fn fault(name: &str) -> Option<String> {
    let near = nearest(name);
    let instead =
        if near != name && fault_of_shape(&near).is_none() { format!("; {near} would do") } else { String::new() };
    if let Some(fault) = fault_of_shape(name) {
        return Some(format!("{fault}{instead}"));
    }
    let taken = |words: &[&str]| words.contains(&name);
    if taken(RESERVED) {
        return Some(format!("it is a reserved word of Rust or Cargo; {name}-service would do"));
    }
    if taken(NOT_TEXT) {
        return Some(format!("YAML does not read it as text; {name}-service would do"));
    }
    if taken(DEPENDENCIES) || taken(HELM) || name.starts_with("lameduck") {
        return Some(format!("it is the name of something that the project uses; my-{name} would do"));
    }
    None
}

fn fault_of_shape(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() {
        Some("it is empty")
    } else if name.chars().count() > CHARS_MAX {
        Some("it has more than 40 characters")
    } else if !name.chars().all(allowed) {
        Some("only a-z, 0-9 and - may be in it, because Kubernetes takes no more")
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("it must begin with a letter")
    } else if name.ends_with('-') || name.contains("--") {
        Some("each - must stand between letters or digits")
    } else {
        None
    }
}

/// The same in the shape of a name.
fn nearest(name: &str) -> String {
    let mut near = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && near.ends_with(|before: char| before.is_ascii_lowercase()) {
            near.push('-');
        }
        near.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    }
    let words: Vec<_> = near.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-").trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_work() {
        for name in ["orders", "order-api", "a", "s3", "web2-frontend"] {
            assert!(Name::parse(name).is_ok(), "{name}");
        }
        let name = Name::parse("order-api").unwrap();
        assert_eq!([name.prefix(), name.snake(), name.pascal()], ["ORDER_API", "order_api", "OrderApi"]);
    }

    #[test]
    fn names_that_do_not_are_explained_with_one_that_does() {
        for (name, expected) in [
            ("", "empty"),
            ("Orders", "; orders would do"),
            ("OrderApi", "; order-api would do"),
            ("order_api", "; order-api would do"),
            ("2fast", "; fast would do"),
            ("-x", "begin with a letter"),
            ("x-", "between letters"),
            ("größe", "only a-z"),
            ("a/b", "only a-z"),
            ("..", "only a-z"),
            ("async", "reserved word"),
            ("test", "reserved word"),
            ("on", "YAML"),
            ("axum", "my-axum would do"),
            ("lameduck", "the project uses"),
            (&"x".repeat(41), "40 characters"),
        ] {
            let error = Name::parse(name).expect_err(name).to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
}
