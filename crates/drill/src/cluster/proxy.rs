//! Which proxy a request to the API server goes through, by the rules of kubectl (Go's `httpproxy`). Pure.
//!
//! `proxy-url` of the kubeconfig wins. Else `HTTPS_PROXY` or `HTTP_PROXY` by the server's scheme, upper case before
//! lower case, unless `NO_PROXY` names the server. A loopback server never goes through a proxy of the environment.

use std::net::IpAddr;

use anyhow::{Context, bail};
use http::Uri;

/// The environment as far as it is asked; an empty variable counts as unset.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The proxy for this server; `None`: the server is asked directly.
///
/// # Errors
/// A proxy is configured and is not a URL, or has a scheme that is not supported.
pub(super) fn choose(
    server: &Uri,
    configured: Option<&str>,
    environment: Environment<'_>,
) -> anyhow::Result<Option<Uri>> {
    if let Some(proxy) = configured.filter(|proxy| !proxy.is_empty()) {
        return parse(proxy).with_context(|| format!("proxy-url {proxy} of the kubeconfig")).map(Some);
    }
    let of = |name: &str| {
        let lower = name.to_ascii_lowercase();
        [name, lower.as_str()].into_iter().filter_map(environment).find(|value| !value.is_empty())
    };
    let variable = if server.scheme_str() == Some("http") { "HTTP_PROXY" } else { "HTTPS_PROXY" };
    let Some(proxy) = of(variable) else { return Ok(None) };
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(if variable == "HTTP_PROXY" { 80 } else { 443 });
    if is_excepted(&host, port, &of("NO_PROXY").unwrap_or_default()) {
        return Ok(None);
    }
    parse(&proxy).with_context(|| format!("{variable}={proxy}")).map(Some)
}

/// A proxy as it is written: without a scheme it is an HTTP proxy. The server's name is always resolved by the proxy.
fn parse(text: &str) -> anyhow::Result<Uri> {
    let text = text.trim();
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = url.replacen("socks5h://", "socks5://", 1);
    let uri: Uri = url.parse().context("not a URL")?;
    match uri.scheme_str() {
        Some("http" | "https" | "socks5") => Ok(uri),
        scheme => bail!("scheme {}: expected http, https or socks5", scheme.unwrap_or("none")),
    }
}

/// Whether the environment's proxy is not for this host: loopback, or named by an entry of `NO_PROXY`.
fn is_excepted(host: &str, port: u16, no_proxy: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((network, bits)) = entry.split_once('/') {
            return address.is_some_and(|address| is_within(address, network, bits));
        }
        let (name, wanted_port) = split_port(&entry);
        if wanted_port.is_some_and(|wanted| wanted != port) {
            return false;
        }
        if let Ok(wanted) = name.parse::<IpAddr>() {
            return address == Some(wanted);
        }
        // `example.com` names the host and what is below it; `.example.com` and `*.example.com` only what is below.
        let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
        match name.strip_prefix('.') {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        }
    })
}

/// `host:port`, `[::1]:port`, or without a port; an IPv6 address alone has none.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (address, port) = rest.split_once(']').unwrap_or((rest, ""));
        return (address, port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        Some(_) | None => (entry, None),
    }
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match (address, network.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(server: &str, configured: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let environment =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let proxy =
            choose(&server.parse().expect("a URL"), configured, &environment).expect("a proxy that is supported");
        proxy.map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_variable_goes_by_the_scheme_of_the_server() {
        let both = [("HTTP_PROXY", "http://a:1"), ("HTTPS_PROXY", "http://b:2")];
        assert_eq!(chosen("https://api:6443", None, &both), Some("http://b:2/".into()));
        assert_eq!(chosen("http://api:8001", None, &both), Some("http://a:1/".into()));
        assert_eq!(chosen("https://api:6443", None, &both[..1]), None);
        assert_eq!(chosen("https://api", None, &[("https_proxy", "b:2")]), Some("http://b:2/".into()));
        assert_eq!(
            chosen("https://api", None, &[("HTTPS_PROXY", ""), ("https_proxy", "c:3")]),
            Some("http://c:3/".into())
        );
        assert_eq!(chosen("https://api", None, &[("HTTPS_PROXY", "socks5h://d:4")]), Some("socks5://d:4/".into()));
    }

    #[test]
    fn the_kubeconfig_wins_also_over_no_proxy() {
        let environment = [("HTTPS_PROXY", "http://b:2"), ("NO_PROXY", "*")];
        assert_eq!(chosen("https://api", Some("socks5://s:1080"), &environment), Some("socks5://s:1080/".into()));
        assert_eq!(chosen("https://api", Some(""), &environment), None);
        assert_eq!(chosen("https://127.0.0.1:6443", Some("http://p:1"), &[]), Some("http://p:1/".into()));
    }

    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        let excepted = |server: &str, no_proxy: &str| {
            chosen(server, None, &[("HTTPS_PROXY", "http://b:2"), ("NO_PROXY", no_proxy)]).is_none()
        };
        for loopback in ["https://localhost:6443", "https://127.0.0.1:6443", "https://[::1]:6443"] {
            assert!(excepted(loopback, ""), "{loopback}");
        }
        for (server, no_proxy) in [
            ("https://api.example.com", "example.com"),
            ("https://example.com", "foo, Example.COM"),
            ("https://api.example.com", ".example.com"),
            ("https://api.example.com", "*.example.com"),
            ("https://api.example.com:6443", "example.com:6443"),
            ("https://10.1.2.3", "10.0.0.0/8"),
            ("https://10.1.2.3", "10.1.2.3"),
            ("https://[fd00::5]:6443", "fd00::/8"),
            ("https://anything", "*"),
        ] {
            assert!(excepted(server, no_proxy), "{server} by {no_proxy}");
        }
        for (server, no_proxy) in [
            ("https://example.com", ".example.com"),
            ("https://notexample.com", "example.com"),
            ("https://api.example.com:443", "example.com:6443"),
            ("https://11.1.2.3", "10.0.0.0/8"),
            ("https://10.1.2.3", "10.0.0.0/99"),
        ] {
            assert!(!excepted(server, no_proxy), "{server} not by {no_proxy}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named_with_its_source() {
        let problem = choose(&"https://api".parse().expect("a URL"), Some("ftp://x"), &|_| None).expect_err("ftp");
        assert_eq!(
            format!("{problem:#}"),
            "proxy-url ftp://x of the kubeconfig: scheme ftp: expected http, https or socks5"
        );
    }
}
