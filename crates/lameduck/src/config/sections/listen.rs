//! `listen`: addresses of the ports.

use lameduck_config::{Check, Key, Kind, Section, Values};
use std::net::SocketAddr;

pub(super) const LISTEN: Section = Section {
    name: "listen",
    doc: "Listen addresses. Port 0 takes any free port, which is logged.",
    keys: &[
        Key::new("listen.http", Kind::Address, "[::]:8080", "HTTP/1.1 and HTTP/2; without TLS by prior knowledge (h2c).")
            .why("`[::]` serves IPv6 and IPv4; where IPv6 is switched off it falls back to `0.0.0.0`."),
        Key::new("listen.admin", Kind::Address, "[::]:8081", "Probes, metrics, `/drain` and the status page.").why(
            "It has a separate port and thread, so it answers while the service is saturated, and until the process ends.",
        ),
    ],
};

/// Listen addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// HTTP/1.1 and HTTP/2.
    pub http: SocketAddr,
    /// Probes, metrics, `/drain`, the status page.
    pub admin: SocketAddr,
}

impl Listen {
    pub(super) fn read(values: &Values) -> Self {
        Self { http: values.get("listen.http"), admin: values.get("listen.admin") }
    }

    /// Refuses a port that two listeners would share; `registered` are those of the service.
    pub(crate) fn check(&self, registered: &[(&'static str, SocketAddr)], check: &mut Check<'_>) {
        let mut all = vec![("listen.http", self.http), ("listen.admin", self.admin)];
        all.extend_from_slice(registered);
        for (index, (key, address)) in all.iter().enumerate() {
            for (other, taken) in &all[..index] {
                if overlap(*address, *taken) {
                    let port = address.port();
                    check.refuse(
                        &[key, other],
                        format!("port {port} is used twice: {other} is {taken}, {key} is {address}"),
                    );
                }
            }
        }
    }
}

/// Whether binding both must fail.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let anywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && (one.ip() == other.ip() || anywhere)
}
