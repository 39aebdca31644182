//! A process of the service, and what clients do with it.

use lameduck_testing::{Client, Response, Service};
use serde_json::json;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// Starts the service on this folder, or on the database of `ORDERS_TEST_POSTGRES`.
pub(crate) fn start(folder: &Path) -> Service {
    start_with(folder, &[])
}

/// Starts it with further keys of the engine.
pub(crate) fn start_with(folder: &Path, further: &[(&str, &str)]) -> Service {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders"));
    // A key of the service has the service's own prefix.
    command.env("ORDERS_ORDERS__FOLDER", folder);
    let mut keys = further.to_vec();
    let postgres = std::env::var("ORDERS_TEST_POSTGRES");
    if let Ok(url) = &postgres {
        keys.push(("dependencies.database.postgres", url.as_str()));
    }
    Service::start_command(command, &keys)
}

/// Sends one request on a connection of its own.
pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    Client::connect(address)?.send(method, target, headers, body)
}

/// Places an order under a key.
pub(crate) fn place(address: SocketAddr, key: &str, customer: &str, cents: i64) -> io::Result<Response> {
    let body = json!({ "customer": customer, "item": "a book", "amount_cents": cents }).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    send(address, "POST", "/orders", &headers, body.as_bytes())
}

/// All orders, page by page: customer and cents by id.
pub(crate) fn all_orders(address: SocketAddr) -> HashMap<String, (String, i64)> {
    let mut orders = HashMap::new();
    let mut after = String::new();
    loop {
        let page = send(address, "GET", &format!("/orders?limit=100&after={after}"), &[], b"").unwrap().json();
        for order in page["orders"].as_array().unwrap() {
            let text = |key: &str| order[key].as_str().unwrap().to_owned();
            let twice = orders.insert(text("id"), (text("customer"), order["amount_cents"].as_i64().unwrap()));
            assert_eq!(twice, None, "a page repeats an order");
        }
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return orders,
        }
    }
}

/// What the projection says of a customer: orders and cents.
pub(crate) fn total(address: SocketAddr, customer: &str) -> (i64, i64) {
    let total = send(address, "GET", &format!("/customers/{customer}/total"), &[], b"").unwrap().json();
    (total["orders"].as_i64().unwrap(), total["total_cents"].as_i64().unwrap())
}
