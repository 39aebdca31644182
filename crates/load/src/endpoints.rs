//! The endpoint table: which replicas a new connection may go to.
//!
//! A Service as kube-proxy makes it: an endpoint is picked for each new *connection*, established connections stay
//! where they are, and every node has its own view that lags behind the truth by its own delay. Clients belong to a
//! view. If a view has no ready endpoint left, terminating ones that still serve are the fallback, as kube-proxy does.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Number of a replica within a run, counted over all restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ReplicaId(pub u16);

/// An address that a client may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whose address it is.
    pub replica: ReplicaId,
    /// Where to connect.
    pub address: SocketAddr,
}

#[derive(Debug, Default)]
struct View {
    ready: Vec<Endpoint>,
    /// Out of rotation, still serving: chosen only when `ready` is empty.
    terminating: Vec<Endpoint>,
}

/// All views. Connecting is rare beside sending, so a short lock is enough.
#[derive(Debug)]
pub struct Table {
    views: Vec<Mutex<View>>,
}

impl Table {
    /// A table with this many views, all empty.
    ///
    /// # Panics
    /// Without a view.
    pub fn new(views: usize) -> Self {
        assert!(views > 0, "a table has at least one view");
        Self { views: (0..views).map(|_| Mutex::default()).collect() }
    }

    /// How many views there are.
    pub fn views(&self) -> usize {
        self.views.len()
    }

    /// Enters a replica in every view: its readiness was seen.
    pub fn enter(&self, endpoint: Endpoint) {
        for index in 0..self.views.len() {
            let mut view = self.view(index);
            view.terminating.retain(|other| other.replica != endpoint.replica);
            if !view.ready.contains(&endpoint) {
                view.ready.push(endpoint);
            }
        }
    }

    /// Takes a replica out of rotation in one view; it stays a fallback while `serving`.
    pub fn retire(&self, index: usize, endpoint: Endpoint, serving: bool) {
        let mut view = self.view(index);
        view.ready.retain(|other| other.replica != endpoint.replica);
        view.terminating.retain(|other| other.replica != endpoint.replica);
        if serving {
            view.terminating.push(endpoint);
        }
    }

    /// Forgets the fallback role of a replica that no longer serves. Rotation is left as it is.
    pub fn stops_serving(&self, replica: ReplicaId) {
        for index in 0..self.views.len() {
            self.view(index).terminating.retain(|other| other.replica != replica);
        }
    }

    /// Picks an endpoint for a new connection; `None` when the view has none at all.
    pub fn pick(&self, view: usize, random: u64) -> Option<Endpoint> {
        let view = self.view(view);
        let from = if view.ready.is_empty() { &view.terminating } else { &view.ready };
        let index = random.checked_rem(from.len() as u64)?;
        from.get(index as usize).copied()
    }

    fn view(&self, index: usize) -> MutexGuard<'_, View> {
        self.views[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(number: u16) -> Endpoint {
        Endpoint { replica: ReplicaId(number), address: SocketAddr::from(([127, 0, 1, number as u8], 80)) }
    }

    fn picks(table: &Table, view: usize) -> Vec<u16> {
        let mut seen: Vec<u16> = (0..8).filter_map(|n| table.pick(view, n)).map(|e| e.replica.0).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    #[test]
    fn a_view_lags_by_itself() {
        let table = Table::new(2);
        table.enter(endpoint(1));
        table.enter(endpoint(2));
        table.retire(0, endpoint(1), true);
        assert_eq!(picks(&table, 0), [2]);
        assert_eq!(picks(&table, 1), [1, 2]);
    }

    #[test]
    fn terminating_endpoints_are_the_last_resort_while_they_serve() {
        let table = Table::new(1);
        table.enter(endpoint(1));
        table.retire(0, endpoint(1), true);
        assert_eq!(picks(&table, 0), [1]);
        table.enter(endpoint(2));
        assert_eq!(picks(&table, 0), [2]);
        table.retire(0, endpoint(2), false);
        assert_eq!(picks(&table, 0), [1]);
        table.stops_serving(ReplicaId(1));
        assert_eq!(table.pick(0, 3), None);
    }

    #[test]
    fn entering_twice_does_not_weigh_double() {
        let table = Table::new(1);
        table.enter(endpoint(1));
        table.enter(endpoint(1));
        table.enter(endpoint(2));
        assert_eq!((0..2).filter_map(|n| table.pick(0, n)).map(|e| e.replica.0).collect::<Vec<_>>(), [1, 2]);
    }
}
