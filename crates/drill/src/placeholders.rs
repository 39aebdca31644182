//! `{host}` and its like in a command, an environment, a URL.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::bail;

/// What a replica is told about itself.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) admin_port: u16,
    pub(crate) index: u16,
    pub(crate) grace: String,
    pub(crate) pre_stop: String,
    pub(crate) report_file: PathBuf,
}

impl Values {
    /// Fills the placeholders in.
    ///
    /// # Errors
    /// A placeholder that does not exist, or a brace without its partner.
    pub(crate) fn fill(&self, text: &str) -> anyhow::Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            filled.push_str(&rest[..at]);
            let brace = &rest[at..at + 1];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                filled.push_str(brace);
                rest = after;
                continue;
            }
            let Some((name, after)) = rest.split_once('}').filter(|_| brace == "{") else {
                bail!("{text:?} has a brace without its partner; write {{{{ and }}}} for braces");
            };
            filled.push_str(&self.value(name, text)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, name: &str, text: &str) -> anyhow::Result<String> {
        Ok(match name {
            "host" => self.host.to_string(),
            "port" => self.port.to_string(),
            "admin_port" => self.admin_port.to_string(),
            "index" => self.index.to_string(),
            "grace" => self.grace.clone(),
            "pre_stop" => self.pre_stop.clone(),
            "report_file" => self.report_file.display().to_string(),
            _ => bail!(
                "{text:?} has an unknown placeholder {{{name}}}; there are {{host}}, {{port}}, {{admin_port}}, \
                 {{index}}, {{grace}}, {{pre_stop}} and {{report_file}}, and {{{{ stands for a brace"
            ),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn values() -> Values {
        Values {
            host: IpAddr::from([127, 0, 1, 7]),
            port: 1,
            admin_port: 2,
            index: 6,
            grace: "30s".into(),
            pre_stop: "0s".into(),
            report_file: "/r/6.json".into(),
        }
    }

    #[test]
    fn all_placeholders_are_filled_and_braces_kept() {
        let filled = values().fill("{host}:{port} {admin_port} {index} {grace} {report_file} {{x}}").unwrap();
        assert_eq!(filled, "127.0.1.7:1 2 6 30s /r/6.json {x}");
    }

    #[test]
    fn what_is_no_placeholder_is_named() {
        assert!(values().fill("{hsot}").unwrap_err().to_string().contains("unknown placeholder {hsot}"));
        assert!(values().fill("{host").unwrap_err().to_string().contains("without its partner"));
        assert!(values().fill("a}b").is_err());
    }
}
