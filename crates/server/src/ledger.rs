//! The ledger's cells: written by guards on the hot path, summed for the lifecycle's [`Ledger`].

use crate::cells::Sharded;
use lameduck_lifecycle::{Kind, Ledger, Outcome, Protocol};
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

const PROTOCOLS: usize = Protocol::ALL.len();
const KINDS: usize = Kind::ALL.len();
const OUTCOMES: usize = Outcome::ALL.len();

#[derive(Debug, Default)]
struct Cells {
    /// Begun less ended, in one cell: what a limit is held against.
    open: AtomicU64,
    begun: [[AtomicU64; KINDS]; PROTOCOLS],
    ended: [[[AtomicU64; OUTCOMES]; KINDS]; PROTOCOLS],
}

/// Counts of requests.
#[derive(Debug, Default)]
pub(crate) struct LedgerCells {
    shards: Sharded<Cells>,
}

impl LedgerCells {
    /// A request begins. Sequentially consistent: the guard registers here first and looks at the admission second, so
    /// whoever changed the admission and then sums sees every request that did not see the change.
    #[inline]
    pub(crate) fn begin(&self, protocol: Protocol, kind: Kind) {
        let cells = self.shards.local();
        cells.open.fetch_add(1, Relaxed);
        cells.begun[protocol.index()][kind.index()].fetch_add(1, SeqCst);
    }

    /// A request ends.
    #[inline]
    pub(crate) fn end(&self, protocol: Protocol, kind: Kind, outcome: Outcome) {
        let cells = self.shards.local();
        cells.open.fetch_sub(1, Relaxed);
        cells.ended[protocol.index()][kind.index()][outcome.index()].fetch_add(1, SeqCst);
    }

    /// A request turns out to be of another kind: it moves in the gauge, and is not counted as begun again.
    pub(crate) fn moved(&self, protocol: Protocol, from: Kind, to: Kind) {
        let begun = &self.shards.local().begun[protocol.index()];
        begun[to.index()].fetch_add(1, SeqCst);
        // Cells of one shard may go below zero: only their sum over the shards is a count.
        begun[from.index()].fetch_sub(1, SeqCst);
    }

    /// Requests in flight, quickly: off by what moves between the reads.
    pub(crate) fn open(&self) -> u64 {
        let open = self.shards.iter().fold(0, |sum: u64, cells| sum.wrapping_add(cells.open.load(Relaxed)));
        if open > u64::MAX / 2 { 0 } else { open }
    }

    /// Requests in flight, exactly once nothing begins any more. Ends are read before starts, so that the difference is
    /// never negative.
    pub(crate) fn in_flight(&self) -> u64 {
        let ended = self.sum(|cells| cells.ended.iter().flatten().flatten());
        let begun = self.sum(|cells| cells.begun.iter().flatten());
        begun.wrapping_sub(ended)
    }

    /// Everything, summed.
    pub(crate) fn read(&self) -> Ledger {
        let mut ledger = Ledger::default();
        for protocol in Protocol::ALL {
            let mut ended_by_kind = [0; KINDS];
            for (kind, ended_of_kind) in Kind::ALL.into_iter().zip(&mut ended_by_kind) {
                for outcome in Outcome::ALL {
                    let ended = self
                        .sum(|cells| std::iter::once(&cells.ended[protocol.index()][kind.index()][outcome.index()]));
                    ledger.add_ended(protocol, kind, outcome, ended);
                    *ended_of_kind += ended;
                }
            }
            for (kind, ended) in Kind::ALL.into_iter().zip(ended_by_kind) {
                let begun = self.sum(|cells| std::iter::once(&cells.begun[protocol.index()][kind.index()]));
                let in_flight = begun.wrapping_sub(ended);
                // A kind that is being moved this moment may show up in neither or both; a count is never negative.
                let in_flight = if in_flight > u64::MAX / 2 { 0 } else { in_flight };
                ledger.set_in_flight(protocol, kind, in_flight);
                ledger.add_started(protocol, ended + in_flight);
            }
        }
        ledger
    }

    fn sum<'a, I: Iterator<Item = &'a AtomicU64>>(&'a self, of: impl Fn(&'a Cells) -> I) -> u64 {
        self.shards.iter().flat_map(of).map(|cell| cell.load(SeqCst)).fold(0, u64::wrapping_add)
    }
}

/// Closed connections by protocol and reason.
#[derive(Debug, Default)]
pub(crate) struct ClosedCells {
    shards: Sharded<[[AtomicU64; lameduck_lifecycle::CloseReason::ALL.len()]; PROTOCOLS]>,
}

impl ClosedCells {
    pub(crate) fn add(&self, protocol: Protocol, reason: lameduck_lifecycle::CloseReason) {
        self.shards.local()[protocol.index()][reason.index()].fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self, protocol: Protocol, reason: lameduck_lifecycle::CloseReason) -> u64 {
        self.shards.iter().map(|cells| cells[protocol.index()][reason.index()].load(Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_law_holds_across_threads_and_moves() {
        let cells = LedgerCells::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..1000 {
                        cells.begin(Protocol::Http1, Kind::Request);
                        let kind = if turn % 2 == 0 { Kind::Sse } else { Kind::Request };
                        if kind == Kind::Sse {
                            cells.moved(Protocol::Http1, Kind::Request, Kind::Sse);
                        }
                        if turn % 10 != 0 {
                            cells.end(Protocol::Http1, kind, Outcome::Completed);
                        }
                    }
                });
            }
        });
        let ledger = cells.read();
        assert_eq!(ledger.check(), Ok(()));
        assert_eq!((ledger.started(), ledger.in_flight()), (4000, 400));
        assert_eq!(ledger.in_flight_by(Protocol::Http1, Kind::Sse), 400);
        assert_eq!((cells.in_flight(), cells.open()), (400, 400));
    }
}
