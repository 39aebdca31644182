//! Who this process is in the cluster, by the downward API.

/// The own Pod, as the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `POD_NAME` (`metadata.name`).
    pub name: String,
    /// `POD_NAMESPACE` (`metadata.namespace`).
    pub namespace: String,
    /// `POD_UID` (`metadata.uid`). Names repeat (a StatefulSet), uids do not.
    pub uid: String,
    /// `CONTAINER_NAME`: which container this is, where there are several.
    pub container: Option<String>,
}

impl Identity {
    /// Reads the environment through `var`, so that tests need not change the real one. Empty counts as missing.
    ///
    /// # Errors
    /// [`IdentityError`] names every variable that is missing.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, IdentityError> {
        let var = |name| var(name).filter(|value| !value.is_empty());
        match (var("POD_NAME"), var("POD_NAMESPACE"), var("POD_UID")) {
            (Some(name), Some(namespace), Some(uid)) => {
                Ok(Self { name, namespace, uid, container: var("CONTAINER_NAME") })
            }
            (name, namespace, uid) => {
                let found = [("POD_NAME", name), ("POD_NAMESPACE", namespace), ("POD_UID", uid)];
                let missing = found.into_iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
                Err(IdentityError { missing })
            }
        }
    }
}

/// The Pod does not tell its process who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityError {
    /// Variables that are not set.
    pub missing: Vec<&'static str>,
}

impl std::fmt::Display for IdentityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} not set: add env entries with valueFrom.fieldRef (metadata.name, metadata.namespace, metadata.uid) to the \
             container",
            self.missing.join(", ")
        )
    }
}

impl std::error::Error for IdentityError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(vars: &[(&str, &str)]) -> Result<Identity, IdentityError> {
        Identity::from_vars(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_pod_that_says_who_it_is() {
        let vars = [("POD_NAME", "web-1"), ("POD_NAMESPACE", "shop"), ("POD_UID", "u-1"), ("CONTAINER_NAME", "web")];
        let found = identity(&vars).unwrap();
        assert_eq!((found.name.as_str(), found.uid.as_str()), ("web-1", "u-1"));
        assert_eq!(found.container.as_deref(), Some("web"));
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let error = identity(&[("POD_NAMESPACE", "shop"), ("POD_UID", "")]).unwrap_err();
        assert_eq!(error.missing, ["POD_NAME", "POD_UID"]);
        assert!(error.to_string().starts_with("POD_NAME, POD_UID not set: add env entries"), "{error}");
    }
}
