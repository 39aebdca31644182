//! What services there are and which methods they have, by the descriptors that were compiled from their files.

use lameduck::anyhow::{self, Context as _};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use std::collections::BTreeMap;

/// The methods of each service by its full name.
#[derive(Debug, Default)]
pub(crate) struct Descriptors(BTreeMap<String, Vec<String>>);

impl Descriptors {
    /// Reads encoded sets. What two of them describe counts once.
    ///
    /// # Errors
    /// If one is no `FileDescriptorSet`.
    pub(crate) fn read(encoded: &[&[u8]]) -> anyhow::Result<Self> {
        let mut services = BTreeMap::new();
        for bytes in encoded {
            let set = FileDescriptorSet::decode(*bytes).context("the description is no encoded FileDescriptorSet")?;
            for file in set.file {
                let package = file.package.unwrap_or_default();
                for service in file.service {
                    let name = service.name.unwrap_or_default();
                    let name = if package.is_empty() { name } else { format!("{package}.{name}") };
                    services.insert(name, service.method.into_iter().filter_map(|method| method.name).collect());
                }
            }
        }
        Ok(Self(services))
    }

    /// Its methods; none if no file describes it.
    pub(crate) fn methods(&self, service: &str) -> &[String] {
        self.0.get(service).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_listed_by_service() {
        let descriptors = Descriptors::read(&[tonic_health::pb::FILE_DESCRIPTOR_SET]).unwrap();
        let methods = descriptors.methods("grpc.health.v1.Health");
        assert!(methods.contains(&"Check".to_owned()) && methods.contains(&"Watch".to_owned()), "{methods:?}");
        assert!(descriptors.methods("grpc.health.v1.Other").is_empty());
        assert!(Descriptors::read(&[b"\xff"]).is_err());
    }
}
