//! The dependencies of the configuration.

use super::{Dependency, DependencyError, Http, Named, Tcp};
use crate::config::{Config, DependencyTarget};

/// Those that the stages wait for, in their order.
pub(crate) fn required(config: &Config) -> Vec<Named> {
    let required = config.stages.dependencies.iter().filter_map(|name| {
        let target = &config.dependencies.iter().find(|dependency| dependency.name == *name)?.target;
        Some(match target {
            DependencyTarget::Tcp(address) => Named::new(name, Tcp::new(address.to_string())),
            DependencyTarget::Http(url) => match Http::new(&url.to_string()) {
                Ok(http) => Named::new(name, http),
                Err(error) => Named::new(name, Refused(error.to_string())),
            },
        })
    });
    required.collect()
}

/// A dependency that cannot even be tried.
struct Refused(String);

impl Dependency for Refused {
    async fn connect(&self) -> Result<(), DependencyError> {
        Err(DependencyError::Permanent(self.0.clone()))
    }
}
