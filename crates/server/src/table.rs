//! The connection table: every open connection is a row.

mod activity;
mod closing;
mod orders;
mod read_mark;
mod request;
mod row;
mod text;

pub(crate) use orders::{Order, Orders};
pub(crate) use request::{RequestCell, Stream};
#[cfg(feature = "tls")]
pub(crate) use row::Session;
pub(crate) use row::{EndsWithSocket, Row};

use crate::app::RouteTable;
use crate::cells::{SHARDS, Sharded, shard};
use crate::shared::Shared;
use lameduck_lifecycle::Protocol;
use slab::Slab;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All open connections, upgraded ones too.
#[derive(Debug, Default)]
pub(crate) struct Table {
    shards: Sharded<Mutex<Slab<Arc<Row>>>>,
    open: AtomicUsize,
    /// Of these, HTTP/2: each may carry many requests.
    http2: AtomicUsize,
    next_id: AtomicU64,
}

impl Table {
    /// Open connections.
    pub(crate) fn len(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// The most requests that the open connections could have in flight.
    pub(crate) fn requests_max(&self, streams_max: usize) -> usize {
        self.len() + self.http2.load(SeqCst).saturating_mul(streams_max)
    }

    /// Looks at every row. A row that is visited is in the table: its socket is open.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Arc<Row>)) {
        for index in 0..SHARDS {
            for (_, row) in lock(self.shards.of(index)).iter() {
                visit(row);
            }
        }
    }

    /// A connection turned out to speak HTTP/2.
    pub(crate) fn speaks_http2(&self) {
        self.http2.fetch_add(1, SeqCst);
    }
}

/// A row's place in the table; dropping it is leaving the table.
#[derive(Debug)]
pub(crate) struct Registered {
    row: Arc<Row>,
    shard: usize,
    key: usize,
}

impl Registered {
    /// A row for an accepted socket.
    pub(crate) fn new(shared: &Arc<Shared>, routes: &Arc<RouteTable>, peer: SocketAddr) -> Self {
        let table = &shared.table;
        let row = Arc::new(Row::new(shared.clone(), routes.clone(), table.next_id.fetch_add(1, SeqCst), peer));
        let shard = shard();
        let key = lock(table.shards.of(shard)).insert(row.clone());
        table.open.fetch_add(1, SeqCst);
        shared.recount();
        Self { row, shard, key }
    }

    /// The row.
    #[inline]
    pub(crate) fn row(&self) -> &Arc<Row> {
        &self.row
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let shared = &self.row.shared;
        let table = &shared.table;
        self.row.leave();
        lock(table.shards.of(self.shard)).remove(self.key);
        if self.row.protocol() == Protocol::Http2 {
            table.http2.fetch_sub(1, SeqCst);
        }
        table.open.fetch_sub(1, SeqCst);
        shared.recount();
        shared.left.notify_waiters();
        shared.look_whether_drained();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
