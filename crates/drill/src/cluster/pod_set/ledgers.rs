//! What the pods say of themselves before the load and after it.

use futures_util::future;
use http::Method;

use super::PodSet;
use crate::facts::{LedgerSource, ReplicaFacts};
use crate::ledger::{Document, Metrics};

impl PodSet {
    /// Reads what every pod has counted so far. A pod that cannot be asked makes its account unknown, and says why.
    pub(crate) async fn read_baselines(&self) {
        let lives = self.history.each();
        let alive = lives.iter().filter(|life| self.has_ledger && life.borrow().exited.is_none());
        let reads = alive.map(async |life| {
            let name = object_name(&life.borrow());
            match self.document(&name).await {
                Ok(document) => life.borrow_mut().baseline = Some(document.ledger),
                Err(problem) => {
                    life.borrow_mut().baseline = None;
                    self.note(&problem);
                }
            }
        });
        future::join_all(reads).await;
    }

    /// Reads ledger and metrics of the pods that run, now that the load is over.
    pub(crate) async fn read_ledgers(&self) {
        let lives = self.history.each();
        let staying = lives.iter().filter(|life| {
            let life = life.borrow();
            self.has_ledger && life.exited.is_none() && life.ready.is_some()
        });
        let reads = staying.map(async |life| {
            let name = object_name(&life.borrow());
            let document = self.document(&name).await;
            let metrics = match self.exclusive {
                true => self.client.pod(Method::GET, &name, self.admin_port, "/metrics").await.ok(),
                // Others go on sending between the two readings.
                false => None,
            };
            let mut life = life.borrow_mut();
            // It may have ended meanwhile: then its last word is there already.
            if life.exited.is_some() {
                return;
            }
            match document {
                Ok(document) => life.ledger = Some((LedgerSource::DrainEndpoint, document.ledger)),
                Err(problem) => life.ledger_problem = Some(problem),
            }
            life.metrics = metrics.and_then(|page| Metrics::parse(&page));
        });
        future::join_all(reads).await;
    }

    async fn document(&self, pod: &str) -> Result<Document, String> {
        let text = self.client.pod(Method::GET, pod, self.admin_port, "/drain").await;
        text.and_then(|text| Document::parse(&text)).map_err(|problem| format!("/drain of {pod}: {problem}"))
    }
}

fn object_name(life: &ReplicaFacts) -> String {
    life.pod.as_ref().map(|pod| pod.name.clone()).unwrap_or_default()
}
