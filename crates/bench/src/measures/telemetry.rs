//! What telemetry costs: the service with it, against the same service without, in the same round.

use super::Size;
use super::throughput::{self, Load};
use crate::candidate::{Benched, Candidate};
use crate::collector;
use crate::report::{Goal, Row, Spread};
use anyhow::Context;

/// What is switched on.
struct Variant {
    name: &'static str,
    /// Variables beside those that every service gets.
    environment: Vec<(&'static str, String)>,
    /// Beside the service with nothing switched on.
    goal: Option<Goal>,
    us: Vec<f64>,
}

fn variants(collector: &str) -> Vec<Variant> {
    let traces = |share: &str| {
        vec![
            ("LAMEDUCK_TRACES__ENDPOINT", collector.to_owned()),
            ("LAMEDUCK_TRACES__PROTOCOL", "http/protobuf".to_owned()),
            ("LAMEDUCK_TRACES__SAMPLE_RATIO", share.to_owned()),
        ]
    };
    let lines = [("LAMEDUCK_LOG__ACCESS", "all"), ("LAMEDUCK_LOG__FORMAT", "json"), ("LAMEDUCK_LOG__RATE", "0")];
    let lines = lines.map(|(name, value)| (name, value.to_owned())).to_vec();
    let most = |most| Some(Goal { most, noise: 0.05 });
    let variant = |name, environment, goal| Variant { name, environment, goal, us: Vec::new() };
    vec![
        variant("off", Vec::new(), None),
        variant("1 % of the traces", traces("0.01"), most(1.05)),
        variant("all traces", traces("1.0"), most(1.35)),
        variant("a JSON line each", lines, None),
    ]
}

/// All variants on kept-alive connections, who take turns at going first. Nothing without a service.
pub(super) async fn measure(benched: &Benched, size: Size) -> anyhow::Result<Vec<Row>> {
    if benched.service.is_none() {
        return Ok(Vec::new());
    }
    let collector = collector::start().await.context("start a collector")?;
    let mut variants = variants(&format!("http://{collector}"));
    for round in 0..size.rounds {
        for turn in 0..variants.len() {
            let index = (round + turn) % variants.len();
            let variant = &mut variants[index];
            let running = benched.start_with(Candidate::Service, &variant.environment).await?;
            let us = throughput::once(running, Load::KeepAlive, size).await;
            variant.us.push(us.with_context(|| variant.name)?);
        }
    }
    Ok(rows(&variants))
}

fn rows(variants: &[Variant]) -> Vec<Row> {
    let Some((off, others)) = variants.split_first() else { return Vec::new() };
    let ratios = others.iter().map(|variant| Row {
        name: format!("CPU a request, telemetry: {} / off", variant.name),
        unit: "ratio",
        spread: Spread::of(variant.us.iter().zip(&off.us).map(|(us, off)| us / off).collect()),
        goal: variant.goal,
    });
    let absolute = variants.iter().map(|variant| Row {
        name: format!("CPU a request, telemetry: {}", variant.name),
        unit: "us",
        spread: Spread::of(variant.us.clone()),
        goal: None,
    });
    absolute.chain(ratios).collect()
}
