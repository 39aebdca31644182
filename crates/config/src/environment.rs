//! Which environment variables are keys, and which.

/// What the names of all our variables begin with.
pub(crate) const PREFIX: &str = "LAMEDUCK_";

/// The path that a variable sets, or `None` if it is no key: only names with `__` are. The kubelet injects
/// `LAMEDUCK_SERVICE_HOST`, `LAMEDUCK_PORT` and the like for a Service called lameduck; they must not be mistaken for ours.
pub(crate) fn path(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    if !rest.contains("__") {
        return None;
    }
    Some(rest.to_ascii_lowercase().replace("__", "."))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn only_names_with_two_underscores_are_keys() {
        for (name, expected) in [
            ("LAMEDUCK_ORDERS__DELAY", Some("orders.delay")),
            ("LAMEDUCK_ORDERS__DELAY_MAX", Some("orders.delay_max")),
            ("LAMEDUCK_DEPENDENCIES__ORDERS_DB__TCP", Some("dependencies.orders_db.tcp")),
            ("LAMEDUCK_ORDERS__", Some("orders.")),
            ("LAMEDUCK_SERVICE_HOST", None),
            ("LAMEDUCK_PORT_8080_TCP_ADDR", None),
            ("LAMEDUCK_CONFIG", None),
            ("OTHER_ORDERS__DELAY", None),
            ("lameduck_drain__delay", None),
            ("DRAIN__DELAY", None),
        ] {
            assert_eq!(path(name).as_deref(), expected, "{name}");
        }
    }
}
