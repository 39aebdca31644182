//! Which environment variables are keys, and which.

/// What the names of the variables begin with.
///
/// Only names with `__` are keys: for a Service called orders the kubelet sets `ORDERS_SERVICE_HOST`, `ORDERS_PORT` and
/// the like in every pod of the namespace; they must not be taken for configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefixes {
    own: String,
    shared: Option<&'static str>,
}

/// A variable that names a key, if it is spelled correctly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variable {
    pub(crate) path: String,
    /// Whether it has the program's own prefix: its value then wins.
    pub(crate) own: bool,
}

impl Prefixes {
    /// The prefix of a program: `ORDERS_` for `orders`, `ORDER_API_` for `order-api`.
    pub fn of(program: &str) -> Self {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        Self { own: program.chars().map(letter).chain(['_']).collect(), shared: None }
    }

    /// Some keys are also read under this prefix, which several programs share; a variable with the program's own
    /// prefix wins. Which keys: see [`Schema::shared`](crate::Schema::shared).
    pub fn with_shared(mut self, prefix: &'static str) -> Self {
        self.shared = Some(prefix).filter(|prefix| *prefix != self.own);
        self
    }

    /// The program's own prefix.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// The prefix that it shares with other programs, if that is another one.
    pub fn shared(&self) -> Option<&'static str> {
        self.shared
    }

    /// The variable with the program's own prefix that sets `path`.
    pub fn variable(&self, path: &str) -> String {
        spelled(&self.own, path)
    }

    /// The same with the prefix that the variable `like` has.
    pub(crate) fn variable_like(&self, like: &str, path: &str) -> String {
        let own = self.rest(like, true).is_some() || like.starts_with(&self.own) && self.rest(like, false).is_none();
        spelled(if own { &self.own } else { self.shared.unwrap_or(&self.own) }, path)
    }

    /// The names of variables that mean the whole program rather than a key: `ORDERS_CONFIG`, then `LAMEDUCK_CONFIG`.
    pub fn plain(&self, name: &str) -> Vec<String> {
        let prefixes = std::iter::once(self.own.as_str()).chain(self.shared);
        prefixes.map(|prefix| format!("{prefix}{name}")).collect()
    }

    /// The key that a variable sets, or `None` if it is none of ours.
    pub(crate) fn read(&self, name: &str) -> Option<Variable> {
        let path = |rest: &str| rest.to_ascii_lowercase().replace("__", ".");
        let own = self.rest(name, true).map(|rest| Variable { path: path(rest), own: true });
        own.or_else(|| self.rest(name, false).map(|rest| Variable { path: path(rest), own: false }))
    }

    /// What follows the prefix, if a key may.
    fn rest<'n>(&self, name: &'n str, own: bool) -> Option<&'n str> {
        let prefix = if own { &self.own } else { self.shared? };
        name.strip_prefix(prefix).filter(|rest| rest.contains("__"))
    }

    /// What follows one of the prefixes in a name without `__`, in lower case.
    pub(crate) fn without_separator(&self, name: &str) -> Option<String> {
        let prefixes = std::iter::once(self.own.as_str()).chain(self.shared);
        let rest = prefixes.filter_map(|prefix| name.strip_prefix(prefix)).next()?;
        (!rest.contains("__")).then(|| rest.to_ascii_lowercase())
    }
}

fn spelled(prefix: &str, path: &str) -> String {
    format!("{prefix}{}", path.replace('.', "__").to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_two_underscores_are_keys() {
        let prefixes = Prefixes::of("orders").with_shared("LAMEDUCK_");
        for (name, expected) in [
            ("ORDERS_QUEUE__DELAY", Some(("queue.delay", true))),
            ("LAMEDUCK_QUEUE__DELAY_MAX", Some(("queue.delay_max", false))),
            ("LAMEDUCK_DEPENDENCIES__ORDERS_DB__TCP", Some(("dependencies.orders_db.tcp", false))),
            ("ORDERS_QUEUE__", Some(("queue.", true))),
            ("ORDERS_SERVICE_HOST", None),
            ("ORDERS_PORT_8080_TCP_ADDR", None),
            ("ORDERS_CONFIG", None),
            ("OTHER_QUEUE__DELAY", None),
            ("orders_queue__delay", None),
            ("QUEUE__DELAY", None),
        ] {
            let expected = expected.map(|(path, own)| Variable { path: path.to_owned(), own });
            assert_eq!(prefixes.read(name), expected, "{name}");
        }
    }

    #[test]
    fn a_program_is_called_anything() {
        for (program, own, shared) in [
            ("orders", "ORDERS_", Some("LAMEDUCK_")),
            ("order-api.v2", "ORDER_API_V2_", Some("LAMEDUCK_")),
            ("lameduck", "LAMEDUCK_", None),
        ] {
            let prefixes = Prefixes::of(program).with_shared("LAMEDUCK_");
            assert_eq!((prefixes.own(), prefixes.shared()), (own, shared));
            assert_eq!(prefixes.variable("queue.delay_max"), format!("{own}QUEUE__DELAY_MAX"));
        }
        let overlapping = Prefixes::of("lameduck-queue").with_shared("LAMEDUCK_");
        let variable = overlapping.read("LAMEDUCK_QUEUE__DELAY").unwrap();
        assert_eq!((variable.path.as_str(), variable.own), ("queue.delay", false));
    }
}
