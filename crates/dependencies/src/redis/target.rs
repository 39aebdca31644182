//! Where Redis is: one server, a cluster, or a primary that sentinels know.

use std::fmt;
use std::str::FromStr;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
const NODES_MAX: usize = 64;

/// What the URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) topology: Topology,
    pub(super) nodes: Vec<(String, u16)>,
    pub(super) user: Option<String>,
    pub(super) tls: bool,
}

/// How the servers belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topology {
    Single { database: i64 },
    Cluster,
    Sentinel { primary: String, database: i64 },
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("not a URL")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (topology, port) = match (scheme.trim_start_matches("rediss").trim_start_matches("redis"), path.as_slice())
        {
            ("", []) => (Topology::Single { database: 0 }, PORT),
            ("", [number]) => (Topology::Single { database: database(number)? }, PORT),
            ("-cluster", []) => (Topology::Cluster, PORT),
            ("-cluster", _) => return Err("a cluster has no databases: nothing may follow the nodes".to_owned()),
            ("-sentinel", [primary]) => {
                (Topology::Sentinel { primary: (*primary).to_owned(), database: 0 }, SENTINEL_PORT)
            }
            ("-sentinel", [primary, number]) => {
                (Topology::Sentinel { primary: (*primary).to_owned(), database: database(number)? }, SENTINEL_PORT)
            }
            ("-sentinel", _) => return Err("the name of the primary is missing: redis-sentinel://HOST/NAME".to_owned()),
            (_, _) if !scheme.starts_with("redis") => return Err(format!("unsupported scheme `{scheme}`")),
            (_, _) => return Err("expected at most a database after the host".to_owned()),
        };
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => return Err("contains a password: use password_file".to_owned()),
            Some((user, hosts)) => (Some(user.to_owned()).filter(|user| !user.is_empty()), hosts),
            None => (None, authority),
        };
        let nodes = hosts.split(',').map(|host| node(host, port)).collect::<Result<Vec<_>, _>>()?;
        if nodes.len() > 1 && matches!(topology, Topology::Single { .. }) {
            return Err("more than one host: use redis-cluster:// or redis-sentinel://".to_owned());
        }
        if nodes.len() > NODES_MAX {
            return Err(format!("more than {NODES_MAX} hosts"));
        }
        Ok(Self { topology, nodes, user, tls: scheme.starts_with("rediss") })
    }
}

fn database(text: &str) -> Result<i64, String> {
    text.parse::<u16>().map(i64::from).map_err(|_| format!("`{text}` is not the number of a database"))
}

fn node(text: &str, default: u16) -> Result<(String, u16), String> {
    let problem = || format!("`{text}` is not HOST or HOST:PORT");
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or_else(problem)?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| problem())?;
        (host, port.strip_prefix(':'))
    } else {
        text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(problem)?,
        None => default,
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if host.is_empty() || host.len() > 253 || !host.bytes().all(good) {
        return Err(problem());
    }
    Ok((host.to_owned(), port))
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.topology {
            Topology::Single { .. } => "",
            Topology::Cluster => "cluster ",
            Topology::Sentinel { .. } => "sentinel ",
        };
        let shown = |(host, port): &(String, u16)| {
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        };
        write!(f, "{kind}{}", self.nodes.iter().map(shown).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Target, String> {
        text.parse()
    }

    #[test]
    fn urls_of_all_topologies_are_read() {
        let single = parse("redis://cache").unwrap();
        assert_eq!(single.nodes, [("cache".to_owned(), 6379)]);
        assert_eq!((single.topology, single.user, single.tls), (Topology::Single { database: 0 }, None, false));
        let tls = parse("rediss://orders@[::1]:7000/3").unwrap();
        assert_eq!(tls.to_string(), "[::1]:7000");
        assert_eq!((tls.topology, tls.tls), (Topology::Single { database: 3 }, true));
        assert_eq!(tls.user.as_deref(), Some("orders"));
        let cluster = parse("redis-cluster://a:7000,b:7001").unwrap();
        assert_eq!((cluster.topology, cluster.nodes.len()), (Topology::Cluster, 2));
        let sentinel = parse("rediss-sentinel://a,b:26380/orders/2").unwrap();
        assert_eq!(sentinel.topology, Topology::Sentinel { primary: "orders".to_owned(), database: 2 });
        assert_eq!(sentinel.nodes, [("a".to_owned(), 26379), ("b".to_owned(), 26380)]);
        assert!(sentinel.tls);
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_reason() {
        for (url, reason) in [
            ("cache:6379", "not a URL"),
            ("http://cache", "unsupported scheme `http`"),
            ("redis-ring://cache", "at most a database"),
            ("redis://user:secret@cache", "use password_file"),
            ("redis://:secret@cache", "use password_file"),
            ("redis://a,b", "redis-cluster://"),
            ("redis://cache/x", "not the number of a database"),
            ("redis://cache/1/2", "at most a database"),
            ("redis-cluster://a/1", "no databases"),
            ("redis-sentinel://a", "name of the primary"),
            ("redis://cache:0", "not HOST"),
            ("redis://ca che", "not HOST"),
            ("redis://", "not HOST"),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
